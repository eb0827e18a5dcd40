//! One log, one place, two entries.

use crate::common::{Device, pair, person, run_of};
use nexus_log::body::Payload;
use nexus_log::chain::MAX_BRANCHES;
use nexus_log::compose::ComposeError;
use nexus_log::fork::ForkProof;
use nexus_log::frontier::Fingerprint;
use nexus_log::hlc::Hlc;
use nexus_log::ids::{EntryHash, Head};
use nexus_log::ingest::{MAX_CITATIONS, MAX_CROWDED, Placed};
use nexus_log::ledger::{Chain, ChainId, Ledger};
use nexus_log::open::Author;
use nexus_log::rebuild::rebuild;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// A copy of a device that goes its own way, as from a cloned disk.
fn clone_of(device: &Device, seed: u8) -> Device {
    let mut copy = device.clone();
    copy.rng = ChaCha20Rng::from_seed([seed; 32]);
    copy
}

fn fingerprint(device: &Device) -> [u8; 32] {
    let topic = device.conversation.topic();
    Fingerprint::of_topic(&topic, &device.ledger.heads(&topic))
}

#[test]
fn both_branches_show_and_the_proof_convinces_anybody() {
    let (mut a, mut b) = pair();
    a.text("common", &[b.record()]);
    let mut copy = clone_of(&a, 77);
    a.text("from the original", &[b.record()]);
    copy.text("from the copy", &[b.record()]);
    copy.text("more of it", &[b.record()]);
    b.pull(&a);
    let got = b.take(&run_of(&copy, 0).check().unwrap());
    assert_eq!(got.placed, Placed::New { count: 2, from: 3 });
    let proof = got.fork.unwrap();
    assert_eq!((proof.log(), proof.seq()), (a.log(), 3));
    assert_eq!(ForkProof::decode(&proof.encode()).unwrap(), *proof);
    assert_eq!(
        b.texts(),
        ["common", "from the copy", "from the original", "more of it"]
            .map(String::from)
            .to_vec()
            .tap_sorted(&b)
    );
    let crowded = b.ledger.crowded(&b.conversation.topic()).unwrap();
    assert!(crowded.is_empty(), "two branches are no crowd");
    // The other way round gives the same.
    let (_, mut c) = pair();
    c.pull(&copy);
    c.pull(&a);
    assert_eq!(fingerprint(&b), fingerprint(&c));
    assert_eq!(b.digest(), c.digest());
    // A branch goes on like a log.
    copy.text("and on", &[b.record()]);
    let branch = b.ledger.heads(&b.conversation.topic()).into_iter().find_map(|head| head.branch);
    assert!(branch.is_some());
    let got = b.take(&run_of(&copy, 5).check().unwrap());
    assert_eq!(got.placed, Placed::New { count: 1, from: 5 });
    assert!(b.texts().contains(&"and on".to_string()));
}

trait TapSorted {
    fn tap_sorted(self, device: &Device) -> Vec<String>;
}

impl TapSorted for Vec<String> {
    /// The same texts in the order that the device shows: clocks tie, so hashes decide.
    fn tap_sorted(self, device: &Device) -> Vec<String> {
        let shown = device.texts();
        let (mut mine, mut theirs) = (self, shown.clone());
        mine.sort();
        theirs.sort();
        assert_eq!(mine, theirs);
        shown
    }
}

#[test]
fn the_honest_device_meeting_its_own_unknown_words_stops_writing() {
    let (mut a, mut b) = pair();
    let to_b = [b.record()];
    a.text("common", &to_b);
    let mut copy = clone_of(&a, 78);
    copy.text("from the copy", &to_b);
    b.pull(&copy);
    let got = a.pull(&b);
    assert!(got.iter().any(|got| got.own_log_continued));
    let refused = a.try_say(Payload::Text("no".into()), &to_b);
    assert!(matches!(refused, Err(ComposeError::Stopped)));
    // A new instance of the same person goes on.
    let mut fresh = Device::direct(&a.secrets.clone(), &crate::common::person(2), 79);
    fresh.pull(&b);
    fresh.text("on a new instance", &[b.record(), a.record()]);
    b.pull(&fresh);
    assert!(b.texts().contains(&"on a new instance".to_string()));
}

/// Three copies of one device write on; `b` takes their runs in the given order.
fn three_copies(order: [usize; 3]) -> (Device, Vec<Device>) {
    let (mut a, mut b) = pair();
    a.text("common", &[b.record()]);
    let copies: Vec<_> = (0..3)
        .map(|n| {
            let mut copy = clone_of(&a, 80 + n);
            copy.text(&format!("branch {n}"), &[b.record()]);
            copy.text(&format!("branch {n} again"), &[b.record()]);
            copy
        })
        .collect();
    b.pull(&a);
    for n in order {
        b.take(&run_of(&copies[n], 0).check().unwrap());
    }
    (b, copies)
}

