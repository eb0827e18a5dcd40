//! Plans that once broke a promise, each as small as it could be made: they hold it for ever.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use nexus_sim::disk::StoreKind;
use nexus_sim::plan::Plan;
use nexus_sim::sweep::{Watch, run};

#[test]
fn what_once_broke_a_promise_holds_it_over_both_stores() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions");
    let mut files: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "json"));
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let plan: Plan = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for kind in [StoreKind::Memory, StoreKind::Sqlite] {
            let report = run(&plan, kind, Watch::Last);
            if let Some(failure) = report.failure {
                panic!("{} over {kind:?}: {}\n{}", file.display(), failure.what, report.trace);
            }
        }
    }
}
