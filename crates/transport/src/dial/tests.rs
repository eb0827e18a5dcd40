use super::*;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const PEER: ConnectId = ConnectId::from_bytes([1; 32]);
const BOOT: BootId = BootId([1; 8]);

fn key(byte: u8) -> InstanceKey {
    InstanceKey::from_bytes([byte; 32])
}

fn addr(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 168, 0, n], 1000))
}

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn dialler() -> Dialler {
    Dialler::new(key(0), Timing::default(), true)
}

fn heard(address: SocketAddr, boot: BootId) -> Heard {
    Heard { peer: PEER, instance: None, boot, address, by_token: false, nonce: None }
}

fn linked(instance: u8, address: SocketAddr, attempt: Option<AttemptId>) -> Linked {
    let quality = Quality::of_address(address.ip());
    Linked {
        peer: PEER,
        instance: key(instance),
        boot: BOOT,
        address: Some(address),
        quality,
        attempt,
    }
}

/// What starts now.
fn starts(dialler: &mut Dialler, now: Duration) -> Vec<(AttemptId, SocketAddr)> {
    let mut all = Vec::new();
    while let Some(output) = dialler.poll_output(now) {
        if let DialOutput::Start { attempt, address, .. } = output {
            all.push((attempt, address));
        }
    }
    all
}

fn one_start(dialler: &mut Dialler, now: Duration) -> (AttemptId, SocketAddr) {
    let all = starts(dialler, now);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0]
}

#[test]
fn candidates_start_one_after_the_other_until_one_authenticates() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1), addr(2), addr(3)], &[], at(0));
    let (first, _) = one_start(&mut dialler, at(0));
    assert_eq!(dialler.poll_timeout(at(0)), Some(at(200)));
    let (second, address) = one_start(&mut dialler, at(200));
    assert!(dialler.handle_proven(second, key(9)));
    dialler.handle_link_up(&linked(9, address, Some(second)), at(250));
    assert_eq!(dialler.poll_output(at(250)), Some(DialOutput::Cancel(first)));
    assert_eq!(dialler.poll_output(at(250)), None);
    assert_eq!(dialler.poll_timeout(at(250)), None, "content");
}

#[test]
fn an_address_that_anybody_can_have_told_gets_no_gate_of_a_contact() {
    let knock = |told: &dyn Fn(&mut Dialler)| {
        let mut dialler = dialler();
        dialler.handle_want(PEER, &[], &[], at(0));
        told(&mut dialler);
        match dialler.poll_output(at(9_000)) {
            Some(DialOutput::Start { knock, .. }) => knock,
            other => panic!("{other:?}"),
        }
    };
    let nonce = Some([7; 16]);
    let claim = heard(addr(1), BOOT);
    let token = Heard { by_token: true, nonce, ..claim };
    let hear = |d: &mut Dialler, beacon: &Heard| {
        d.handle_heard(beacon, at(0));
    };
    assert_eq!(knock(&|d| hear(d, &claim)), Knock::Stranger);
    assert_eq!(knock(&|d| d.handle_want(PEER, &[], &[addr(1)], at(0))), Knock::Stranger);
    assert_eq!(knock(&|d| d.handle_want(PEER, &[addr(1)], &[], at(0))), Knock::Hour);
    assert_eq!(knock(&|d| hear(d, &token)), Knock::Nonce([7; 16]));
    let both = |d: &mut Dialler| [token, claim].iter().for_each(|h| hear(d, h));
    assert_eq!(knock(&both), Knock::Nonce([7; 16]), "a claim takes no nonce away");
    let worked = |d: &mut Dialler| {
        d.handle_heard(&claim, at(0));
        d.handle_link_up(&linked(9, addr(1), None), at(0));
        d.handle_link_down(&PEER, &key(9), CloseCode::Lost, false, at(1));
    };
    assert_eq!(knock(&worked), Knock::Hour);
}