#[test]
fn of_three_branches_the_two_with_the_smallest_first_hashes_show_in_whatever_order_they_came() {
    let (first, copies) = three_copies([0, 1, 2]);
    assert_eq!(first.texts().len(), 5);
    let mut hashes: Vec<_> = copies
        .iter()
        .enumerate()
        .map(|(n, copy)| (run_of(copy, 3).check().unwrap().hash_at(3).unwrap(), n))
        .collect();
    hashes.sort();
    let hidden = format!("branch {}", hashes[2].1);
    assert!(!first.texts().contains(&hidden));
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (other, _) = three_copies(order);
        assert_eq!(first.digest(), other.digest(), "{order:?}");
        assert_eq!(first.view(), other.view());
        assert_eq!(fingerprint(&first), fingerprint(&other));
    }
    let mut again = first.clone();
    let now = again.now();
    rebuild(&mut again.ledger, &again.conversation, &again.me, now).unwrap();
    assert_eq!(again.view(), first.view());
}

#[test]
fn a_third_branch_shows_as_far_as_somebody_cites_it_whenever_that_comes() {
    let (plain, copies) = three_copies([0, 1, 2]);
    let shown = plain.texts();
    let hidden = (0..3).find(|n| !shown.contains(&format!("branch {n}"))).unwrap();
    // Another device of b's person, which met only that branch, cites its first entry.
    let mut witness = Device::direct(&crate::common::person(2), &crate::common::person(1), 33);
    for run in copies[hidden].ledger.all_runs(&plain.conversation.topic(), 1).iter().take(4) {
        witness.take(&run.clone().check().unwrap());
    }
    witness.text("I saw it", &[plain.record()]);
    let witnessed = run_of(&witness, 0).check().unwrap();
    let mut late = plain.clone();
    late.take(&witnessed);
    let texts = late.texts();
    assert!(texts.contains(&format!("branch {hidden}")), "{texts:?}");
    assert!(!texts.contains(&format!("branch {hidden} again")), "{texts:?}");
    // The same when the citation was there before the branches.
    let (a, mut early) = pair();
    early.take(&witnessed);
    let _ = a;
    for copy in &copies {
        early.take(&run_of(copy, 0).check().unwrap());
    }
    assert_eq!(early.digest(), late.digest());
    let now = late.now();
    let before = late.view();
    rebuild(&mut late.ledger, &late.conversation, &late.me, now).unwrap();
    assert_eq!(late.view(), before);
}

