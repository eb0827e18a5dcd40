//! What a disk held when the power went: worked out from the file as the kernel showed it, and the journal of `disk.c`.
//!
//! The model: the kernel's cache has pages; a page that was written is dirty, and on the disk not before the next fsync.
//! After a failed fsync the kernel takes the pages for clean, though the disk has not got them (as ext4 and XFS on Linux
//! do): only writing them again helps. In a power cut each sector of a dirty page is on the disk or not by itself.

use std::collections::BTreeSet;

use crate::lab::random::Random;

const PAGE: usize = 4096;
const SECTOR: usize = 512;
/// Bytes of a note before the old bytes: five numbers.
const HEAD: usize = 40;

/// One note of the journal.
#[derive(Debug)]
pub struct Note {
    what: u8,
    at: usize,
    length: usize,
    size: usize,
    old: Vec<u8>,
}

/// Reads a journal; what a kill left half written at its end is passed over, for then nothing came of it.
pub fn read(mut bytes: &[u8]) -> Vec<Note> {
    let mut notes = Vec::new();
    while bytes.len() >= HEAD {
        let field = |i: usize| {
            let number = u64::from_ne_bytes(bytes[i * 8..i * 8 + 8].try_into().unwrap());
            usize::try_from(number).unwrap()
        };
        let Some(old) = bytes.get(HEAD..HEAD + field(4)) else { break };
        let what = u8::try_from(field(0)).unwrap();
        assert!(b"WTSF".contains(&what), "no journal of disk.c");
        let note = Note { what, at: field(1), length: field(2), size: field(3), old: old.to_vec() };
        bytes = &bytes[HEAD + note.old.len()..];
        notes.push(note);
    }
    notes
}

/// Length of a journal without what was half written at its end.
pub fn whole(bytes: &[u8]) -> usize {
    read(bytes).iter().map(|note| HEAD + note.old.len()).sum()
}

/// Content of a file on the disk after the power cut, and how many sectors were lost.
pub fn held(content: Vec<u8>, notes: &[Note], random: &mut Random) -> (Vec<u8>, usize) {
    let mut cache = content;
    let written = undo(&mut cache, notes);
    let mut disk = cache.clone();
    let mut dirty = BTreeSet::new();
    for (note, new) in notes.iter().zip(written) {
        match note.what {
            b'W' => {
                put(&mut cache, note.at, &new);
                dirty.extend(note.at / PAGE..(note.at + new.len()).div_ceil(PAGE));
            }
            b'T' => cache.resize(note.at, 0),
            b'F' => dirty.clear(),
            _ => {
                for page in std::mem::take(&mut dirty) {
                    copy(&mut disk, &cache, page * PAGE, PAGE);
                }
                disk.resize(cache.len(), 0);
            }
        }
    }
    let all = random.below(2) == 0;
    let sectors =
        dirty.iter().flat_map(|page| (0..PAGE / SECTOR).map(move |s| page * PAGE + s * SECTOR));
    let mut lost = 0;
    for at in sectors.filter(|at| *at < cache.len()) {
        if !all && random.below(2) == 0 {
            copy(&mut disk, &cache, at, SECTOR);
        } else {
            lost += 1;
        }
    }
    // The file system may or may not have the new length.
    if random.below(2) == 0 {
        disk.resize(cache.len(), 0);
    }
    (disk, lost)
}

/// Goes back to the first note; gives what each wrote.
fn undo(cache: &mut Vec<u8>, notes: &[Note]) -> Vec<Vec<u8>> {
    let mut written = Vec::new();
    for note in notes.iter().rev() {
        // A kill between the note and the write: then less was written than noted, or nothing.
        let end = (note.at + note.length).min(cache.len());
        written.push(cache.get(note.at..end).unwrap_or_default().to_vec());
        if b"WT".contains(&note.what) {
            cache.resize(note.size, 0);
            put(cache, note.at, &note.old);
        }
    }
    written.reverse();
    written
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

fn copy(disk: &mut Vec<u8>, cache: &[u8], at: usize, length: usize) {
    let end = (at + length).min(cache.len());
    if at < end {
        put(disk, at, &cache[at..end]);
    }
}
