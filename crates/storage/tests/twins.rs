//! The same people over the store and over the strict ledger in memory: whatever they do, both say the same, and the
//! store says the same again after everything derived was made anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

#[expect(
    dead_code,
    reason = "the people of the log's own stories, who can do more than is needed here"
)]
#[path = "../../log/tests/story/common.rs"]
mod people;

use nexus_identity::id::Millis;
use nexus_identity::record::VerifiedRecord;
use nexus_log::body::Payload;
use nexus_log::compose::{ComposeError, compose};
use nexus_log::expire::expire;
use nexus_log::fold::Message;
use nexus_log::ids::EntryRef;
use nexus_log::ingest::ingest;
use nexus_log::ledger::Ledger;
use nexus_log::requests;
use nexus_log::run::MAX_RUN_BYTES;
use nexus_storage::own::OwnInstance;
use nexus_storage::{Database, OpenOptions, Opened, StoreError, Window};
use nexus_sync::Store;
use people::{DAY, Device, START, pair, person};
use proptest::prelude::*;
use tempfile::TempDir;

/// A device whose ledger is kept twice.
struct Twin {
    memory: Device,
    opened: Opened,
    _dir: TempDir,
}

impl Twin {
    fn new(memory: Device) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions::new(b"m".to_vec(), Millis(START));
        let mut opened = Database::open(&dir.path().join("nexus.db"), &options).unwrap();
        let own = OwnInstance {
            connect_id: memory.me.who,
            instance: memory.me.instance.key(),
            seed: (*memory.me.instance.seed().expose()).into(),
            prekeys: vec![].into(),
            record: vec![],
            card: vec![],
            created: Millis(START),
        };
        let conversation = &memory.conversation;
        opened
            .writer
            .transaction::<_, StoreError>(|tx| {
                tx.set_own_instance(&own, b"m")?;
                tx.add_conversation(
                    &conversation.id,
                    conversation.kind.code(),
                    &conversation.topic(),
                    None,
                )
            })
            .unwrap();
        Self { memory, opened, _dir: dir }
    }

    fn say(&mut self, payload: &Payload, to: &[VerifiedRecord]) {
        let mut rng = self.memory.rng.clone();
        let (memory, writer) = (&mut self.memory, &mut self.opened.writer);
        let here = writer.transaction::<_, Failed>(|tx| {
            let now = people::at(memory.time);
            Ok(compose(tx, &memory.conversation, &memory.me, payload.clone(), to, now, &mut rng)?)
        });
        match (memory.try_say(payload.clone(), to), here) {
            (Ok(there), Ok(here)) => assert_eq!(here, there),
            (Err(there), Err(here)) => assert_eq!(here.0, there.to_string()),
            (there, here) => panic!("{there:?} in memory, {here:?} in the store"),
        }
    }

    fn pull(&mut self, other: &Device, entries: usize) {
        let now = self.memory.now();
        for run in other.ledger.all_runs(&self.memory.conversation.topic(), entries) {
            let run = run.check().unwrap();
            let there = self.memory.take(&run);
            let (conversation, me) = (&self.memory.conversation, &self.memory.me);
            let here = self
                .opened
                .writer
                .transaction::<_, StoreError>(|tx| ingest(tx, conversation, me, &run, now))
                .unwrap();
            assert_eq!(here, there);
        }
    }

    fn tend(&mut self, to: &[VerifiedRecord]) {
        let now = self.memory.now();
        let mut rng = self.memory.rng.clone();
        let (conversation, me) = (&self.memory.conversation, &self.memory.me);
        self.opened
            .writer
            .transaction::<_, Failed>(|tx| {
                let names = requests::due(tx, conversation, now)?;
                if !names.is_empty() {
                    let ask = Payload::KeyRequest(names);
                    compose(tx, conversation, me, ask, to, now, &mut rng)?;
                }
                requests::answer(tx, conversation, me, to, now, &mut rng)?;
                Ok(())
            })
            .unwrap();
        self.memory.tend(to);
    }

    fn expire(&mut self) {
        let now = self.memory.now();
        let sorted = |gone: Vec<nexus_log::expire::Expired>| {
            let mut hashes: Vec<_> = gone.into_iter().map(|one| one.hash).collect();
            hashes.sort();
            hashes
        };
        let due = self.opened.writer.queries().next_due_at().unwrap();
        assert_eq!(due, self.memory.ledger.next_due().unwrap());
        let here = self.opened.writer.transaction::<_, StoreError>(|tx| expire(tx, now)).unwrap();
        assert_eq!(sorted(here), sorted(self.memory.expire()));
    }

    fn view(&self) -> Vec<Message> {
        let queries = self.opened.writer.queries();
        let rows = queries.history(&self.memory.conversation.id, Window::Newest, 10_000).unwrap();
        rows.into_iter().map(|row| row.message).collect()
    }

    /// Everything that is shown, in words.
    fn shown(&self) -> Vec<String> {
        let queries = self.opened.writer.queries();
        let id = &self.memory.conversation.id;
        let mut shown: Vec<String> = queries
            .history(id, Window::Newest, 10_000)
            .unwrap()
            .into_iter()
            .map(|row| format!("{row:?}"))
            .collect();
        shown.push(format!("{:?}", queries.read_marks(id).unwrap()));
        shown.push(format!("{} unread", queries.unread(id).unwrap()));
        shown.push(format!("{:?}", queries.timer_of(id).unwrap()));
        shown.push(format!("{:?}", queries.next_due_at().unwrap()));
        for word in ["word", "second", "北京", "reply"] {
            shown.push(format!("{:?}", queries.search(word, Some(id), None, 10_000).unwrap()));
        }
        shown
    }

    /// What can be compared of the two ledgers.
    fn compare(&mut self) {
        let id = self.memory.conversation.id;
        assert_eq!(self.view(), self.memory.view());
        let queries = self.opened.writer.queries();
        let marks: Vec<_> = self.memory.ledger.read_marks(&id).into_iter().collect();
        let here: Vec<_> = queries
            .read_marks(&id)
            .unwrap()
            .into_iter()
            .map(|m| ((m.reader, m.mark.log), m.mark.seq))
            .collect();
        assert_eq!(here, marks);
        assert_eq!(queries.unread(&id).unwrap(), self.unread_in_memory());
        self.compare_search();
        self.compare_sync();
        let report = self.opened.db.reader().unwrap().check(&|| false).unwrap();
        assert!(report.is_ok(), "{:?}", report.problems());
    }

    fn unread_in_memory(&self) -> u64 {
        let marks = self.memory.ledger.read_marks(&self.memory.conversation.id);
        let me = self.memory.me.who;
        let unread = |m: &&Message| {
            use nexus_log::fold::Shown;
            let mark = marks.get(&(me, m.base.position.log));
            matches!(m.base.shown, Shown::Text | Shown::Reply(_) | Shown::Unknown(_))
                && m.base.author != me
                && !m.state.retracted
                && mark.is_none_or(|mark| m.base.position.seq > *mark)
        };
        self.memory.view().iter().filter(unread).count() as u64
    }

    fn compare_search(&self) {
        for word in ["word", "second", "北京", "reply"] {
            let hits = self.opened.writer.queries().search(word, None, None, 10_000).unwrap();
            let mut here: Vec<Message> = hits.into_iter().map(|hit| hit.row.message).collect();
            here.sort_by_key(|m| m.base.position);
            let there: Vec<Message> =
                self.memory.view().into_iter().filter(|m| m.state.text.contains(word)).collect();
            assert_eq!(here, there, "{word}");
        }
    }

    fn compare_sync(&self) {
        let topic = self.memory.conversation.topic();
        let reader = self.opened.db.reader().unwrap();
        let heads = reader.logs(&topic).unwrap();
        assert_eq!(heads, self.memory.ledger.heads(&topic));
        for head in heads {
            for (from, max) in
                [(0, MAX_RUN_BYTES), (head.head.seq / 2, MAX_RUN_BYTES), (head.head.seq, 4_000)]
            {
                let here = reader.run(&head.log, head.branch.as_ref(), from, max).unwrap();
                let there = self.memory.ledger.run(&head.log, head.branch, from, max);
                assert!(there.is_none() || here == there);
                let at = reader.hash_at(&head.log, head.branch.as_ref(), from).unwrap().unwrap();
                assert_eq!(here.unwrap().check().unwrap().hash_at(from), Some(at));
            }
        }
    }

    fn rebuild(&mut self) {
        let before = self.shown();
        let (conversation, me, now) =
            (&self.memory.conversation, &self.memory.me, self.memory.now());
        self.opened
            .writer
            .transaction::<_, StoreError>(|tx| {
                tx.rebuild(std::slice::from_ref(conversation), me, now)
            })
            .unwrap();
        assert_eq!(self.shown(), before);
    }
}

