//! The view is a function of the set of entries: whatever way they come in, all see the same.

use nexus_identity::record::VerifiedRecord;
use nexus_log::body::Payload;
use nexus_log::fold::Message;
use nexus_log::frontier::Fingerprint;
use nexus_log::ids::EntryRef;
use nexus_log::ingest::Placed;
use nexus_log::memory::MemoryLedger;
use nexus_log::rebuild::rebuild;
use nexus_log::run::Run;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::common::{Device, person};

#[derive(Debug, Clone)]
enum Action {
    Text,
    Edit(prop::sample::Index),
    Retract(prop::sample::Index),
    React(prop::sample::Index, u8),
    Reply(prop::sample::Index),
    Read(prop::sample::Index),
    Timer(bool),
    Retire,
    Unknown,
    /// Takes all that another device has.
    Pull(usize),
    /// Asks for keys and answers.
    Tend,
    /// Goes on from a copy made by [`Action::Copy`]: a fork.
    Swap,
    Copy,
    /// Some time passes.
    Wait(u32),
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => Just(Action::Text),
        2 => any::<prop::sample::Index>().prop_map(Action::Edit),
        1 => any::<prop::sample::Index>().prop_map(Action::Retract),
        2 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, n)| Action::React(at, n)),
        1 => any::<prop::sample::Index>().prop_map(Action::Reply),
        1 => any::<prop::sample::Index>().prop_map(Action::Read),
        1 => any::<bool>().prop_map(Action::Timer),
        1 => Just(Action::Retire),
        1 => Just(Action::Unknown),
        4 => (0..3_usize).prop_map(Action::Pull),
        2 => Just(Action::Tend),
        3 => Just(Action::Swap),
        2 => Just(Action::Copy),
        1 => (0..10_000_u32).prop_map(Action::Wait),
    ]
}

/// Which records a writer knows: sometimes not all, so that keys are missing.
type Step = (usize, u8, Action);

struct World {
    devices: Vec<Device>,
    copies: Vec<Option<Device>>,
    reader: Device,
    said: Vec<EntryRef>,
    forks: u8,
}

impl World {
    fn new() -> Self {
        let (alice, bob) = (person(1), person(2));
        let devices = vec![
            Device::direct(&alice, &bob, 21),
            Device::direct(&alice, &bob, 22),
            Device::direct(&bob, &alice, 23),
        ];
        let reader = Device::direct(&bob, &alice, 24);
        Self { copies: vec![None; 3], devices, reader, said: Vec::new(), forks: 0 }
    }

    fn known(&self, mask: u8) -> Vec<VerifiedRecord> {
        let all = self.devices.iter().chain([&self.reader]).map(Device::record);
        all.enumerate().filter(|(at, _)| mask & (1 << at) != 0).map(|(_, record)| record).collect()
    }

