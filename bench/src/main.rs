//! Measures the release build beside what the machine can do, and prints one table.
//!
//! Everything but the first row is measured on real `nexus` processes on the loopback interface, through the
//! control socket, as a front end would see it. Nothing is judged here: the targets stand beside the figures.

#![expect(clippy::indexing_slicing, reason = "a serde_json::Value is Null where nothing is")]

mod blobstream;
mod crowd;
mod driver;
mod files;
mod lan;
mod measures;
mod nothing;
mod screen;
mod table;
mod terminal;
mod verify;

use std::path::PathBuf;

use anyhow::{Context, Result};

use table::Table;

/// Messages in the store for the rows that depend on size.
const SIZES: [usize; 2] = [10_000, 100_000];
/// Added by `--full`.
const FULL: [usize; 2] = [200_000, 1_000_000];
/// Contacts of the idle node. Not among what is run unasked: it needs root, for a LAN of network namespaces.
const PEOPLE: usize = 100;
const USAGE: &str = "usage: nexus-bench PROGRAM [--full | verify | blobstream | nothing | latency | idle | SIZE | screen=SIZE | files=MIB]…";

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let program = PathBuf::from(args.next().context(USAGE)?);
    let mut parts: Vec<String> = args.collect();
    if parts.iter().all(|part| part == "--full") {
        let full = !parts.is_empty();
        parts = ["verify", "nothing", "latency"].map(str::to_owned).into();
        let more = FULL.iter().filter(|_| full);
        parts.extend(SIZES.iter().chain(more).map(ToString::to_string));
    }
    let mut table = Table::new();
    for part in &parts {
        let done = match part.as_str() {
            "verify" => verify::verify(&mut table),
            "blobstream" => blobstream::blobstream(&mut table),
            "nothing" => nothing::nothing_new(&mut table),
            "latency" => measures::latency(&program, &mut table),
            "idle" => crowd::crowd(&program, PEOPLE, &mut table),
            sized => {
                let number = |text: &str| {
                    text.parse().with_context(|| format!("{text} is no size; {USAGE}"))
                };
                match sized.split_once('=') {
                    Some(("files", mib)) => files::files(&program, number(mib)?, &mut table),
                    Some(("screen", size)) => screen::screen(&program, number(size)?, &mut table),
                    _ => measures::with_messages(&program, number(sized)?, &mut table),
                }
            }
        };
        // What was measured is worth something even if the next thing fails.
        if let Err(error) = done {
            table.print();
            return Err(error.context(format!("while measuring {part}")));
        }
    }
    table.print();
    Ok(())
}