#[test]
fn the_address_that_worked_last_comes_first() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1), addr(2)], &[], at(0));
    let (first, _) = one_start(&mut dialler, at(0));
    dialler.handle_failed(first, DialError::TimedOut, at(5000), &mut rng());
    let (second, worked) = one_start(&mut dialler, at(5000));
    dialler.handle_link_up(&linked(9, worked, Some(second)), at(5001));
    dialler.handle_link_down(&PEER, &key(9), CloseCode::Lost, false, at(9000));
    assert_eq!(one_start(&mut dialler, at(9000)).1, worked);
}

#[test]
fn an_address_that_fails_is_tried_less_and_less_but_at_least_every_five_minutes() {
    let mut dialler = dialler();
    let mut now = at(0);
    dialler.handle_want(PEER, &[addr(1)], &[], now);
    let mut pauses = Vec::new();
    for _ in 0..20 {
        let (attempt, _) = one_start(&mut dialler, now);
        let pause =
            dialler.handle_failed(attempt, DialError::ConnectionRefused, now, &mut rng()).unwrap();
        pauses.push(pause);
        now += pause;
    }
    assert!(pauses[0] < at(1000), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(375)));
    assert!(pauses[15] >= Duration::from_secs(225));
}

#[test]
fn when_a_link_is_lost_the_smaller_key_dials_first() {
    for (mine, wait) in [(1, at(0)), (200, YIELD)] {
        let mut dialler = Dialler::new(key(mine), Timing::default(), true);
        dialler.handle_want(PEER, &[addr(1)], &[], at(0));
        let (attempt, _) = one_start(&mut dialler, at(0));
        dialler.handle_link_up(&linked(9, addr(1), Some(attempt)), at(1));
        dialler.handle_link_down(&PEER, &key(9), CloseCode::Lost, false, at(5));
        assert_eq!(dialler.poll_timeout(at(5)), Some(at(5) + wait));
    }
}

#[test]
fn a_beacon_after_silence_dials_at_once() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    for ms in [0, 1000, 5000, 20_000, 60_000] {
        for (attempt, _) in starts(&mut dialler, at(ms)) {
            dialler.handle_failed(attempt, DialError::TimedOut, at(ms), &mut rng());
        }
    }
    assert!(starts(&mut dialler, at(60_001)).is_empty());
    dialler.handle_heard(&heard(addr(1), BOOT), at(60_001));
    assert_eq!(one_start(&mut dialler, at(60_001)).1, addr(1));
}

#[test]
fn beacons_from_where_nobody_answers_do_not_make_it_dial_all_the_time() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[], &[], at(0));
    let mut dials = 0;
    for second in 0..600 {
        if second % 5 == 0 {
            dialler.handle_heard(&heard(addr(1), BOOT), at(second * 1000));
        }
        for (attempt, _) in starts(&mut dialler, at(second * 1000)) {
            dials += 1;
            dialler.handle_failed(attempt, DialError::TimedOut, at(second * 1000), &mut rng());
        }
    }
    assert!((18..40).contains(&dials), "{dials} in ten minutes");
}

#[test]
fn forged_beacons_take_neither_the_chance_of_the_last_address_nor_memory() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[], &[], at(0));
    dialler.handle_heard(&heard(addr(1), BOOT), at(0));
    let (attempt, _) = one_start(&mut dialler, at(0));
    dialler.handle_link_up(&linked(9, addr(1), Some(attempt)), at(1));
    for n in 0..100_000u32 {
        let address =
            SocketAddr::from(((0x0a00_0000 + n / 3).to_be_bytes(), (n % 1000) as u16 + 1));
        dialler.handle_heard(&heard(address, BootId(u64::from(n).to_be_bytes())), at(2));
    }
    assert!(dialler.peers[&PEER].count() <= MAX_CANDIDATES);
    dialler.handle_link_down(&PEER, &key(9), CloseCode::Lost, false, at(3));
    assert!(starts(&mut dialler, at(3)).iter().any(|(_, address)| *address == addr(1)));
}

#[test]
fn one_host_gets_only_a_few_candidates() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[], &[], at(0));
    for port in 1..1000 {
        dialler.handle_heard(&heard(SocketAddr::from(([10, 0, 0, 1], port)), BOOT), at(0));
    }
    assert_eq!(dialler.peers[&PEER].count(), MAX_CANDIDATES_PER_HOST);
}

