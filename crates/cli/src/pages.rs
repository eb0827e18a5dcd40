//! Completions and the manual, made from the definition of the commands.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use nexus_node::error;

use crate::args::Cli;
use crate::output::Out;
use crate::stop::Done;

/// Prints the completions for a shell.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn completions(out: &mut Out, shell: Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nexus", &mut script);
    out.raw(&script)
}

/// Prints the manual page, or writes one for every command into a directory.
///
/// # Errors
/// When standard output is closed or the directory can't be written.
pub(crate) fn manual(out: &mut Out, dir: Option<&Path>) -> Done {
    let command = Cli::command().disable_help_subcommand(true);
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return out.raw(&page);
    };
    std::fs::create_dir_all(dir).map_err(|e| error::io("can't make", dir, &e))?;
    clap_mangen::generate_to(command, dir).map_err(|e| error::io("can't write to", dir, &e))?;
    Ok(())
}