#[derive(Debug)]
struct Failed(String);

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<ComposeError<StoreError>> for Failed {
    fn from(error: ComposeError<StoreError>) -> Self {
        Self(error.to_string())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Text(&'static str),
    Reply(usize),
    Edit(usize),
    Retract(usize),
    React(usize, &'static str),
    Timer(Option<u64>),
    Read(usize),
    Unknown,
    Pass(u64),
    Pull(usize, usize),
    Tend,
    Rotate,
    Index(u32),
}

fn any_step() -> impl Strategy<Value = (usize, Step)> {
    let texts = prop::sample::select(vec!["a word", "second 北京 line", "äöü words", ""]);
    let step = prop_oneof![
        5 => texts.prop_map(Step::Text),
        1 => (0..40usize).prop_map(Step::Reply),
        2 => (0..40usize).prop_map(Step::Edit),
        1 => (0..40usize).prop_map(Step::Retract),
        2 => ((0..40usize), prop::sample::select(vec!["👍", "🎉", ""])).prop_map(|(i, e)| Step::React(i, e)),
        1 => prop::option::of(60..4_000u64).prop_map(Step::Timer),
        2 => (0..40usize).prop_map(Step::Read),
        1 => Just(Step::Unknown),
        3 => prop::sample::select(vec![1, 1_000, 100_000, 3_000_000, 8 * DAY, 40 * DAY]).prop_map(Step::Pass),
        6 => (0..3usize, 1..8usize).prop_map(|(from, entries)| Step::Pull(from, entries)),
        2 => Just(Step::Tend),
        1 => Just(Step::Rotate),
        1 => (1..10u32).prop_map(Step::Index),
    ];
    (0..3usize, step)
}

/// Two people, one of them with two devices.
fn three() -> Vec<Twin> {
    let (alice, bob) = pair();
    let second = Device::direct(&person(1), &person(2), 13);
    [alice, bob, second].map(Twin::new).into()
}

fn take(twins: &mut [Twin], who: usize, step: &Step) {
    let records: Vec<VerifiedRecord> = twins.iter().map(|twin| twin.memory.record()).collect();
    let others: Vec<VerifiedRecord> = records
        .into_iter()
        .enumerate()
        .filter(|(i, _)| *i != who)
        .map(|(_, record)| record)
        .collect();
    let target = |twins: &[Twin], i: usize| -> Option<EntryRef> {
        let view = twins[who].memory.view();
        (!view.is_empty()).then(|| view[i % view.len()].base.position.entry())
    };
    let payload = match step {
        Step::Text(text) => Some(Payload::Text((*text).into())),
        Step::Reply(i) => {
            target(twins, *i).map(|target| Payload::Reply { target, text: "reply".into() })
        }
        Step::Edit(i) => {
            target(twins, *i).map(|target| Payload::Edit { target, text: "second word".into() })
        }
        Step::Retract(i) => target(twins, *i).map(|target| Payload::Retract { target }),
        Step::React(i, emoji) => {
            target(twins, *i).map(|target| Payload::Reaction { target, emoji: (*emoji).into() })
        }
        Step::Timer(seconds) => Some(Payload::Timer { seconds: *seconds }),
        Step::Read(i) => target(twins, *i).map(|mark| Payload::ReadMark(vec![mark])),
        Step::Unknown => Some(Payload::Unknown { code: u64::MAX - 1, body: vec![0x80] }),
        _ => None,
    };
    if let Some(payload) = payload {
        twins[who].say(&payload, &others);
    }
    match step {
        Step::Pass(millis) => {
            for twin in twins.iter_mut() {
                twin.memory.time += millis;
                twin.expire();
            }
        }
        Step::Pull(from, entries) if *from != who => {
            let other = twins[*from].memory.clone();
            twins[who].pull(&other, *entries);
        }
        Step::Tend => twins[who].tend(&others),
        Step::Rotate => twins[who].memory.rotate(),
        Step::Index(limit) => {
            let writer = &mut twins[who].opened.writer;
            writer.transaction::<_, StoreError>(|tx| tx.index_messages(*limit).map(drop)).unwrap();
        }
        _ => {}
    }
}

fn cases() -> u32 {
    if std::env::var_os("NEXUS_TEST_LONG").is_some() { 400 } else { 24 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_store_says_what_the_ledger_in_memory_says_and_can_be_rebuilt(
        steps in prop::collection::vec(any_step(), 1..60)
    ) {
        let mut twins = three();
        for (who, step) in &steps {
            take(&mut twins, *who, step);
        }
        for twin in &mut twins {
            twin.compare();
            twin.rebuild();
            twin.compare();
        }
    }
}

#[test]
fn what_was_restored_becomes_readable_and_counts() {
    let (mut alice, bob) = pair();
    let to = [bob.record()];
    for i in 0..20 {
        alice.text(&format!("word {i}"), &to);
    }
    // A device of Bob's that nobody sealed to: it holds what it can't read, until the keys come.
    let mut late = Twin::new(Device::direct(&person(2), &person(1), 14));
    late.pull(&alice, 5);
    let id = late.memory.conversation.id;
    let queries = late.opened.writer.queries();
    assert_eq!(queries.message_count(&id).unwrap(), 20);
    assert_eq!(queries.unread(&id).unwrap(), 0, "what can't be read is not unread");
    assert!(queries.search("word", None, None, 10).unwrap().is_empty());
    let record = late.memory.record();
    late.tend(&[alice.record()]);
    alice.pull(&late.memory);
    alice.tend(&[record]);
    late.pull(&alice, 5);
    late.compare();
    let queries = late.opened.writer.queries();
    assert_eq!(queries.unread(&id).unwrap(), 20);
    assert_eq!(queries.search("word", None, None, 100).unwrap().len(), 20);
    late.rebuild();
}
