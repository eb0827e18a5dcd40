//! Measures the release build beside what the machine can do, and prints one table.
//!
//! Everything but the first row is measured on real `nexus` processes on the loopback interface, through the
//! control socket, as a front end would see it. Nothing is judged here: the targets stand beside the figures.

#![expect(clippy::indexing_slicing, reason = "a serde_json::Value is Null where nothing is")]

mod driver;
mod measures;
mod table;
mod verify;

use std::path::PathBuf;

use anyhow::{Context, Result};

use table::Table;

/// Messages in the store for the rows that depend on size.
const SIZES: [usize; 2] = [10_000, 100_000];
const FULL: usize = 1_000_000;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let program =
        PathBuf::from(args.next().context("usage: nexus-bench PROGRAM [--full] [SIZE…]")?);
    let mut table = Table::new();
    let mut sizes = Vec::new();
    for arg in args {
        if arg == "verify" {
            verify::verify(&mut table)?;
            table.print();
            return Ok(());
        } else if arg == "--full" {
            sizes.extend(SIZES);
            sizes.push(FULL);
        } else {
            sizes.push(arg.parse().with_context(|| format!("{arg} is no size"))?);
        }
    }
    if sizes.is_empty() {
        sizes.extend(SIZES);
    }

    verify::verify(&mut table)?;
    measures::latency(&program, &mut table)?;
    for size in sizes {
        measures::with_messages(&program, size, &mut table)?;
    }
    table.print();
    Ok(())
}
