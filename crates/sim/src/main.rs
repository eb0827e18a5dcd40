//! `nexus-sim`: runs seeds, replays one, and says what was reached.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use nexus_sim::disk::StoreKind;
use nexus_sim::plan::Plan;
use nexus_sim::sweep::{Sweep, Watch, run, sweep};
use nexus_sim::trace::time;
use nexus_sim::world::Failure;

/// Whole networks of nodes through years of bad luck, from one seed.
#[derive(Debug, Parser)]
#[command(name = "nexus-sim", version)]
struct Args {
    /// Over the shipped database instead of the store in memory.
    #[arg(long, global = true)]
    sqlite: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run many seeds.
    Run {
        /// How many.
        #[arg(long, default_value_t = 100)]
        seeds: u64,
        /// The first.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Threads.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
    /// Run one seed, and tell what happened last at each node.
    Replay {
        /// The seed.
        seed: u64,
        /// Everything that happened.
        #[arg(long)]
        all: bool,
        /// The plan too.
        #[arg(long)]
        plan: bool,
    },
    /// Run seeds until the time is over.
    Soak {
        /// How long.
        #[arg(long, default_value_t = 10)]
        minutes: u64,
        /// The first seed.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Threads.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
    /// Run seeds, and list what they reached; fails if something named was not reached.
    Stats {
        /// How many.
        #[arg(long, default_value_t = 500)]
        seeds: u64,
        /// The first.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Threads.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
}

#[expect(clippy::disallowed_methods, reason = "how long the simulator itself takes, in real time")]
fn clock() -> Instant {
    Instant::now()
}

fn main() -> ExitCode {
    let args = Args::parse();
    let kind = if args.sqlite { StoreKind::Sqlite } else { StoreKind::Memory };
    // A panic inside a run is reported with its seed, not by itself.
    std::panic::set_hook(Box::new(|_| {}));
    match args.what {
        What::Run { seeds, from, jobs } => many(seeds, from, jobs, kind, None, false),
        What::Soak { minutes, from, jobs } => {
            let until = clock() + Duration::from_secs(60 * minutes);
            many(u64::MAX - from, from, jobs, kind, Some(until), false)
        }
        What::Stats { seeds, from, jobs } => many(seeds, from, jobs, kind, None, true),
        What::Replay { seed, all, plan } => replay(seed, all, plan, kind),
    }
}

fn told(kind: StoreKind) -> impl Fn(u64, &Failure) + Sync {
    let sqlite = if kind == StoreKind::Sqlite { "--sqlite " } else { "" };
    move |seed, failure| {
        println!(
            "FAILED seed {seed} at {}: {}\n  replay: cargo run -p nexus-sim -- {sqlite}replay {seed}",
            time(failure.at),
            failure.what
        );
    }
}

fn many(
    seeds: u64,
    from: u64,
    jobs: usize,
    kind: StoreKind,
    until: Option<Instant>,
    stats: bool,
) -> ExitCode {
    let begun = clock();
    let go_on = || until.is_none_or(|until| clock() < until);
    let out = sweep(from, seeds, jobs, kind, &go_on, &told(kind));
    let took = begun.elapsed();
    summary(&out, took);
    let missing = out.cover.missing();
    if stats {
        for (what, times) in out.cover.iter() {
            println!("{times:>12}  {what}");
        }
        for what in &missing {
            println!("     MISSING  {what}");
        }
    }
    if out.failures.is_empty() && (!stats || missing.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn summary(out: &Sweep, took: Duration) {
    let real = took.as_secs_f64().max(1e-9);
    println!(
        "{} seeds, {} failed, {} events, {:.1} years in {:.1} s: {:.1} seeds and {:.0} events a second, {:.0} times as fast as real time",
        out.seeds,
        out.failures.len(),
        out.steps,
        out.time.as_secs_f64() / 31_557_600.0,
        real,
        out.seeds as f64 / real,
        out.steps as f64 / real,
        out.time.as_secs_f64() / real,
    );
}

fn replay(seed: u64, all: bool, show_plan: bool, kind: StoreKind) -> ExitCode {
    let plan = Plan::draw(seed);
    if show_plan {
        match serde_json::to_string_pretty(&plan) {
            Ok(text) => println!("{text}"),
            Err(error) => println!("the plan can't be shown: {error}"),
        }
    }
    let begun = clock();
    let report = run(&plan, kind, if all { Watch::All } else { Watch::Last });
    print!("{}", report.trace);
    let hash: String = report.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    println!(
        "seed {seed}: {} nodes, {} steps, {} events, {} virtual in {:.3} s, trace {hash}, {:?}",
        plan.nodes.len(),
        plan.steps.len(),
        report.steps,
        time(report.time),
        begun.elapsed().as_secs_f64(),
        report.traffic,
    );
    match report.failure {
        None => ExitCode::SUCCESS,
        Some(failure) => {
            println!("FAILED at {}: {}", time(failure.at), failure.what);
            ExitCode::FAILURE
        }
    }
}