#[test]
fn a_beacon_of_an_earlier_run_played_back_does_not_disturb_the_link() {
    let mut dialler = dialler();
    let (earlier, strange) = (BootId([2; 8]), BootId([3; 8]));
    dialler.handle_want(PEER, &[], &[], at(0));
    dialler.handle_link_up(&Linked { boot: earlier, ..linked(9, addr(1), None) }, at(0));
    dialler.handle_link_down(&PEER, &key(9), CloseCode::Shutdown, true, at(1_000));
    dialler.handle_link_up(&linked(9, addr(1), None), at(2_000));
    let by_instance = |boot| Heard { instance: Some(key(9)), ..heard(addr(1), boot) };
    dialler.handle_heard(&by_instance(earlier), at(20_000));
    assert_eq!(starts(&mut dialler, at(20_000)), []);

    // One from before this node ran can't be told from news, so it is looked into: once.
    dialler.handle_heard(&by_instance(strange), at(30_000));
    let (attempt, _) = one_start(&mut dialler, at(31_000));
    dialler.handle_link_up(&linked(9, addr(1), Some(attempt)), at(31_000));
    for second in 32..90 {
        dialler.handle_heard(&by_instance(strange), at(second * 1_000));
        assert_eq!(starts(&mut dialler, at(second * 1_000)), [], "{second}");
    }
    dialler.handle_heard(&by_instance(strange), at(91_000));
    assert_eq!(starts(&mut dialler, at(92_000)).len(), 1);
}

#[test]
fn so_many_runs_of_a_peer_are_remembered_and_the_first_is_forgotten() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[], &[], at(0));
    let boot = |n: usize| BootId([u8::try_from(100 + n).unwrap(); 8]);
    for n in 0..=peer::MAX_BOOTS {
        let now = at(n as u64);
        dialler.handle_link_up(&Linked { boot: boot(n), ..linked(9, addr(1), None) }, now);
    }
    let played = |n| Heard { instance: Some(key(9)), ..heard(addr(1), boot(n)) };
    dialler.handle_heard(&played(1), at(20_000));
    assert_eq!(starts(&mut dialler, at(21_000)), [], "it is known to be over");
    dialler.handle_heard(&played(0), at(30_000));
    assert_eq!(starts(&mut dialler, at(31_000)).len(), 1, "it could be a new one");
}

#[test]
fn so_many_addresses_are_dialled_at_the_same_time() {
    let mut dialler = dialler();
    let addresses: Vec<_> = (1..=u8::try_from(MAX_PARALLEL).unwrap() + 2).map(addr).collect();
    dialler.handle_want(PEER, &addresses, &[], at(0));
    let mut under_way = Vec::new();
    for tenth in 0..40 {
        under_way.extend(starts(&mut dialler, at(tenth * 100)));
    }
    assert_eq!(under_way.len(), MAX_PARALLEL, "{under_way:?}");
    dialler.handle_failed(under_way[0].0, DialError::TimedOut, at(4_000), &mut rng());
    let (_, next) = one_start(&mut dialler, at(4_000));
    assert!(under_way.iter().all(|(_, address)| *address != next));
}

#[test]
fn a_peer_that_restarted_is_dialled_although_the_old_link_looks_alive() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[], &[], at(0));
    let beacon = |boot| Heard { instance: Some(key(9)), ..heard(addr(1), boot) };
    dialler.handle_heard(&beacon(BOOT), at(0));
    let (attempt, _) = one_start(&mut dialler, at(0));
    dialler.handle_link_up(&linked(9, addr(1), Some(attempt)), at(1));
    dialler.handle_heard(&beacon(BOOT), at(5000));
    assert!(starts(&mut dialler, at(5000)).is_empty());
    dialler.handle_heard(&beacon(BootId([2; 8])), at(6000));
    assert_eq!(one_start(&mut dialler, at(6000)).1, addr(1));
}