#[test]
fn citations_of_what_nobody_wrote_are_bounded() {
    let (plain, _) = three_copies([0, 1, 2]);
    let log = plain
        .ledger
        .heads(&plain.conversation.topic())
        .iter()
        .find(|h| h.branch.is_some())
        .unwrap()
        .log;
    let mut liar = Device::direct(&crate::common::person(2), &crate::common::person(1), 34);
    let hash = |n: u16| {
        let mut bytes = [9; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        EntryHash::from_bytes(bytes)
    };
    let author = Some(Author {
        who: liar.me.who,
        identity: liar.me.identity,
        instance: liar.me.instance.key(),
    });
    for n in 0..1600 {
        let chain = Chain {
            id: ChainId(0),
            topic: liar.conversation.topic(),
            log,
            branch: Some(hash(n)),
            base: None,
            first: 0,
            head: Head { seq: u64::from(n), hash: hash(n) },
            author,
            hlc: Hlc(0),
            cited: None,
            hidden_from: None,
            retired: None,
            stopped: false,
        };
        liar.ledger.create_chain(&chain).unwrap();
    }
    for _ in 0..100 {
        liar.text("I saw it all", &[plain.record()]);
    }
    let mut reader = plain.clone();
    reader.pull(&liar);
    assert_eq!(reader.ledger.citations(&log).unwrap().len(), MAX_CITATIONS);
}

#[test]
fn of_so_many_logs_with_a_third_branch_citations_are_looked_up_and_the_others_show_two_all_the_same()
 {
    let (_, mut reader) = pair();
    let topic = reader.conversation.topic();
    for n in 0..=u8::try_from(MAX_CROWDED).unwrap() {
        let mut cheat =
            Device::direct(&crate::common::person(1), &crate::common::person(2), 100 + n);
        cheat.text("common", &[reader.record()]);
        for branch in 0..3 {
            let mut copy = clone_of(&cheat, branch);
            copy.text(&format!("{n} {branch}"), &[reader.record()]);
            reader.take(&run_of(&copy, 0).check().unwrap());
        }
        let crowded = reader.ledger.crowded(&topic).unwrap();
        assert_eq!(crowded.len(), usize::from(n + 1).min(MAX_CROWDED));
        let of_it = reader.texts().into_iter().filter(|text| text.starts_with(&format!("{n} ")));
        assert_eq!(of_it.count(), 2, "{n}");
    }
}

#[test]
fn branches_past_the_limit_are_not_taken() {
    let (mut a, mut b) = pair();
    a.text("common", &[b.record()]);
    b.pull(&a);
    let mut placed = Vec::new();
    for n in 0..=MAX_BRANCHES {
        let mut copy = clone_of(&a, 100 + u8::try_from(n).unwrap());
        copy.text(&format!("branch {n}"), &[b.record()]);
        placed.push(b.take(&run_of(&copy, 0).check().unwrap()).placed);
    }
    assert_eq!(placed[MAX_BRANCHES - 1], Placed::New { count: 1, from: 3 });
    assert_eq!(placed[MAX_BRANCHES], Placed::TooManyBranches);
    assert_eq!(b.texts().len(), 3);
}

#[test]
fn two_opens_of_one_log_are_two_branches_from_the_start() {
    let (mut a, mut b) = pair();
    let mut copy = clone_of(&a, 90);
    a.text("one beginning", &[b.record()]);
    copy.text("another", &[b.record()]);
    b.pull(&a);
    let got = b.take(&run_of(&copy, 0).check().unwrap());
    assert_eq!(got.fork.unwrap().seq(), 0);
    let mut texts = b.texts();
    texts.sort();
    assert_eq!(texts, ["another", "one beginning"]);
}

#[test]
fn what_follows_a_retirement_does_not_show() {
    let (mut a, mut b) = pair();
    let to_b = [b.record()];
    a.text("last words", &to_b);
    a.say(Payload::Retire, &to_b);
    a.text("from beyond", &to_b);
    for run in a.ledger.all_runs(&a.conversation.topic(), 1) {
        b.take(&run.check().unwrap());
    }
    assert_eq!(b.texts(), ["last words"]);
    assert_eq!(a.texts(), ["last words"]);
}

#[test]
fn branches_after_a_retirement_do_not_show_in_whatever_order_they_come() {
    let (mut a, b) = pair();
    let to_b = [b.record()];
    a.say(Payload::Retire, &to_b);
    let mut copies = [clone_of(&a, 91), clone_of(&a, 92)];
    copies[0].text("from beyond", &to_b);
    copies[1].say(Payload::ReadMark(vec![]), &to_b);
    for (order, step) in [([0, 1], 1), ([1, 0], 1), ([0, 1], 300), ([1, 0], 300)] {
        let mut reader = b.clone();
        for n in order {
            for run in copies[n].ledger.all_runs(&a.conversation.topic(), step) {
                reader.take(&run.check().unwrap());
            }
        }
        assert_eq!(reader.texts(), [""; 0], "{order:?} {step}");
        let now = reader.now();
        rebuild(&mut reader.ledger, &reader.conversation, &reader.me, now).unwrap();
        assert_eq!(reader.texts(), [""; 0], "{order:?} {step}, made anew");
    }
}

#[test]
fn what_was_taken_back_on_a_branch_that_does_not_show_is_there_with_its_words() {
    let (mut a, mut b) = pair();
    let to_b = [b.record()];
    // Written by another device of the same person, whose log does not part.
    let mut second = Device::direct(&person(1), &person(2), 13);
    let both = [a.record(), b.record()];
    let targets: Vec<_> = (0..3).map(|n| second.text(&format!("words {n}"), &both)).collect();
    a.pull(&second);
    b.pull(&second);
    a.open();
    let copies: Vec<Device> = (0..3_u8)
        .map(|n| {
            let mut copy = clone_of(&a, 91 + n);
            copy.say(Payload::Retract { target: targets[usize::from(n)] }, &to_b);
            copy
        })
        .collect();
    let mut seen = Vec::new();
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        let mut reader = b.clone();
        order.iter().for_each(|n| drop(reader.pull(&copies[*n])));
        let texts = reader.texts();
        assert_eq!(texts.iter().filter(|text| !text.is_empty()).count(), 1, "{texts:?}");
        seen.push(texts);
    }
    assert!(seen.iter().all(|texts| *texts == seen[0]), "{seen:?}");
}

#[test]
fn a_proof_of_a_fork_is_as_short_as_the_signatures_that_are_held_allow() {
    let (mut a, b) = pair();
    a.text("common", &[b.record()]);
    let mut copy = clone_of(&a, 77);
    copy.text("from the copy", &[b.record()]);
    let mut sizes = Vec::new();
    for _ in 0..3 {
        a.text("from the original", &[b.record()]);
        let mut reader = b.clone();
        reader.pull_in(&a.ledger, 1);
        let got = reader.take(&run_of(&copy, 0).check().unwrap());
        sizes.push(got.fork.unwrap().encode().len());
    }
    assert_eq!(sizes, [sizes[0]; 3]);
}
