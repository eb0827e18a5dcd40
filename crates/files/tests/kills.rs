//! A process that lands a folder is killed again and again, wherever it just is.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::*;
use nexus_blobs::GROUP;
use nexus_files::{BootId, Landing, Partial, leftovers};

/// What the killed process is told by.
const FROM: &str = "NEXUS_FILES_TEST_FROM";

fn child(place: &Place) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--ignored", "--nocapture"])
        .env(FROM, place.tmp.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "run by the test below"]
fn the_process_that_is_killed() {
    let Some(place) = std::env::var_os(FROM).map(PathBuf::from) else { return };
    let at = Partial {
        dir: place.join("to"),
        id: ID,
        state_dir: place.join("data/partial"),
        boot: BootId::named(b"this run"),
    };
    let source = source(&place.join("from/d"));
    let step = |what: &str| writeln!(std::io::stderr(), "{what}").unwrap();
    step("begin");
    let landing = Landing::resume(&at, source.what()).unwrap();
    let front = (source.manifest().unwrap().len() as u64).div_ceil(GROUP as u64);
    let missing: Vec<_> = landing.have().missing(source.what().size.groups()).flatten().collect();
    for index in missing {
        if index >= front && !landing.has_manifest() {
            step("manifest");
            landing.set_manifest(source.manifest().unwrap()).unwrap();
        }
        step("group");
        give(&source, &landing, index);
        if index % 7 == 0 {
            step("sync");
            landing.sync().unwrap();
        }
    }
    step("finish");
    landing.finish(&root(&source)).unwrap();
    step("done");
}

#[test]
fn killed_a_hundred_times_at_any_step_it_lands_once_and_right_and_nothing_is_left() {
    let place = Place::in_memory();
    for number in 0..120 {
        let bytes = noise(number * 997 % 9000, number as u8);
        place.file(&format!("d/{}/{number}", number % 5), &bytes);
    }
    place.file("d/large", &noise(9 * G + 1, 1));
    symlink("large", place.from().join("d/link")).unwrap();
    let want = tree(&place.from().join("d"));
    let mut kills = 0;
    while kills < 100 {
        let mut most = 0;
        for tries in 0.. {
            assert!(tries < 50, "it does not come to an end");
            // The last line that is heard says where it is, more or less, when it is killed.
            let heard = killed_after(&place, kills % 29 + 1);
            kills += 1;
            let left = leftovers(&place.state()).unwrap();
            let landed = place.landed();
            assert!(landed.iter().all(|name| name == "d"), "{landed:?} after {heard:?}");
            if !landed.is_empty() {
                assert_eq!(tree(&place.to().join("d")), want);
            }
            let partials = names(&place.to()).len() - landed.len();
            assert!(partials <= left.len(), "a partial is left that nobody knows of");
            let bytes = left.first().map_or(0, |left| left.bytes);
            assert!(bytes >= most || !landed.is_empty(), "{bytes} < {most} after {heard:?}");
            most = bytes;
            if !landed.is_empty() && left.is_empty() {
                break;
            }
        }
        assert_eq!(place.landed(), ["d"]);
        place.assert_tidy();
        fs::remove_dir_all(place.to().join("d")).unwrap();
    }
}

/// Starts the process and kills it once it has said so many lines.
fn killed_after(place: &Place, lines: usize) -> Vec<String> {
    let mut child = child(place);
    // Open until it is dead: nothing but the kill may end it.
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let heard = said.by_ref().take(lines).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    heard
}