#[test]
fn of_two_that_hear_each_other_the_smaller_key_dials_first() {
    for (mine, wait) in [(1, at(0)), (200, YIELD)] {
        let mut dialler = Dialler::new(key(mine), Timing::default(), true);
        dialler.handle_want(PEER, &[], &[], at(0));
        dialler.handle_heard(&Heard { instance: Some(key(9)), ..heard(addr(1), BOOT) }, at(0));
        assert_eq!(dialler.poll_timeout(at(0)), Some(wait));
    }
}

#[test]
fn two_devices_of_one_peer_get_a_link_each() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[], &[], at(0));
    for device in [8, 9] {
        let beacon =
            Heard { instance: Some(key(device)), ..heard(addr(device), BootId([device; 8])) };
        dialler.handle_heard(&beacon, at(0));
    }
    let all = starts(&mut dialler, at(0));
    assert_eq!(all.len(), 2, "{all:?}");
    let (attempt, address) = all[0];
    let device = if address == addr(8) { 8 } else { 9 };
    dialler.handle_link_up(&linked(device, address, Some(attempt)), at(1));
    assert_eq!(dialler.poll_output(at(1)), None, "the other dial goes on");
}

#[test]
fn somebody_undecided_is_left_in_peace_for_a_while() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    let mut now = at(0);
    let mut pauses = Vec::new();
    for _ in 0..5 {
        let (attempt, _) = one_start(&mut dialler, now);
        dialler.handle_link_up(&linked(9, addr(1), Some(attempt)), now);
        dialler.handle_link_down(&PEER, &key(9), CloseCode::Done, true, now);
        let next = dialler.poll_timeout(now).unwrap();
        pauses.push(next - now);
        now = next;
    }
    assert_eq!(pauses, [4, 16, 60, 60, 60].map(Duration::from_secs));
    let (attempt, _) = one_start(&mut dialler, now);
    dialler.handle_link_up(&linked(9, addr(1), Some(attempt)), now);
    dialler.handle_link_down(&PEER, &key(9), CloseCode::Done, true, now);
    dialler.handle_heard(&Heard { by_token: true, ..heard(addr(1), BOOT) }, now);
    assert_eq!(starts(&mut dialler, now).len(), 1, "a token says that it wants us");
}

/// The pauses before the next dials when each link ends as soon as it is up; its beacons go on.
fn pauses(dialler: &mut Dialler, reason: CloseCode, by_peer: bool, links: usize) -> Vec<Duration> {
    let mut now = at(0);
    let mut pauses = Vec::new();
    for _ in 0..links {
        let (attempt, _) = one_start(dialler, now);
        dialler.handle_link_up(&linked(9, addr(1), Some(attempt)), now);
        dialler.handle_link_down(&PEER, &key(9), reason, by_peer, now);
        dialler.handle_heard(&Heard { by_token: true, ..heard(addr(1), BOOT) }, now);
        let next = dialler.poll_timeout(now).unwrap().max(now);
        pauses.push(next - now);
        now = next;
    }
    pauses
}

#[test]
fn a_device_on_which_either_side_gave_up_is_dialled_less_and_less_whatever_its_beacons_say() {
    for (reason, by_peer) in
        [(CloseCode::Internal, true), (CloseCode::Internal, false), (CloseCode::Violation, false)]
    {
        let mut dialler = dialler();
        dialler.handle_want(PEER, &[addr(1)], &[], at(0));
        let pauses = pauses(&mut dialler, reason, by_peer, 6);
        assert_eq!(pauses, [4, 16, 64, 256, 600, 600].map(Duration::from_secs), "{reason:?}");
    }
}

#[test]
fn links_that_are_lost_as_soon_as_they_are_up_come_back_ever_less_often() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    let pauses = pauses(&mut dialler, CloseCode::Lost, false, 11);
    let expected = [0, 0, 0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
    assert_eq!(pauses, expected.map(at));
}

#[test]
fn a_device_in_trouble_does_not_keep_from_dialling_another_one_of_the_same_peer() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    let (first, _) = one_start(&mut dialler, at(0));
    dialler.handle_link_up(&linked(9, addr(1), Some(first)), at(0));
    dialler
        .handle_heard(&Heard { instance: Some(key(8)), ..heard(addr(2), BootId([2; 8])) }, at(0));
    dialler.handle_link_down(&PEER, &key(9), CloseCode::Internal, false, at(0));
    assert_eq!(one_start(&mut dialler, at(1)).1, addr(2));
}

