//! What is mine: contacts, letters, addresses, delivery, story, events, settings; and every limit, passed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use std::time::Duration;

use common::{Author, conversation, me, options, prepared, text, them, topic};
use nexus_identity::InviteSecret;
use nexus_identity::id::{ConnectId, InstanceKey, Millis};
use nexus_log::ids::{EntryHash, LogKey};
use nexus_log::ledger::Ledger;
use nexus_storage::contacts::{ContactRow, ContactState, MAX_CARD_BYTES, MAX_NAME_BYTES};
use nexus_storage::conversations::{MAX_DRAFT_BYTES, MAX_TITLE_BYTES};
use nexus_storage::delivery::{Delivery, Risen};
use nexus_storage::events::{EVENTS_KEPT, EventKind, MAX_EVENT_TEXT, NewEvent};
use nexus_storage::letters::{
    INBOX, INBOX_KNOWN, LETTERS_SEEN, LetterFate, LetterIn, LetterOut, MAX_INVITES,
    MAX_LETTER_TEXT, MAX_SEALED,
};
use nexus_storage::peers::{
    AddressSource, MAX_ADDRESS_BYTES, MAX_ADDRESSES, MAX_RECORD_BYTES, MAX_RECORDS,
    MAX_SHARE_BYTES, MAX_SHARES,
};
use nexus_storage::settings::{MAX_NOTICES, MAX_SETTING_BYTES};
use nexus_storage::story::{About, MAX_STORY_TEXT, STORY_KEPT, Stage, StoryRow};
use nexus_storage::{Database, OpenOptions, Opened, StoreError, Tx};

/// Runs a job in a transaction.
fn write<T>(opened: &mut Opened, job: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>) -> T {
    opened.writer.transaction(job).unwrap()
}

fn who(n: u64) -> ConnectId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    ConnectId::from_bytes(bytes)
}

fn letter(n: u64, created: u64, source: &str) -> LetterIn {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    id[8..].copy_from_slice(&created.to_be_bytes());
    LetterIn {
        sender: who(n),
        letter: id,
        created: Millis(created),
        received: Millis(created + 5),
        source: source.into(),
        text: format!("hello from {n}"),
        card: vec![1, 2, 3],
        card_name: format!("Name {n}"),
        record: vec![4, 5],
    }
}

fn take(tx: &mut Tx<'_>, letter: &LetterIn) -> Result<LetterFate, StoreError> {
    tx.take_letter(letter, false)
}

/// Who lost a place to this letter of a stranger.
fn loser(tx: &mut Tx<'_>, letter: &LetterIn) -> ConnectId {
    match take(tx, letter).unwrap() {
        LetterFate::Taken { evicted: Some(loser), .. } => loser.sender,
        other => panic!("{other:?}"),
    }
}

/// Places for strangers.
const PLACES: u64 = (INBOX - INBOX_KNOWN) as u64;

const TAKEN: LetterFate = LetterFate::Taken { replaced: false, evicted: None };

#[test]
fn a_letter_makes_its_sender_incoming_and_a_replay_changes_nothing() {
    let (_dir, mut opened) = prepared();
    let first = letter(1, 100, "10.0.0.1");
    write(&mut opened, |tx| {
        assert_eq!(take(tx, &first)?, TAKEN);
        assert_eq!(take(tx, &first)?, LetterFate::Duplicate);
        assert_eq!(take(tx, &letter(1, 99, "10.0.0.2"))?, LetterFate::Duplicate, "an older one");
        let replaced = LetterFate::Taken { replaced: true, evicted: None };
        assert_eq!(take(tx, &letter(1, 101, "10.0.0.1"))?, replaced);
        assert_eq!(tx.inbox()?.len(), 1);
        let request = tx.requests()?.remove(0);
        assert_eq!((request.name(), request.request_text.as_str()), ("Name 1", "hello from 1"));
        assert_eq!(tx.contacts()?, []);
        Ok(())
    });
}

#[test]
fn a_letter_does_not_replace_what_is_known_of_a_card() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        let mut known = ContactRow::new(who(1), ContactState::Removed, Millis(1));
        (known.card, known.card_name) = (vec![9; 9], "Bea".into());
        tx.put_contact(&known)?;
        assert_eq!(take(tx, &letter(1, 100, "a"))?, TAKEN);
        let now = tx.contact(&who(1))?.unwrap();
        assert_eq!((now.state, now.card), (ContactState::Incoming, vec![9; 9]));
        assert_eq!(now.card_name, "Bea");
        Ok(())
    });
}

