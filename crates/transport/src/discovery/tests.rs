use super::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::net::IpAddr;

const ETH: u32 = 2;

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn eth() -> Interface {
    let addresses = vec![("192.168.0.1".parse().unwrap(), 16), ("fe80::1".parse().unwrap(), 64)];
    Interface { index: ETH, name: "eth0".into(), addresses, loopback: false, unused: None }
}

fn id(n: u8) -> ConnectId {
    ConnectId::from_bytes([n; 32])
}

fn secret(n: u8) -> Secret32 {
    Secret32::new([n; 32])
}

fn source(n: u16) -> SocketAddr {
    let [high, low] = n.to_be_bytes();
    SocketAddr::from(([192, 168, high, low], 5000))
}

struct Node {
    machine: Discovery,
    rng: ChaCha20Rng,
    source: SocketAddr,
}

impl Node {
    fn new(n: u8, visibility: Visibility) -> Self {
        let me = Announcer {
            connect_id: id(n),
            instance: InstanceSecret::from_seed(secret(n)),
            boot: BootId([n; 8]),
        };
        let mut machine =
            Discovery::new(me, format!("node {n}"), visibility, true, &Timing::default());
        machine.set_ports(Ports { v4: Some(4000 + u16::from(n)), v6: None }, at(0));
        machine.handle_interfaces(vec![eth()], at(0));
        Self {
            machine,
            rng: ChaCha20Rng::seed_from_u64(n.into()),
            source: source(u16::from(n) + 10),
        }
    }

    fn drain(&mut self) -> Vec<DiscoveryOutput> {
        std::iter::from_fn(|| self.machine.poll_output()).collect()
    }

    /// The beacon it sends now.
    fn beacon(&mut self, now: Duration) -> Vec<u8> {
        self.machine.announce(now);
        self.machine.handle_timeout(now, &mut self.rng);
        self.drain()
            .into_iter()
            .find_map(|output| match output {
                DiscoveryOutput::Send { bytes, .. } => Some(bytes),
                _ => None,
            })
            .expect("a beacon")
    }

    fn hear(&mut self, from: SocketAddr, bytes: &[u8], now: Duration) -> Vec<DiscoveryOutput> {
        self.machine.handle_datagram(ETH, from, bytes, now, &mut self.rng);
        self.drain()
    }
}

fn heard(outputs: &[DiscoveryOutput]) -> Option<&Heard> {
    outputs.iter().find_map(|output| match output {
        DiscoveryOutput::Heard(heard) => Some(heard),
        _ => None,
    })
}

fn sends(outputs: &[DiscoveryOutput]) -> Vec<Destination> {
    let to = |output: &DiscoveryOutput| match output {
        DiscoveryOutput::Send { to, .. } => Some(*to),
        _ => None,
    };
    outputs.iter().filter_map(to).collect()
}

#[test]
fn a_beacon_for_everyone_shows_its_sender_with_its_address() {
    let (mut a, mut b) = (Node::new(1, Visibility::Everyone), Node::new(2, Visibility::Everyone));
    b.hear(a.source, &a.beacon(at(0)), at(0));
    let nearby = b.machine.nearby(at(0));
    assert_eq!((nearby[0].connect_id, nearby[0].name.as_str()), (id(1), "node 1"));
    assert_eq!(nearby[0].addresses, [SocketAddr::new(a.source.ip(), 4001)]);
}

#[test]
fn a_first_beacon_is_answered_at_its_source_port_and_an_answer_is_not() {
    let (mut a, mut b) = (Node::new(1, Visibility::Everyone), Node::new(2, Visibility::Everyone));
    let beacon = a.beacon(at(0));
    let outputs = b.hear(a.source, &beacon, at(0));
    assert_eq!(sends(&outputs), [Destination::To(a.source)]);
    let answer = outputs
        .into_iter()
        .find_map(|output| match output {
            DiscoveryOutput::Send { bytes, .. } => Some(bytes),
            _ => None,
        })
        .unwrap();
    assert_eq!(sends(&a.hear(b.source, &answer, at(1))), []);
    assert_eq!(a.machine.nearby(at(1))[0].connect_id, id(2));
    assert_eq!(sends(&b.hear(a.source, &beacon, at(5000))), [], "heard just now");
    assert_eq!(sends(&b.hear(a.source, &beacon, at(60_000))).len(), 1, "not for a while");
}