    fn step(&mut self, (who, mask, action): &Step) {
        let to = self.known(*mask);
        let target =
            |at: &prop::sample::Index| (!self.said.is_empty()).then(|| *at.get(&self.said));
        let payload = match action {
            Action::Text => Some(Payload::Text(format!("text {}", self.said.len()))),
            Action::Edit(at) => target(at)
                .map(|target| Payload::Edit { target, text: format!("edit {}", self.said.len()) }),
            Action::Retract(at) => target(at).map(|target| Payload::Retract { target }),
            Action::React(at, n) => target(at).map(|target| Payload::Reaction {
                target,
                emoji: ["", "👍", "🎉"][usize::from(*n) % 3].into(),
            }),
            Action::Reply(at) => {
                target(at).map(|target| Payload::Reply { target, text: "reply".into() })
            }
            Action::Read(at) => target(at).map(|mark| Payload::ReadMark(vec![mark])),
            Action::Timer(on) => Some(Payload::Timer { seconds: on.then_some(1_000_000) }),
            Action::Retire => Some(Payload::Retire),
            Action::Unknown => Some(Payload::Unknown { code: 999, body: vec![0xa0] }),
            _ => None,
        };
        match (payload, action) {
            (Some(payload), _) => {
                // A device whose log was continued elsewhere writes no more.
                if let Ok(composed) = self.devices[*who].try_say(payload, &to) {
                    let (log, seq) = (composed.log.log, composed.log.head.seq);
                    self.said.push(EntryRef { log, seq, hash: composed.id });
                }
            }
            (None, Action::Pull(from)) if from != who => {
                let other = self.devices[*from].ledger.clone();
                self.devices[*who].pull_in(&other, 300);
            }
            (None, Action::Tend) => {
                let device = &mut self.devices[*who];
                let names = device.due();
                if names.is_empty() || device.try_say(Payload::KeyRequest(names), &to).is_ok() {
                    let (now, rng) = (device.now(), &mut device.rng);
                    let (ledger, conversation) = (&mut device.ledger, &device.conversation);
                    let _ = nexus_log::requests::answer(
                        ledger,
                        conversation,
                        &device.me,
                        &to,
                        now,
                        rng,
                    );
                }
            }
            (None, Action::Copy) => self.copies[*who] = Some(self.devices[*who].clone()),
            (None, Action::Swap) => {
                if let Some(copy) = self.copies[*who].clone() {
                    self.forks += 1;
                    let original = std::mem::replace(&mut self.devices[*who], copy);
                    // What the original wrote is not lost: somebody has it.
                    self.reader.pull_in(&original.ledger, 300);
                    self.devices[*who].rng = ChaCha20Rng::from_seed([100 + self.forks; 32]);
                }
            }
            (None, Action::Wait(millis)) => self.devices[*who].time += u64::from(*millis),
            _ => {}
        }
    }

    /// A ledger that has seen everything.
    fn everything(&mut self) -> MemoryLedger {
        for device in &self.devices {
            self.reader.pull_in(&device.ledger, 300);
        }
        self.reader.ledger.clone()
    }
}

/// Takes runs in the given order, those that come too early again later.
fn take_all(reader: &mut Device, mut runs: Vec<Run>) {
    while !runs.is_empty() {
        let before = runs.len();
        runs.retain(|run| reader.take(&run.clone().check().unwrap()).placed == Placed::Gap);
        assert!(runs.len() < before, "{} runs fit nowhere", runs.len());
    }
}

fn shuffled<T>(mut items: Vec<T>, rng: &mut ChaCha20Rng) -> Vec<T> {
    for at in (1..items.len()).rev() {
        let other = usize::try_from(rng.next_u64() % (at as u64 + 1)).unwrap();
        items.swap(at, other);
    }
    items
}

/// View, digest, fingerprint.
type Seen = (Vec<Message>, [u8; 32], [u8; 32]);

fn seen(device: &Device) -> Seen {
    let topic = device.conversation.topic();
    let fingerprint = Fingerprint::of_topic(&topic, &device.ledger.heads(&topic));
    (device.view(), device.digest(), fingerprint)
}

/// `./test --long` looks at many more.
fn cases() -> u32 {
    if std::env::var_os("NEXUS_TEST_LONG").is_some() { 3000 } else { 48 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_split_into_runs_gives_the_same_view(
        steps in prop::collection::vec((0..3_usize, prop_oneof![3 => Just(15_u8), 1 => 0..16_u8], any_action()), 1..40),
        seed in any::<u64>(),
    ) {
        let mut world = World::new();
        let empty = world.reader.clone();
        steps.iter().for_each(|step| world.step(step));
        let ledger = world.everything();
        let topic = empty.conversation.topic();
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut first: Option<(Device, Seen)> = None;
        for entries in [300, 1, 2, 5] {
            let mut reader = empty.clone();
            take_all(&mut reader, shuffled(ledger.all_runs(&topic, entries), &mut rng));
            let view = seen(&reader);
            match &first {
                Some((_, expected)) => {
                    prop_assert_eq!(&view.0, &expected.0);
                    prop_assert_eq!(view, expected.clone());
                }
                None => first = Some((reader, view)),
            }
        }
        let (mut reader, expected) = first.unwrap();
        let now = reader.now();
        rebuild(&mut reader.ledger, &reader.conversation, &reader.me, now).unwrap();
        prop_assert_eq!(seen(&reader), expected);
    }
}
