//! Prints how fast runs are checked and taken in; judges nothing. `cargo test --release -- --ignored --nocapture rate`

use crate::common::pair;

/// Seconds of processor time of this thread, which other load does not change.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

#[test]
#[ignore = "a measurement"]
fn rate_of_checking_and_taking_in() {
    let (mut a, mut b) = pair();
    let to_b = [b.record()];
    let text = "x".repeat(200);
    for _ in 0..20_000 {
        a.text(&text, &to_b);
    }
    let runs = a.ledger.all_runs(&a.conversation.topic(), 300);
    let entries = 20_000.0 * 5.0;
    let start = cpu();
    for _ in 0..5 {
        for run in &runs {
            run.clone().check().unwrap();
        }
    }
    let seconds = cpu() - start;
    let count = runs.len();
    println!("{count} runs, checked: {:.0} entries/s of processor time", entries / seconds);
    let checked: Vec<_> = runs.into_iter().map(|run| run.check().unwrap()).collect();
    let start = cpu();
    for run in &checked {
        b.take(run);
    }
    println!("taken in: {:.0} messages/s of processor time", 20_000.0 / (cpu() - start));
}