#[test]
fn only_contacts_recognise_a_beacon_for_contacts() {
    let mut a = Node::new(1, Visibility::Contacts);
    a.machine.set_contact(id(2), Some(secret(77)));
    let (mut b, mut c) = (Node::new(2, Visibility::Everyone), Node::new(3, Visibility::Everyone));
    b.machine.set_contact(id(1), Some(secret(77)));
    c.machine.set_contact(id(1), Some(secret(78)));
    let beacon = a.beacon(at(0));
    let outputs = b.hear(a.source, &beacon, at(0));
    let heard_a = heard(&outputs).expect("its contact knows it");
    assert!(heard_a.by_token && heard_a.nonce.is_some() && heard_a.peer == id(1));
    assert_eq!(c.hear(a.source, &beacon, at(0)), [], "others learn nothing and say nothing");
    assert!(c.machine.nearby(at(0)).is_empty());
    assert!(!beacon.windows(9).any(|window| window == &id(1).as_bytes()[..9]));
    assert!(!beacon.windows(6).any(|window| window == b"node 1"));
}

#[test]
fn a_beacon_thrown_back_at_its_sender_is_nobodys() {
    let mut a = Node::new(1, Visibility::Contacts);
    a.machine.set_contact(id(2), Some(secret(77)));
    let mut beacon = a.beacon(at(0));
    assert_eq!(a.hear(source(9), &beacon, at(1)), []);
    beacon[9] ^= 1;
    assert_eq!(a.hear(source(9), &beacon, at(1)), [], "with another boot id, too");
}

#[test]
fn a_recorded_beacon_that_is_played_back_is_named_and_nobody_is_dialled_for_it() {
    let mut a = Node::new(1, Visibility::Contacts);
    a.machine.set_contact(id(2), Some(secret(77)));
    let mut b = Node::new(2, Visibility::Everyone);
    b.machine.set_contact(id(1), Some(secret(77)));
    let recorded = a.beacon(at(0));
    let mallory = source(66);
    assert!(heard(&b.hear(a.source, &recorded, at(0))).is_some());
    // The same beacon over another interface of its sender, a moment later.
    assert!(heard(&b.hear(source(67), &recorded, at(900))).is_some());
    for late in [16_000, 60_000, 240_000] {
        let played = b.hear(mallory, &recorded, at(late));
        assert_eq!(played, [DiscoveryOutput::Refused(RefusedCode::ReplayedBeacon, mallory)]);
        assert!(heard(&b.hear(a.source, &a.beacon(at(late)), at(late))).is_some(), "its sender");
    }
}

#[test]
fn a_contact_that_becomes_known_after_the_first_beacon_recognises_the_second() {
    let mut a = Node::new(1, Visibility::Contacts);
    let mut b = Node::new(2, Visibility::Everyone);
    b.machine.set_contact(id(1), Some(secret(77)));
    assert!(heard(&b.hear(a.source, &a.beacon(at(0)), at(0))).is_none(), "nobody is known yet");
    a.machine.set_contact(id(2), Some(secret(77)));
    let second = a.beacon(at(400));
    assert!(heard(&b.hear(a.source, &second, at(400))).is_some());
    // Told again, nothing changes.
    a.machine.set_contact(id(2), Some(secret(77)));
    let third = a.beacon(at(1200));
    assert_eq!(third[16..], second[16..], "the same nonce and tokens, for half an interval");
}

#[test]
fn after_a_sleep_beacons_go_out_at_once_under_a_new_nonce() {
    let mut a = Node::new(1, Visibility::Contacts);
    a.machine.set_contact(id(2), Some(secret(77)));
    let mut b = Node::new(2, Visibility::Everyone);
    b.machine.set_contact(id(1), Some(secret(77)));
    let before = a.beacon(at(10_000));
    assert!(heard(&b.hear(a.source, &before, at(10_000))).is_some());
    // Its clock stood for an hour, that of the other did not.
    a.machine.handle_woken(at(10_100));
    assert_eq!(a.machine.poll_timeout(), Some(at(10_100)), "at once");
    let mut times = Vec::new();
    let mut now = at(10_100);
    while now < at(13_000) {
        a.machine.handle_timeout(now, &mut a.rng);
        for output in a.drain() {
            if let DiscoveryOutput::Send { bytes, .. } = output {
                times.push(now);
                assert!(heard(&b.hear(a.source, &bytes, now + at(3_600_000))).is_some());
            }
        }
        now = a.machine.poll_timeout().unwrap();
    }
    assert_eq!(times, [10_100, 10_500, 11_300, 12_700].map(at), "several in a row");
}

#[test]
fn tokens_take_turns_when_there_are_many_contacts() {
    let mut a = Node::new(1, Visibility::Contacts);
    let mut all: Vec<Node> = (10..70).map(|n| Node::new(n, Visibility::Hidden)).collect();
    for (n, node) in (10..70).zip(&mut all) {
        a.machine.set_contact(id(n), Some(secret(n)));
        node.machine.set_contact(id(1), Some(secret(n)));
    }
    let mut found = std::collections::BTreeSet::new();
    for round in 0..3 {
        let beacon = a.beacon(at(round * 5000));
        for (n, node) in all.iter_mut().enumerate() {
            if heard(&node.hear(a.source, &beacon, at(round * 5000))).is_some() {
                found.insert(n);
            }
        }
    }
    assert_eq!(found.len(), 60);
}