#[test]
fn declined_and_blocked_senders_are_ignored_each_in_their_way() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        take(tx, &letter(1, 100, "a"))?;
        tx.decline(&who(1), Millis(1_000))?;
        assert_eq!(tx.inbox()?, []);
        assert_eq!(take(tx, &letter(1, 500, "a"))?, LetterFate::Declined);
        assert_eq!(take(tx, &letter(1, 2_000, "a"))?, TAKEN, "after the time it is shown");
        tx.set_contact_state(&who(1), ContactState::Blocked)?;
        assert_eq!(take(tx, &letter(1, 3_000, "a"))?, LetterFate::Blocked);
        for state in [ContactState::Requested, ContactState::Accepted] {
            tx.set_contact_state(&who(1), state)?;
            let created = 4_000 + state as u64;
            assert_eq!(take(tx, &letter(1, created, "a"))?, LetterFate::Contact(state));
        }
        assert_eq!(tx.contact(&who(1))?.unwrap().state, ContactState::Accepted);
        Ok(())
    });
}

#[test]
fn the_address_that_fills_the_inbox_pays_for_it() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        for n in 0..10 {
            assert_eq!(take(tx, &letter(n, 100 + n, "honest"))?, TAKEN);
        }
        for n in 10..PLACES {
            assert_eq!(take(tx, &letter(n, 100 + n, "flood"))?, TAKEN);
        }
        for n in PLACES..PLACES + 300 {
            assert_eq!(take(tx, &letter(n, 1_000 + n, "flood"))?, LetterFate::Full);
            assert_eq!(tx.contact(&who(n))?, None, "it leaves nothing");
        }
        assert_eq!(loser(tx, &letter(9_999, 5_000, "late")), who(PLACES - 1));
        let inbox = tx.inbox()?;
        assert_eq!(inbox.len() as u64, PLACES);
        assert_eq!(inbox.iter().filter(|l| l.source == "honest").count(), 10);
        assert_eq!(tx.requests()?.len(), inbox.len());
        Ok(())
    });
}

#[test]
fn a_crowd_of_addresses_pushes_out_no_letter_that_came_before() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        // Four people behind one address, one elsewhere.
        let early = [0, 1, 2, 3, 4].map(|n| letter(n, 100, if n < 4 { "home" } else { "honest" }));
        for letter in &early {
            assert_eq!(take(tx, letter)?, TAKEN);
        }
        for n in 5..PLACES {
            assert_eq!(take(tx, &letter(n, 200, &format!("address {n}")))?, TAKEN);
        }
        for n in PLACES..20 * PLACES {
            let fate = take(tx, &letter(n, 300, &format!("address {n}")))?;
            assert_eq!(fate, LetterFate::Full);
        }
        // Nor by writing again and again.
        for n in 5..PLACES {
            let replaced = LetterFate::Taken { replaced: true, evicted: None };
            assert_eq!(take(tx, &letter(n, 400, "moved"))?, replaced);
        }
        assert_eq!(loser(tx, &letter(50_000, 500, "another")), who(PLACES - 1));
        let kept = tx.inbox()?;
        assert!(early.iter().all(|letter| kept.contains(letter)), "they are all there");
        Ok(())
    });
}

#[test]
fn a_crowd_of_strangers_leaves_room_to_who_was_a_contact_once_and_to_who_was_invited() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        for n in 0..PLACES {
            assert_eq!(take(tx, &letter(n, 100, &format!("address {n}")))?, TAKEN);
        }
        let known = (100_000..=100_000 + u64::try_from(INBOX_KNOWN).unwrap()).collect::<Vec<_>>();
        for (n, id) in known.iter().zip(10..) {
            tx.add_conversation(&conversation(id), 1, &topic(id), Some(&who(*n)))?;
            Author::new(me(), id, id).open(tx);
        }
        let (last, first) = known.split_last().unwrap();
        for n in first {
            assert_eq!(take(tx, &letter(*n, 100, "one place"))?, TAKEN);
        }
        assert_eq!(i64::try_from(tx.inbox()?.len()).unwrap(), INBOX);
        assert_eq!(take(tx, &letter(*last, 100, "one place"))?, LetterFate::Full);
        let invited = letter(200_000, 100, "anywhere");
        assert_eq!(take(tx, &invited)?, LetterFate::Full);
        assert_eq!(tx.take_letter(&invited, true)?, TAKEN);
        Ok(())
    });
}

