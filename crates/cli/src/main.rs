//! The `nexus` program: what a person types and sees.
//!
//! It holds `node`'s commands, events and views, and nothing below; it opens no socket and no store of its own. The
//! modules, in reading order: [`args`] (what may be typed), [`run`] (which part answers it), [`session`] (the node it
//! speaks with: one that runs already, or one started for as long as the command needs), `commands`, `render` (rows as
//! text), [`output`] and [`stop`] (how results and errors leave the program), [`sanitize`] (text of others made safe), `terminal`,
//! [`export`], [`demo`], [`ui`] (the terminal UI's way to a node).

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

mod args;
mod commands;
mod demo;
mod duration;
mod export;
mod output;
mod pages;
mod place;
mod qr;
mod render;
mod run;
mod sanitize;
mod session;
mod signals;
mod stop;
mod terminal;
mod ui;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(unparsed(&error)),
    };
    let shape = run::shape(&cli.global);
    // What is logged must not be painted over the terminal UI.
    if !ui::wanted(&cli, shape) || !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        run::log_to_stderr(cli.global.verbose, shape.color);
    }
    let code = match run::run(cli, shape) {
        Ok(()) => 0,
        Err(stop) => stop.tell(shape),
    };
    ExitCode::from(code)
}

/// Help and version are output; the rest is a usage error in our own form.
fn unparsed(error: &clap::Error) -> u8 {
    use clap::error::ErrorKind as K;
    match error.kind() {
        K::DisplayHelp | K::DisplayVersion => {
            // A closed pipe is no reason to complain.
            let _ = error.print();
            0
        }
        K::DisplayHelpOnMissingArgumentOrSubcommand if !asked_for_json() => {
            let _ = error.print();
            2
        }
        _ => {
            let color = std::env::var_os("NO_COLOR").is_none();
            let shape = output::Shape { json: asked_for_json(), color, ..Default::default() };
            stop::Stop::Error(stop::from_clap(error, &understood())).tell(shape)
        }
    }
}

/// What could not be parsed may still say how errors are to be told.
fn asked_for_json() -> bool {
    std::env::args_os().skip(1).take_while(|a| a != "--").any(|a| a == "--json")
}

/// The command that was typed, as far as it is one.
fn understood() -> String {
    let whole = args::Cli::command();
    let (mut at, mut path) = (&whole, vec!["nexus".to_owned()]);
    for word in std::env::args().skip(1).take_while(|a| a != "--") {
        if let Some(next) = at.find_subcommand(&word) {
            at = next;
            path.push(word);
        }
    }
    path.join(" ")
}