#[test]
fn who_is_hidden_hears_but_sends_and_answers_nothing() {
    let (mut a, mut b) = (Node::new(1, Visibility::Everyone), Node::new(2, Visibility::Hidden));
    b.machine.set_contact(id(1), Some(secret(7)));
    let outputs = b.hear(a.source, &a.beacon(at(0)), at(0));
    assert!(heard(&outputs).is_some());
    assert_eq!(sends(&outputs), []);
    for second in 0..30 {
        b.machine.handle_timeout(at(second * 1000), &mut b.rng);
    }
    assert_eq!(sends(&b.drain()), []);
}

#[test]
fn who_is_for_contacts_answers_contacts_only_and_by_their_token_only() {
    let (mut a, mut c) = (Node::new(1, Visibility::Contacts), Node::new(3, Visibility::Everyone));
    let mut b = Node::new(2, Visibility::Contacts);
    a.machine.set_contact(id(2), Some(secret(7)));
    b.machine.set_contact(id(1), Some(secret(7)));
    assert_eq!(sends(&b.hear(a.source, &a.beacon(at(0)), at(0))).len(), 1);
    assert_eq!(sends(&b.hear(c.source, &c.beacon(at(0)), at(0))), []);
    // Anybody can make a beacon for everyone that claims to be a contact's.
    let head = Head { port: 9, boot: BootId([9; 8]), answer: false };
    let claim = encode_everyone(&head, &InstanceSecret::from_seed(secret(9)), &id(1), "node 1");
    assert_eq!(sends(&b.hear(source(9), &claim, at(0))), []);
}

#[test]
fn beacons_come_in_a_burst_at_the_start_and_then_every_five_seconds_or_so() {
    let mut a = Node::new(1, Visibility::Everyone);
    let mut times = Vec::new();
    let mut now = at(0);
    while now < at(60_000) {
        a.machine.handle_timeout(now, &mut a.rng);
        times.extend(sends(&a.drain()).iter().map(|_| now));
        let next = a.machine.poll_timeout().unwrap();
        assert!(next > now, "it asks to be woken for nothing");
        now = next;
    }
    assert_eq!(times[..4], [0, 400, 1200, 2600].map(at));
    for pair in times[4..].windows(2) {
        assert!((at(4000)..=at(6000)).contains(&(pair[1] - pair[0])));
    }
    assert!((14..=18).contains(&times.len()), "{}", times.len());
}

#[test]
fn an_interface_that_comes_or_changes_its_address_is_announced_on_at_once_and_the_rest_is_not() {
    let mut a = Node::new(1, Visibility::Everyone);
    a.machine.handle_timeout(at(0), &mut a.rng);
    a.drain();
    let mut wlan = eth();
    wlan.index = 3;
    assert!(!a.machine.handle_interfaces(vec![eth()], at(100)));
    assert!(a.machine.handle_interfaces(vec![eth(), wlan.clone()], at(100)));
    a.machine.handle_timeout(at(100), &mut a.rng);
    let on: Vec<u32> = a
        .drain()
        .iter()
        .filter_map(|output| match output {
            DiscoveryOutput::Send { interface, .. } => Some(*interface),
            _ => None,
        })
        .collect();
    assert_eq!(on, [3]);
    wlan.addresses[0].0 = "10.9.9.9".parse::<IpAddr>().unwrap();
    assert!(a.machine.handle_interfaces(vec![eth(), wlan], at(200)));
    assert!(a.machine.handle_interfaces(vec![eth()], at(300)), "one is gone");
    assert_eq!(a.machine.poll_timeout(), Some(at(400)));
}

#[test]
fn who_falls_silent_is_gone() {
    let (mut a, mut b) = (Node::new(1, Visibility::Everyone), Node::new(2, Visibility::Hidden));
    b.hear(a.source, &a.beacon(at(0)), at(0));
    b.machine.handle_timeout(at(19_000), &mut b.rng);
    assert_eq!(b.drain(), []);
    b.machine.handle_timeout(at(20_000), &mut b.rng);
    assert!(matches!(&b.drain()[..], [DiscoveryOutput::Gone(gone)] if gone.connect_id == id(1)));
    assert!(b.machine.nearby(at(20_000)).is_empty());
}

#[test]
fn datagrams_from_beyond_the_link_are_not_looked_at() {
    let (mut a, mut b) = (Node::new(1, Visibility::Everyone), Node::new(2, Visibility::Everyone));
    let beacon = a.beacon(at(0));
    assert_eq!(b.hear("8.8.8.8:5000".parse().unwrap(), &beacon, at(0)), []);
    assert_eq!(b.hear("[2001:db8::1]:5000".parse().unwrap(), &beacon, at(0)), []);
    assert!(b.machine.nearby(at(0)).is_empty());
}