#[test]
fn whoever_found_no_room_in_the_inbox_or_lost_it_gets_it_by_repeating_the_letter() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        for n in 0..PLACES {
            assert_eq!(take(tx, &letter(n, 100, &format!("address {}", n / 4)))?, TAKEN);
        }
        let (late, later) = (letter(PLACES, 100, "honest"), letter(PLACES + 1, 100, "honest"));
        assert_eq!(take(tx, &late)?, LetterFate::Full);
        tx.drop_letter_from(&who(0))?;
        assert_eq!(take(tx, &late)?, TAKEN);
        assert_eq!(take(tx, &late)?, LetterFate::Duplicate);
        assert_eq!(take(tx, &later)?, LetterFate::Full);
        tx.drop_letter_from(&who(2))?;
        assert_eq!(take(tx, &later)?, TAKEN);
        Ok(())
    });
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        for n in 0..PLACES {
            assert_eq!(take(tx, &letter(n, 100, "many"))?, TAKEN);
        }
        let lost = letter(PLACES - 1, 100, "many");
        assert_eq!(loser(tx, &letter(PLACES, 100, "one")), lost.sender);
        tx.drop_letter_from(&who(0))?;
        assert_eq!(take(tx, &lost)?, TAKEN);
        Ok(())
    });
}

#[test]
fn a_letter_from_a_clock_that_ran_ahead_does_not_hide_those_after_it() {
    let (_dir, mut opened) = prepared();
    let ahead = LetterIn { received: Millis(100), ..letter(1, 1_000_000, "a") };
    write(&mut opened, |tx| {
        assert_eq!(take(tx, &ahead)?, TAKEN);
        let again = LetterIn { received: Millis(150), ..ahead.clone() };
        assert_eq!(take(tx, &again)?, LetterFate::Duplicate, "it is the same");
        let replaced = LetterFate::Taken { replaced: true, evicted: None };
        assert_eq!(take(tx, &letter(1, 200, "a"))?, replaced);
        Ok(())
    });
}

/// Whether the files of the database hold these bytes.
fn on_disk(opened: &Opened, text: &str) -> bool {
    let wal = format!("{}-wal", opened.db.path().display());
    let files =
        [opened.db.path().to_path_buf(), wal.into()].map(|path| std::fs::read(path).unwrap());
    files.iter().any(|file| file.windows(text.len()).any(|bytes| bytes == text.as_bytes()))
}

#[test]
fn what_is_removed_is_gone_from_the_files_as_soon_as_no_reader_needs_it() {
    const SECRET: &str = "nobody is to read this again";
    let (_dir, mut opened) = prepared();
    let hash = write(&mut opened, |tx| {
        let mut author = Author::new(them(), 1, 1);
        author.open(tx);
        let position = author.append(tx, 1, b"ciphertext");
        tx.insert_message(&conversation(1), author.chain, &text(position, them(), SECRET))?;
        Ok(position.hash)
    });
    assert!(on_disk(&opened, SECRET) && !opened.writer.must_wipe());
    let mut reader = opened.db.reader().unwrap();
    let wiped = reader.snapshot::<_, StoreError>(|store| {
        assert!(store.message_by_hash(&hash)?.is_some());
        write(&mut opened, |tx| tx.remove_message(&conversation(1), &hash));
        assert!(opened.writer.must_wipe());
        opened.writer.wipe()
    });
    assert!(!wiped.unwrap() && opened.writer.must_wipe());
    assert!(opened.writer.wipe().unwrap() && !opened.writer.must_wipe());
    assert!(!on_disk(&opened, SECRET));
}

