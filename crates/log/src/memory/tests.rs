use super::*;
use crate::header::HEADER_LEN;

const TOPIC: Topic = Topic::from_bytes([1; 32]);
const LOG: LogKey = LogKey::from_bytes([2; 32]);

fn chain(first: Seq) -> Chain {
    Chain {
        id: ChainId(0),
        topic: TOPIC,
        log: LOG,
        branch: None,
        base: None,
        first,
        head: Head { seq: 0, hash: EntryHash::ZERO },
        author: None,
        hlc: Hlc(0),
        cited: None,
        hidden_from: None,
        retired: false,
        stopped: false,
    }
}

fn entry(header: &[u8; HEADER_LEN], seq: Seq, pending: Option<Epoch>) -> NewEntry<'_> {
    let hash = EntryHash::from_bytes([seq as u8 + 10; 32]);
    NewEntry { seq, hash, header, payload: b"payload", signature: None, pending }
}

#[test]
fn entries_follow_each_other_or_are_refused() {
    let mut ledger = MemoryLedger::new();
    let id = ledger.create_chain(&chain(0)).unwrap();
    let header = [0; HEADER_LEN];
    ledger.append(id, &[entry(&header, 0, None), entry(&header, 1, None)], Millis(5)).unwrap();
    assert_eq!(
        ledger.append(id, &[entry(&header, 3, None)], Millis(5)),
        Err(MemoryError::OutOfOrder { chain: id, seq: 3 })
    );
    assert_eq!(ledger.chains(&LOG).unwrap()[0].head.seq, 1);
}

#[test]
fn what_waits_for_a_key_is_found_until_it_is_settled() {
    let mut ledger = MemoryLedger::new();
    let id = ledger.create_chain(&chain(0)).unwrap();
    let header = [0; HEADER_LEN];
    ledger.append(id, &[entry(&header, 0, None), entry(&header, 1, Some(4))], Millis(5)).unwrap();
    assert_eq!(ledger.pending_epochs(&TOPIC, 9).unwrap(), [(LOG, 4)]);
    assert_eq!(ledger.pending(&LOG, 4, 9).unwrap().len(), 1);
    ledger.settle(id, 1).unwrap();
    assert!(ledger.pending_epochs(&TOPIC, 9).unwrap().is_empty());
}

#[test]
fn an_erased_key_does_not_come_back() {
    let mut ledger = MemoryLedger::new();
    let (commitment, key) = (Commitment([3; 32]), Secret32::new([4; 32]));
    ledger.put_key(&LOG, 0, &commitment, &key).unwrap();
    assert_eq!(ledger.key(&LOG, 0, &commitment).unwrap(), KeyState::Held(key.clone()));
    ledger.erase_key(&LOG, 0, &commitment).unwrap();
    ledger.put_key(&LOG, 0, &commitment, &key).unwrap();
    assert_eq!(ledger.key(&LOG, 0, &commitment).unwrap(), KeyState::Erased);
}

#[test]
fn a_fleeting_key_is_due_at_the_latest_time_and_in_no_backup() {
    let mut ledger = MemoryLedger::new();
    let (commitment, key) = (Commitment([3; 32]), Secret32::new([4; 32]));
    ledger.put_key(&LOG, 0, &commitment, &key).unwrap();
    assert_eq!(ledger.keyring().len(), 1);
    for until in [Millis(50), Millis(20)] {
        ledger.set_fleeting(&FleetingKey { log: LOG, epoch: 0, commitment, until }).unwrap();
    }
    assert!(ledger.keyring().is_empty());
    assert!(ledger.fleeting(Millis(49), 9).unwrap().is_empty());
    assert_eq!(ledger.fleeting(Millis(50), 9).unwrap().len(), 1);
    assert_eq!(ledger.next_due().unwrap(), Some(Millis(50)));
}