#[test]
fn so_many_checked_beacons_of_one_device_need_no_second_check() {
    let mut seen = table::Table::new(at(20_000));
    let beacon = |n: usize| table::Claimed {
        connect_id: id(1),
        instance: None,
        name: String::new(),
        by_token: false,
        digest: Some([u8::try_from(n).unwrap(); 32]),
    };
    for n in 0..=table::MAX_DIGESTS {
        assert!(!seen.checked_before(&beacon(n)));
        seen.heard(&beacon(n), source(1), BootId([1; 8]), at(0));
    }
    assert!(!seen.checked_before(&beacon(0)), "the first was forgotten");
    assert!((1..=table::MAX_DIGESTS).all(|n| seen.checked_before(&beacon(n))));
}

#[test]
fn a_forged_signature_is_counted_and_shows_nobody() {
    let (mut a, mut b) = (Node::new(1, Visibility::Everyone), Node::new(2, Visibility::Everyone));
    let mut beacon = a.beacon(at(0));
    let last = beacon.len() - 1;
    beacon[last] ^= 1;
    let outputs = b.hear(a.source, &beacon, at(0));
    assert_eq!(outputs, [DiscoveryOutput::Refused(RefusedCode::BadBeacon, a.source)]);
    assert!(b.machine.nearby(at(0)).is_empty());
}

#[test]
fn a_million_beacons_take_bounded_memory_and_a_contact_is_still_heard() {
    let mut b = Node::new(2, Visibility::Everyone);
    let mut a = Node::new(1, Visibility::Contacts);
    a.machine.set_contact(id(2), Some(secret(77)));
    b.machine.set_contact(id(1), Some(secret(77)));
    let mut forged = Node::new(3, Visibility::Everyone).beacon(at(0));
    let mut refused = 0u32;
    for n in 0..1_000_000u32 {
        let now = at(u64::from(n) / 100);
        forged[8..12].copy_from_slice(&n.to_be_bytes());
        let from = source(20_000 + (n % 10_000) as u16);
        b.machine.handle_datagram(ETH, from, &forged, now, &mut b.rng);
        while let Some(output) = b.machine.poll_output() {
            refused += u32::from(matches!(output, DiscoveryOutput::Refused(..)));
        }
    }
    assert!(refused > 0);
    assert!(b.machine.nearby(at(10_000)).is_empty());
    assert!(heard(&b.hear(a.source, &a.beacon(at(10_100)), at(10_100))).is_some());
}

#[test]
fn many_signed_strangers_stay_within_the_table() {
    let mut b = Node::new(2, Visibility::Hidden);
    for n in 0..2000u32 {
        let mut seed = [9; 32];
        seed[..4].copy_from_slice(&n.to_be_bytes());
        let instance = InstanceSecret::from_seed(Secret32::new(seed));
        let head = Head { port: 1, boot: BootId(u64::from(n).to_be_bytes()), answer: false };
        let bytes = encode_everyone(&head, &instance, &ConnectId::from_bytes(seed), "x");
        b.hear(source(1000 + (n % 1000) as u16), &bytes, at(u64::from(n) * 5));
    }
    let now = at(10_000);
    assert!(b.machine.nearby(now).len() <= MAX_NEARBY);
    assert!(b.machine.nearby(now).len() > MAX_NEARBY / 2);
}

#[test]
fn one_source_gets_a_few_rows_only() {
    let mut b = Node::new(2, Visibility::Hidden);
    for n in 0..50u8 {
        let instance = InstanceSecret::from_seed(secret(n));
        let head = Head { port: 1, boot: BootId([n; 8]), answer: false };
        let bytes = encode_everyone(&head, &instance, &id(n), "x");
        b.hear(source(1000), &bytes, at(u64::from(n) * 60));
    }
    assert_eq!(b.machine.nearby(at(3000)).len(), MAX_NEARBY_PER_SOURCE);
}

#[test]
fn off_means_silent_and_deaf() {
    let (mut a, mut b) = (Node::new(1, Visibility::Everyone), Node::new(2, Visibility::Everyone));
    let beacon = a.beacon(at(0));
    b.hear(a.source, &beacon, at(0));
    b.machine.set_enabled(false, at(1));
    assert!(matches!(&b.drain()[..], [DiscoveryOutput::Gone(_)]));
    assert_eq!(b.hear(a.source, &beacon, at(2)), []);
    b.machine.handle_timeout(at(10_000), &mut b.rng);
    assert_eq!(b.drain(), []);
    b.machine.set_enabled(true, at(20_000));
    b.machine.handle_timeout(at(20_000), &mut b.rng);
    assert_eq!(sends(&b.drain()), [Destination::V4Group, Destination::V6Group][..1]);
}