#[test]
fn ten_thousand_letters_leave_bounded_tables() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        for n in 0..10_000 {
            take(tx, &letter(n, 100 + n, "flood"))?;
        }
        assert_eq!(tx.all_contacts()?.len() as u64, PLACES);
        Ok(())
    });
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        // The memory of letters that were answered is bounded as well; the last ones are still known.
        for n in 0..10_000 {
            take(tx, &letter(n, 100 + n, "many"))?;
            tx.drop_letter_from(&who(n))?;
        }
        let last = 10_000 - u64::try_from(LETTERS_SEEN).unwrap();
        assert_eq!(take(tx, &letter(last, 100 + last, "flood"))?, LetterFate::Duplicate);
        assert!(matches!(take(tx, &letter(0, 100, "flood"))?, LetterFate::Taken { .. }));
        Ok(())
    });
}

#[test]
fn my_letters_go_out_until_they_are_answered() {
    let (_dir, mut opened) = prepared();
    let out = LetterOut {
        recipient: them(),
        letter: [3; 16],
        sealed: vec![7; MAX_SEALED],
        created: Millis(10),
        next_at: Millis(20),
        sent: 0,
        taken: None,
    };
    write(&mut opened, |tx| {
        tx.put_letter_out(&out)?;
        let due = |tx: &Tx<'_>, now| tx.letters_due(Millis(now), Duration::from_millis(5));
        assert_eq!(due(tx, 19)?, []);
        assert_eq!(due(tx, 20)?, std::slice::from_ref(&out));
        assert_eq!(due(tx, 15)?, []);
        let ahead = due(tx, 14)?;
        assert_eq!(ahead, std::slice::from_ref(&out), "put off under a clock that ran ahead");
        tx.letter_sent(&them(), Millis(500))?;
        tx.letter_taken(&them(), &[9; 16], Millis(30))?;
        assert_eq!(tx.letter_to(&them())?.unwrap().taken, None, "another letter's answer");
        tx.letter_taken(&them(), &[3; 16], Millis(31))?;
        let now = tx.letter_to(&them())?.unwrap();
        assert_eq!((now.sent, now.next_at, now.taken), (1, Millis(500), Some(Millis(31))));
        tx.drop_letter_to(&them())?;
        assert_eq!(tx.letter_to(&them())?, None);
        Ok(())
    });
}

#[test]
fn invites_are_used_up_and_end() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        tx.put_invite(&[1; 16], 2, Millis(100), Millis(0))?;
        assert!(!tx.use_invite(&[2; 16], Millis(1))?);
        assert!(tx.invite_open(&[1; 16], Millis(99))?);
        assert!(!tx.use_invite(&[1; 16], Millis(100))?, "it has ended");
        assert!(tx.use_invite(&[1; 16], Millis(1))? && tx.use_invite(&[1; 16], Millis(1))?);
        assert!(!tx.use_invite(&[1; 16], Millis(1))?, "it is used up");
        for n in 0..u64::try_from(MAX_INVITES).unwrap() {
            let mut secret = [9; 16];
            secret[..8].copy_from_slice(&n.to_be_bytes());
            assert!(tx.put_invite(&secret, 1, Millis(1_000 + n), Millis(0))?);
        }
        assert!(
            !tx.put_invite(&[8; 16], 1, Millis(9_999), Millis(999))?,
            "one more than may be open"
        );
        assert!(!tx.invite_open(&[8; 16], Millis(999))?);
        let mut first = [9; 16];
        first[..8].copy_from_slice(&0_u64.to_be_bytes());
        assert!(tx.invite_open(&first, Millis(999))?, "nobody's invite went for it");
        assert!(tx.put_invite(&[8; 16], 1, Millis(9_999), Millis(1_000))?, "one has ended");
        Ok(())
    });
}