#[test]
fn once_what_failed_here_works_again_nobody_waits() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    pauses(&mut dialler, CloseCode::Internal, false, 4);
    let now = Duration::from_secs(341);
    dialler.handle_network_changed(now);
    one_start(&mut dialler, now);
}

#[test]
fn a_link_that_lasted_is_missed_at_once_although_others_before_it_did_not_last() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    pauses(&mut dialler, CloseCode::Internal, false, 2);
    let up = Duration::from_secs(20);
    let (attempt, _) = one_start(&mut dialler, up);
    dialler.handle_link_up(&linked(9, addr(1), Some(attempt)), up);
    let down = up + LASTING + at(1);
    dialler.handle_link_down(&PEER, &key(9), CloseCode::Lost, false, down);
    one_start(&mut dialler, down);
}

#[test]
fn so_many_devices_in_trouble_are_remembered_and_the_first_to_be_dialled_is_forgotten() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    for device in 0..=u8::try_from(trouble::MAX_TROUBLES).unwrap() {
        let attempt = Some(AttemptId(u64::from(device)));
        dialler.handle_link_up(&linked(100 + device, addr(device), attempt), at(u64::from(device)));
        let end = at(u64::from(device));
        dialler.handle_link_down(&PEER, &key(100 + device), CloseCode::Internal, false, end);
    }
    let soon = starts(&mut dialler, Duration::from_secs(1));
    assert_eq!(soon.iter().map(|(_, address)| *address).collect::<Vec<_>>(), [addr(0)]);
}

#[test]
fn a_dial_that_proves_to_lead_where_a_link_is_stops() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    dialler.handle_heard(&heard(addr(2), BootId([7; 8])), at(0));
    let mut all = starts(&mut dialler, at(0));
    all.extend(starts(&mut dialler, at(200)));
    assert_eq!(all.len(), 2);
    let by = |address| all.iter().find(|(_, of)| *of == address).unwrap().0;
    dialler.handle_link_up(&linked(9, addr(1), Some(by(addr(1)))), at(1));
    assert!(!dialler.handle_proven(by(addr(2)), key(9)));
    assert_eq!(dialler.poll_timeout(at(1)), None);
}

#[test]
fn nothing_is_dialled_while_the_network_is_off() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    let (attempt, _) = one_start(&mut dialler, at(0));
    dialler.handle_enabled(false, at(1));
    assert_eq!(dialler.poll_output(at(1)), Some(DialOutput::Cancel(attempt)));
    assert_eq!((dialler.poll_output(at(1000)), dialler.poll_timeout(at(1000))), (None, None));
    dialler.handle_enabled(true, at(2000));
    assert_eq!(starts(&mut dialler, at(2000)).len(), 1);
}

#[test]
fn a_peer_no_longer_wanted_is_forgotten() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[addr(1)], &[], at(0));
    let (attempt, _) = one_start(&mut dialler, at(0));
    dialler.handle_unwant(&PEER);
    assert_eq!(dialler.poll_output(at(1)), Some(DialOutput::Cancel(attempt)));
    assert!(!dialler.wants(&PEER));
    assert_eq!(dialler.handle_failed(attempt, DialError::TimedOut, at(2), &mut rng()), None);
}

#[derive(Debug, Clone)]
enum Step {
    Heard(u8, u8, bool),
    Fail(u8),
    Prove(u8, u8),
    Up(u8, u8),
    Down(u8, bool, bool),
    Wait(u16),
    Off,
    On,
    Change,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6u8, 0..3u8, any::<bool>()).prop_map(|(a, b, c)| Step::Heard(a, b, c)),
        any::<u8>().prop_map(Step::Fail),
        (any::<u8>(), 0..3u8).prop_map(|(a, b)| Step::Prove(a, b)),
        (any::<u8>(), 0..3u8).prop_map(|(a, b)| Step::Up(a, b)),
        (0..3u8, any::<bool>(), any::<bool>()).prop_map(|(a, b, c)| Step::Down(a, b, c)),
        any::<u16>().prop_map(Step::Wait),
        Just(Step::Off),
        Just(Step::On),
        Just(Step::Change),
    ]
}

