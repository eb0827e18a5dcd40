//! `nexus-sim`: runs seeds, replays one, and says what was reached.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use nexus_sim::disk::StoreKind;
use nexus_sim::mistakes::{Hunt, Mistake, hunt, hunt_all};
use nexus_sim::plan::Plan;
use nexus_sim::shrink::shrink;
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
    /// Make the plan of a failing seed, or of a file, as small as it can be and still fail.
    Shrink {
        /// The seed.
        seed: Option<u64>,
        /// A plan as it was saved, in place of a seed.
        #[arg(long)]
        file: Option<PathBuf>,
        /// Where the small plan goes; else it is printed.
        #[arg(long)]
        save: Option<PathBuf>,
    },
    /// Run a plan that was saved.
    Plan {
        /// The file.
        file: PathBuf,
        /// Everything that happened.
        #[arg(long)]
        all: bool,
    },
    /// Tell a story that somebody wrote down, and say whether it ends as it says.
    Story {
        /// The file; the module `story` says what its lines mean.
        file: PathBuf,
        /// Draws what the story leaves open: how long wires and disks take.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Everything that happened.
        #[arg(long)]
        all: bool,
    },
    /// Run eight devices with 1,000 messages in a day, and say how much faster than real time that is.
    Pace,
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
    /// Build mistakes in, and see how many seeds it takes to find each; fails if one is not found.
    Bugs {
        /// Seeds for each at most.
        #[arg(long, default_value_t = 2_000)]
        seeds: u64,
        /// The first.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Threads.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Only this one.
        #[arg(long)]
        only: Option<String>,
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
        What::Shrink { seed, file, save } => small(seed, file.as_deref(), save.as_deref(), kind),
        What::Plan { file, all } => match read_plan(&file) {
            Ok(plan) => tell(&plan, all, kind),
            Err(error) => {
                println!("{}: {error}", file.display());
                ExitCode::FAILURE
            }
        },
        What::Story { file, seed, all } => match read_story(&file, seed) {
            Ok(plan) => tell(&plan, all, kind),
            Err(error) => {
                println!("{}: {error}", file.display());
                ExitCode::FAILURE
            }
        },
        What::Pace => pace(kind),
        What::Bugs { seeds, from, jobs, only } => bugs(seeds, from, jobs, only.as_deref()),
        What::Replay { seed, all, plan } => replay(seed, all, plan, kind),
    }
}

fn bugs(seeds: u64, from: u64, jobs: usize, only: Option<&str>) -> ExitCode {
    let tell = |hunt: &Hunt| {
        let (name, what) = (hunt.mistake.name(), hunt.mistake.what());
        match &hunt.found {
            Some((count, seed, failure)) => {
                let how: String = failure.what.chars().take(120).collect();
                println!("| {name} | {what} | {count} | {seed}: {how} |");
            }
            None => println!("| {name} | {what} | NOT FOUND in {seeds} | |"),
        }
    };
    let hunts = match only {
        None => hunt_all(from, seeds, jobs, &tell),
        Some(only) => {
            let all = Mistake::all().into_iter().filter(|mistake| mistake.name() == only);
            all.map(|mistake| hunt(mistake, from, seeds)).inspect(tell).collect()
        }
    };
    let all = hunts.iter().all(|hunt| hunt.found.is_some());
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

fn pace(kind: StoreKind) -> ExitCode {
    let plan = Plan::pace();
    let begun = clock();
    let report = run(&plan, kind, Watch::Hash);
    let took = begun.elapsed().as_secs_f64();
    let day = plan.span as f64 / 1_000.0;
    println!(
        "{} devices, {} messages: {:.0} s of talk and {} in all, in {took:.2} s: {:.0} times as fast as real time (talk alone, if all of it were that: {:.0})",
        plan.nodes.len(),
        plan.steps.len(),
        day,
        time(report.time),
        report.time.as_secs_f64() / took,
        day / took,
    );
    if report.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read_plan(file: &Path) -> Result<Plan, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn read_story(file: &Path, seed: u64) -> Result<Plan, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    nexus_sim::story::read(&text, seed).map_err(|error| error.to_string())
}

fn small(seed: Option<u64>, file: Option<&Path>, save: Option<&Path>, kind: StoreKind) -> ExitCode {
    let plan = match (seed, file) {
        (_, Some(file)) => match read_plan(file) {
            Ok(plan) => plan,
            Err(error) => {
                println!("{}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        },
        (Some(seed), None) => Plan::draw(seed),
        (None, None) => {
            println!("give a seed, or --file");
            return ExitCode::FAILURE;
        }
    };
    let Some(small) = shrink(&plan, kind) else {
        println!("it does not fail");
        return ExitCode::FAILURE;
    };
    // Places of devices stay, so that steps mean the same; who meets nobody does not count.
    let meet = |plan: &Plan| {
        let met = |node: &usize| plan.edges.iter().any(|(a, b)| a == node || b == node);
        (0..plan.nodes.len()).filter(met).count()
    };
    println!(
        "from {} devices that meet and {} steps to {} and {}, in {} runs: {}",
        meet(&plan),
        plan.steps.len(),
        meet(&small.plan),
        small.plan.steps.len(),
        small.runs,
        small.failure.what
    );
    let text = serde_json::to_string_pretty(&small.plan).unwrap_or_default();
    match save {
        None => println!("{text}"),
        Some(file) => {
            if let Err(error) = std::fs::write(file, text) {
                println!("{}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn replay(seed: u64, all: bool, show_plan: bool, kind: StoreKind) -> ExitCode {
    let plan = Plan::draw(seed);
    if show_plan {
        match serde_json::to_string_pretty(&plan) {
            Ok(text) => println!("{text}"),
            Err(error) => println!("the plan can't be shown: {error}"),
        }
    }
    tell(&plan, all, kind)
}

fn tell(plan: &Plan, all: bool, kind: StoreKind) -> ExitCode {
    let begun = clock();
    let report = run(plan, kind, if all { Watch::All } else { Watch::Last });
    print!("{}", report.trace);
    let hash: String = report.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    println!(
        "seed {}: {} nodes, {} steps, {} events, {} virtual in {:.3} s, trace {hash}, {:?}",
        plan.seed,
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