#[test]
fn contacts_are_kept_whole_and_listed_by_state() {
    let (_dir, mut opened) = prepared();
    let full = ContactRow {
        card: vec![1; MAX_CARD_BYTES],
        card_name: "n".repeat(MAX_NAME_BYTES),
        local_name: "Bob".into(),
        verified: true,
        second_contact_key: true,
        request_text: "hi".into(),
        invite_secret: Some(InviteSecret::new([5; 16])),
        declined_until: Some(Millis(77)),
        last_seen: Some(Millis(88)),
        ..ContactRow::new(them(), ContactState::Accepted, Millis(9))
    };
    write(&mut opened, |tx| {
        tx.put_contact(&full)?;
        assert_eq!(tx.contact(&them())?, Some(full.clone()));
        tx.saw_contact(&them(), Millis(50))?;
        assert_eq!(tx.contact(&them())?.unwrap().last_seen, Some(Millis(88)), "the latest stays");
        tx.set_contact_card(&them(), b"new", "New", false)?;
        let now = tx.contact(&them())?.unwrap();
        assert_eq!(
            (now.name(), now.card_name.as_str(), now.second_contact_key),
            ("Bob", "New", true)
        );
        tx.put_contact(&ContactRow::new(who(1), ContactState::Removed, Millis(1)))?;
        assert_eq!(tx.contacts()?.len(), 1);
        assert_eq!(tx.all_contacts()?.len(), 2);
        Ok(())
    });
}

#[test]
fn addresses_that_worked_come_first_and_typed_ones_stay() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        tx.note_address(&them(), "typed:1", AddressSource::Manual, Millis(1))?;
        for n in 0..u64::try_from(MAX_ADDRESSES).unwrap() + 5 {
            tx.note_address(&them(), &format!("seen:{n}"), AddressSource::Seen, Millis(10 + n))?;
        }
        tx.authenticated_address(&them(), "seen:9", Millis(500))?;
        tx.authenticated_address(&them(), "seen:12", Millis(400))?;
        let all = tx.addresses(&them())?;
        assert_eq!(i64::try_from(all.len()).unwrap(), MAX_ADDRESSES);
        assert_eq!((all[0].address.as_str(), all[1].address.as_str()), ("seen:9", "seen:12"));
        assert!(all.iter().any(|a| a.address == "typed:1" && a.source == AddressSource::Manual));
        assert!(!all.iter().any(|a| a.address == "seen:0"));
        tx.forget_addresses(&them())?;
        assert_eq!(tx.addresses(&them())?, []);
        Ok(())
    });
}

#[test]
fn records_of_one_person_are_bounded_and_sightings_only_rise() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        for n in 0..u8::try_from(MAX_RECORDS).unwrap() + 3 {
            tx.put_record(&InstanceKey::from_bytes([n; 32]), &them(), &[n], Millis(u64::from(n)))?;
        }
        let all = tx.records(&them())?;
        assert_eq!(i64::try_from(all.len()).unwrap(), MAX_RECORDS);
        let key = InstanceKey::from_bytes([20; 32]);
        tx.saw_instance(&key, Millis(9))?;
        tx.saw_instance(&key, Millis(8))?;
        tx.put_record(&key, &them(), b"newer", Millis(99))?;
        let record = tx.record(&key)?.unwrap();
        assert_eq!(
            (record.bytes.as_slice(), record.last_seen),
            (b"newer".as_slice(), Some(Millis(9)))
        );
        tx.drop_record(&key)?;
        assert_eq!(tx.record(&key)?, None);
        Ok(())
    });
}

#[test]
fn what_is_shared_with_instances_is_kept_and_bounded() {
    let (_dir, mut opened) = prepared();
    let key = |n: i64| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        InstanceKey::from_bytes(bytes)
    };
    write(&mut opened, |tx| {
        for n in 0..=MAX_SHARES {
            tx.put_share(&key(n), &n.to_be_bytes(), Millis(n.unsigned_abs()))?;
        }
        assert_eq!(tx.share(&key(0))?, None, "the oldest went");
        assert_eq!(tx.share(&key(1))?, Some(1i64.to_be_bytes().to_vec()));
        tx.put_share(&key(1), b"newer", Millis(2_000))?;
        assert_eq!(tx.share(&key(1))?, Some(b"newer".to_vec()));
        assert!(tx.share(&key(2))?.is_some(), "nothing else went for it");
        let long = vec![0; MAX_SHARE_BYTES + 1];
        assert!(matches!(tx.put_share(&key(3), &long, Millis(0)), Err(StoreError::TooLong { .. })));
        Ok(())
    });
}