proptest! {
    // Whatever happens: dials stay within their limit, the machine never asks to be woken for nothing (livelock), and
    // once all is quiet and the network on, a peer without a link is dialled again.
    #[test]
    fn it_never_spins_and_never_gives_up(steps in proptest::collection::vec(step(), 0..80)) {
        let mut dialler = dialler();
        let mut rng = rng();
        let mut now = at(0);
        let mut open: Vec<(AttemptId, SocketAddr)> = Vec::new();
        dialler.handle_want(PEER, &[addr(1), addr(2)], &[], now);
        let drive = |dialler: &mut Dialler, open: &mut Vec<(AttemptId, SocketAddr)>, now: Duration| {
            for _ in 0..200 {
                match dialler.poll_output(now) {
                    None => return true,
                    Some(DialOutput::Cancel(attempt)) => open.retain(|(of, _)| *of != attempt),
                    Some(DialOutput::Start { attempt, address, .. }) => open.push((attempt, address)),
                }
            }
            false
        };
        for step in steps {
            match step {
                Step::Heard(a, boot, named) => {
                    let instance = named.then_some(key(boot));
                    dialler.handle_heard(&Heard { instance, ..heard(addr(a), BootId([boot; 8])) }, now);
                }
                Step::Fail(n) if !open.is_empty() => {
                    let (attempt, _) = open.swap_remove(usize::from(n) % open.len());
                    dialler.handle_failed(attempt, DialError::TimedOut, now, &mut rng);
                }
                Step::Prove(n, instance) if !open.is_empty() => {
                    let at = usize::from(n) % open.len();
                    if !dialler.handle_proven(open[at].0, key(instance)) {
                        open.swap_remove(at);
                    }
                }
                Step::Up(n, instance) if !open.is_empty() => {
                    let (attempt, address) = open.swap_remove(usize::from(n) % open.len());
                    dialler.handle_link_up(
                        &Linked { boot: BootId([instance; 8]), ..linked(instance, address, Some(attempt)) }, now);
                }
                Step::Down(instance, done, by_peer) => {
                    let reason = if done { CloseCode::Done } else { CloseCode::Lost };
                    dialler.handle_link_down(&PEER, &key(instance), reason, by_peer, now);
                }
                Step::Wait(ms) => now += at(ms.into()),
                Step::Off => dialler.handle_enabled(false, now),
                Step::On => dialler.handle_enabled(true, now),
                Step::Change => dialler.handle_network_changed(now),
                _ => {}
            }
            prop_assert!(drive(&mut dialler, &mut open, now), "it starts dials without end");
            prop_assert!(open.len() <= MAX_CANDIDATES);
            if let Some(next) = dialler.poll_timeout(now) {
                prop_assert!(next > now, "it asks to be woken for nothing");
            }
        }
        for (attempt, _) in std::mem::take(&mut open) {
            dialler.handle_failed(attempt, DialError::TimedOut, now, &mut rng);
        }
        for instance in 0..3 {
            dialler.handle_link_down(&PEER, &key(instance), CloseCode::Lost, false, now);
        }
        dialler.handle_enabled(true, now);
        now += Duration::from_secs(400);
        drive(&mut dialler, &mut open, now);
        prop_assert!(!open.is_empty(), "it gave up");
    }
}

#[test]
fn a_beacon_of_a_linked_device_leaves_nothing_to_do() {
    let mut dialler = dialler();
    dialler.handle_want(PEER, &[], &[], at(0));
    let beacon = heard(addr(1), BOOT);
    assert!(dialler.handle_heard(&beacon, at(0)), "nobody is linked: it is to be dialled");
    dialler.handle_link_up(&linked(9, addr(1), None), at(1));
    assert!(!dialler.handle_heard(&Heard { instance: Some(key(9)), ..beacon }, at(5_000)));
}