#[test]
fn delivery_rises_in_ranges_and_never_falls() {
    let (_dir, mut opened) = prepared();
    let log = LogKey::from_bytes([3; 32]);
    write(&mut opened, |tx| {
        tx.add_recipient(&log, &them())?;
        assert_eq!(tx.marks(&log)?[0].state(0), Delivery::Queued);
        assert_eq!(tx.raise(&log, &them(), Delivery::Sent, 9)?, Some(Risen { from: 0, to: 9 }));
        assert_eq!(
            tx.raise(&log, &them(), Delivery::Delivered, 99_999)?,
            Some(Risen { from: 0, to: 99_999 })
        );
        assert_eq!(tx.raise(&log, &them(), Delivery::Delivered, 5)?, None);
        assert_eq!(tx.raise(&log, &them(), Delivery::Sent, 50)?, None, "sent rose with delivered");
        assert_eq!(tx.raise(&log, &them(), Delivery::Read, 7)?, Some(Risen { from: 0, to: 7 }));
        assert_eq!(tx.raise(&log, &them(), Delivery::Read, 9)?, Some(Risen { from: 8, to: 9 }));
        assert_eq!(tx.raise(&log, &them(), Delivery::Queued, 9)?, None);
        let marks = tx.marks(&log)?[0];
        let states = [9, 10, 99_999, 100_000].map(|seq| marks.state(seq));
        assert_eq!(
            states,
            [Delivery::Read, Delivery::Delivered, Delivery::Delivered, Delivery::Queued]
        );
        let beyond = tx.raise(&log, &them(), Delivery::Read, u64::MAX);
        assert!(matches!(beyond, Err(StoreError::OutOfRange { .. })));
        assert!(tx.raise(&log, &them(), Delivery::Read, i64::MAX as u64)?.is_some());
        tx.add_recipient(&log, &them())?;
        assert_eq!(tx.marks(&log)?[0].state(u64::MAX), Delivery::Queued);
        Ok(())
    });
}

#[test]
fn the_story_of_an_entry_has_its_ranges_and_what_happened_on_the_way() {
    let (_dir, mut opened) = prepared();
    let log = LogKey::from_bytes([3; 32]);
    let moment = |at, stage, peer: Option<ConnectId>, detail: &str| StoryRow {
        at: Millis(at),
        stage,
        peer,
        path: "lan".into(),
        detail: detail.into(),
    };
    write(&mut opened, |tx| {
        let range = |from, to| About::Entries { log, from, to };
        tx.tell(range(5, 5), &moment(100, Stage::Queued, None, "written"))?;
        tx.tell(About::Peer, &moment(50, Stage::Dialled, Some(them()), "before it"))?;
        tx.tell(About::Peer, &moment(110, Stage::Refused, Some(them()), "no route"))?;
        tx.tell(About::Peer, &moment(115, Stage::Dialled, Some(who(7)), "somebody else"))?;
        tx.tell(range(0, 9), &moment(120, Stage::Sent, Some(them()), "over lan"))?;
        tx.tell(range(6, 9), &moment(121, Stage::Sent, Some(them()), "later entries"))?;
        tx.tell(range(0, 400), &moment(130, Stage::Delivered, Some(them()), ""))?;
        tx.tell(About::Peer, &moment(500, Stage::Unlinked, Some(them()), "after it"))?;
        tx.tell(About::Peer, &moment(510, Stage::Linked, Some(them()), "again"))?;
        let last = moment(510, Stage::Linked, Some(them()), "again");
        let before = moment(500, Stage::Unlinked, Some(them()), "after it");
        assert_eq!(tx.links_of(&them(), 9)?, [before, last.clone()]);
        assert_eq!(tx.links_of(&them(), 1)?, [last]);
        let story = tx.story(&log, 5, &[them()], Millis(100), Some(Millis(130)))?;
        let stages: Vec<Stage> = story.iter().map(|row| row.stage).collect();
        assert_eq!(stages, [Stage::Queued, Stage::Refused, Stage::Sent, Stage::Delivered]);
        assert_eq!(tx.story(&log, 5, &[them()], Millis(100), None)?.len(), 6);
        for n in 0..u64::try_from(STORY_KEPT).unwrap() + 600 {
            tx.tell(About::Peer, &moment(1_000 + n, Stage::Dialled, Some(who(7)), ""))?;
        }
        assert_eq!(tx.story(&log, 5, &[], Millis(0), None)?, [], "the oldest went");
        Ok(())
    });
}

#[test]
fn events_go_on_from_a_cursor_and_say_when_some_are_missing() {
    let (_dir, mut opened) = prepared();
    let event = NewEvent {
        conversation: Some(conversation(1)),
        entry: Some(EntryHash::from_bytes([4; 32])),
        peer: Some(them()),
        value: 3,
        text: "words".into(),
        ..NewEvent::new(EventKind::State, Millis(77))
    };
    write(&mut opened, |tx| {
        let none = tx.events_since(0, 100)?;
        assert_eq!((none.rows, none.missing), (vec![], false));
        let first = tx.append_event(&event)?;
        let second = tx.append_event(&NewEvent::new(EventKind::Notice, Millis(78)))?;
        assert!(second > first);
        let all = tx.events_since(0, 100)?;
        assert_eq!(all.rows[0].event, event);
        assert!(!all.missing);
        assert_eq!(tx.events_since(first, 100)?.rows.len(), 1);
        let end = tx.events_since(second, 100)?;
        assert_eq!((end.rows, end.missing, end.next), (vec![], false, second));
        for ahead in [second + 1, u64::MAX] {
            let again = tx.events_since(ahead, 100)?;
            assert!(again.missing, "a cursor of another store");
            assert_eq!((again.rows.len(), again.next), (2, second));
        }
        Ok(())
    });
    write(&mut opened, |tx| {
        for _ in 0..EVENTS_KEPT + 2_000 {
            tx.append_event(&NewEvent::new(EventKind::Contact, Millis(79)))?;
        }
        let kept = tx.events_since(0, u32::MAX)?;
        assert!(!kept.missing, "0 means: from the oldest that is kept");
        let first = kept.rows[0].cursor;
        assert!(tx.events_since(first - 2, 1)?.missing, "who was away for longer hears that");
        assert!(!tx.events_since(first - 1, 1)?.missing);
        let count = i64::try_from(kept.rows.len()).unwrap();
        assert!((EVENTS_KEPT..EVENTS_KEPT + 2_000).contains(&count));
        assert!(!tx.events_since(tx.last_cursor()? - 10, 100)?.missing);
        Ok(())
    });
}

#[test]
fn a_cursor_is_never_used_twice() {
    let (_dir, mut opened) = prepared();
    let event = NewEvent {
        conversation: Some(conversation(1)),
        ..NewEvent::new(EventKind::MessageNew, Millis(1))
    };
    let first = write(&mut opened, |tx| tx.append_event(&event));
    write(&mut opened, |tx| tx.erase_events(&conversation(1)));
    let second = write(&mut opened, |tx| tx.append_event(&event));
    assert!(second > first);
    assert_eq!(opened.writer.queries().last_cursor().unwrap(), second);
}

#[test]
fn a_cursor_of_a_store_that_is_gone_is_below_all_of_the_next_one_and_said_to_miss_some() {
    let (_dir, mut opened) = prepared();
    let event = NewEvent::new(EventKind::Contact, Millis(1));
    let of_old = write(&mut opened, |tx| {
        for _ in 0..50 {
            tx.append_event(&event)?;
        }
        tx.last_cursor()
    });
    opened.writer.close().unwrap();
    let path = opened.db.path().to_owned();
    drop(opened.db);
    let later = OpenOptions { now: Millis(options().now.0 + 1), ..options() };
    nexus_storage::set_aside(&path, later.now).unwrap();
    let mut opened = Database::open(&path, &later).unwrap();
    write(&mut opened, |tx| {
        let before_any = tx.events_since(of_old, 10)?;
        assert!(before_any.missing && before_any.rows.is_empty());
        assert!(before_any.next > of_old);
        assert!(!tx.events_since(before_any.next, 10)?.missing, "it is said once");
        assert!(tx.append_event(&event)? > of_old);
        let found = tx.events_since(of_old, 10)?;
        assert!(found.missing);
        assert_eq!(found.rows.len(), 1);
        Ok(())
    });
}

#[test]
fn notices_are_one_for_each_matter_and_bounded() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        assert!(tx.put_notice("second_contact_key", Some(&them()), "a", Millis(1))?);
        assert!(!tx.put_notice("second_contact_key", Some(&them()), "b", Millis(2))?);
        assert!(tx.put_notice("second_contact_key", None, "c", Millis(3))?);
        let all = tx.notices()?;
        assert_eq!(all.iter().map(|n| n.text.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        tx.dismiss_notice(all[0].id)?;
        for n in 0..u64::try_from(MAX_NOTICES).unwrap() + 5 {
            tx.put_notice("x", Some(&who(n)), "", Millis(10 + n))?;
        }
        assert_eq!(i64::try_from(tx.notices()?.len()).unwrap(), MAX_NOTICES);
        Ok(())
    });
}

#[test]
fn conversations_keep_what_is_local() {
    let (_dir, mut opened) = prepared();
    write(&mut opened, |tx| {
        let id = conversation(1);
        tx.set_draft(&id, &"d".repeat(MAX_DRAFT_BYTES))?;
        tx.set_title(&id, "Title")?;
        tx.set_wanted(&id, false)?;
        tx.set_muted(&id, Some(Millis(u64::MAX)))?;
        tx.add_conversation(&id, 1, &common::topic(1), None)?;
        let row = tx.conversation(&id)?.unwrap();
        assert_eq!(
            (row.title.as_str(), row.wanted, row.draft.len()),
            ("Title", false, MAX_DRAFT_BYTES)
        );
        assert_eq!(row.muted_until, Some(Millis(u64::MAX)), "for ever stays for ever");
        tx.set_muted(&id, None)?;
        assert_eq!(tx.conversation(&id)?.unwrap().muted_until, None);
        assert_eq!(tx.conversation_with(&them())?.unwrap().conversation, id);
        assert_eq!(
            tx.conversation_of_topic(&common::topic(2))?.unwrap().conversation,
            conversation(2)
        );
        let missing = tx.set_draft(&conversation(9), "x");
        assert!(matches!(missing, Err(StoreError::Missing { .. })));
        Ok(())
    });
}

#[test]
fn everything_over_a_limit_is_refused() {
    let (_dir, mut opened) = prepared();
    let long = |n: usize| "x".repeat(n + 1);
    let too_long = |result: Result<(), StoreError>| {
        assert!(matches!(result, Err(StoreError::TooLong { .. })), "{result:?}");
    };
    write(&mut opened, |tx| {
        let contact = ContactRow::new(them(), ContactState::Accepted, Millis(1));
        too_long(
            tx.put_contact(&ContactRow { local_name: long(MAX_NAME_BYTES), ..contact.clone() }),
        );
        too_long(tx.put_contact(&ContactRow { card: vec![0; MAX_CARD_BYTES + 1], ..contact }));
        let letter = LetterIn { text: long(MAX_LETTER_TEXT), ..letter(1, 1, "a") };
        too_long(take(tx, &letter).map(drop));
        too_long(tx.note_address(
            &them(),
            &long(MAX_ADDRESS_BYTES),
            AddressSource::Told,
            Millis(1),
        ));
        let instance = InstanceKey::from_bytes([1; 32]);
        too_long(tx.put_record(&instance, &them(), &[0; MAX_RECORD_BYTES + 1], Millis(1)));
        too_long(tx.set_draft(&conversation(1), &long(MAX_DRAFT_BYTES)));
        too_long(tx.set_title(&conversation(1), &long(MAX_TITLE_BYTES)));
        too_long(tx.set_setting("k", &[0; MAX_SETTING_BYTES + 1]));
        too_long(tx.put_notice("n", None, &long(MAX_SETTING_BYTES), Millis(1)).map(drop));
        let event =
            NewEvent { text: long(MAX_EVENT_TEXT), ..NewEvent::new(EventKind::Notice, Millis(1)) };
        too_long(tx.append_event(&event).map(drop));
        let row = StoryRow {
            at: Millis(1),
            stage: Stage::Sent,
            peer: None,
            path: String::new(),
            detail: long(MAX_STORY_TEXT),
        };
        too_long(tx.tell(About::Peer, &row));
        Ok(())
    });
}

#[test]
fn secrets_do_not_show_in_debug() {
    let (_dir, opened) = prepared();
    let own = opened.writer.queries().own_instance().unwrap().unwrap();
    let shown = format!("{own:?}");
    assert!(
        shown.contains("instance") && !shown.contains("seed") && !shown.contains('8'),
        "{shown}"
    );
    assert_eq!(own.connect_id, me());
}
