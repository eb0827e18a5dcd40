//! What a manifest names, in the form in which it is made on a disk.

use nexus_blobs::layout::LayoutBuilder;
use nexus_blobs::limits::MAX_ENTRIES;
use nexus_blobs::manifest::{Decoder, Kind as EntryKind, ManifestError};
use nexus_blobs::{BlobSize, Layout, SafeName};

use crate::what::Kind;

/// Most items, those folders counted that have no entry of their own: a manifest of a few hundred megabytes could
/// name a hundred million.
pub(crate) const MAX_ITEMS: usize = 2 * MAX_ENTRIES as usize;

/// The parent of what lies in the outermost folder.
const TOP: u32 = u32::MAX;

/// Everything in a folder, folders before what is in them. Each knows the folder it lies in and its own name, so that
/// a million long paths cost no more than their names.
#[derive(Debug)]
pub(crate) struct Items {
    all: Vec<Item>,
    /// Which of them are files, in the order of their contents.
    files: Vec<u32>,
    /// When the outermost folder was changed, if it is one that was sent.
    pub(crate) mtime_ms: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Item {
    parent: u32,
    name: SafeName,
    pub(crate) kind: ItemKind,
}

#[derive(Debug)]
pub(crate) enum ItemKind {
    File {
        size: u64,
        executable: bool,
        mtime_ms: i64,
    },
    /// No time: nobody said one, as it is only a place for others.
    Folder {
        mtime_ms: Option<i64>,
    },
    Link {
        target: Box<str>,
    },
}

impl Items {
    /// Reads the manifest that `bytes` are. Of one folder, its own name is left out of the paths: it is called as its
    /// offer says.
    pub(crate) fn read(
        kind: Kind,
        size: BlobSize,
        bytes: &[u8],
    ) -> Result<(Self, Layout), ManifestError> {
        let mut decoder = Decoder::new(size);
        if decoder.push(bytes)? != bytes.len() {
            return Err(ManifestError::Malformed);
        }
        let mut reading = Reading {
            kind,
            items: Self { all: Vec::new(), files: Vec::new(), mtime_ms: None },
            path: Vec::new(),
            outermost: None,
        };
        let mut layout = LayoutBuilder::new(size, bytes.len() as u64);
        let mut index = 0;
        while let Some(entry) = decoder.next_entry()? {
            if let EntryKind::File { size, .. } = entry.kind {
                layout.push(index, size);
            }
            index += 1;
            reading.take(&entry.path, entry.kind)?;
            if reading.items.all.len() > MAX_ITEMS {
                return Err(ManifestError::Entries(reading.items.all.len() as u64));
            }
        }
        if !decoder.is_done() {
            return Err(ManifestError::Malformed);
        }
        Ok((reading.items, layout.finish()))
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Item> {
        self.all.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The file that is so many files after the first.
    pub(crate) fn file(&self, number: usize) -> Option<&Item> {
        let index = *self.files.get(number)?;
        self.all.get(usize::try_from(index).ok()?)
    }

    /// Where an item lies in the outermost folder.
    pub(crate) fn path(&self, item: &Item) -> String {
        let mut names = vec![item.name.as_str()];
        let mut parent = item.parent;
        while let Some(folder) = usize::try_from(parent).ok().and_then(|at| self.all.get(at)) {
            names.push(folder.name.as_str());
            parent = folder.parent;
        }
        names.reverse();
        names.join("/")
    }
}

/// The items so far, and the folders that the last one lies in.
struct Reading {
    kind: Kind,
    items: Items,
    path: Vec<(SafeName, u32)>,
    outermost: Option<SafeName>,
}

impl Reading {
    fn take(&mut self, path: &[SafeName], kind: EntryKind) -> Result<(), ManifestError> {
        let path = if self.kind == Kind::Folder { self.strip(path, &kind)? } else { path };
        let Some((name, folders)) = path.split_last() else { return Ok(()) };
        let shared =
            self.path.iter().zip(folders).take_while(|((known, _), name)| known == *name).count();
        self.path.truncate(shared);
        for folder in folders.get(shared..).unwrap_or_default() {
            self.add(folder, ItemKind::Folder { mtime_ms: None });
        }
        match kind {
            EntryKind::File { size, executable, mtime_ms } => {
                self.items.files.push(self.next());
                self.add(name, ItemKind::File { size, executable, mtime_ms });
            }
            EntryKind::Folder { mtime_ms } => {
                self.add(name, ItemKind::Folder { mtime_ms: Some(mtime_ms) })
            }
            EntryKind::Link { target } => {
                self.add(name, ItemKind::Link { target: target.to_string().into() })
            }
        }
        Ok(())
    }

    /// The path without the name of the one folder that everything has to lie in.
    fn strip<'p>(
        &mut self,
        path: &'p [SafeName],
        kind: &EntryKind,
    ) -> Result<&'p [SafeName], ManifestError> {
        let (outermost, rest) = path.split_first().ok_or(ManifestError::Path)?;
        if self.outermost.get_or_insert_with(|| outermost.clone()) != outermost {
            return Err(ManifestError::Parent);
        }
        match kind {
            EntryKind::Folder { mtime_ms } if rest.is_empty() => {
                self.items.mtime_ms = Some(*mtime_ms)
            }
            _ if rest.is_empty() => return Err(ManifestError::Parent),
            _ => {}
        }
        Ok(rest)
    }

    fn next(&self) -> u32 {
        // Never near: see `MAX_ITEMS`.
        u32::try_from(self.items.all.len()).unwrap_or(TOP)
    }

    fn add(&mut self, name: &SafeName, kind: ItemKind) {
        let parent = self.path.last().map_or(TOP, |(_, index)| *index);
        let is_folder = matches!(kind, ItemKind::Folder { .. });
        let index = self.next();
        self.items.all.push(Item { parent, name: name.clone(), kind });
        if is_folder {
            self.path.push((name.clone(), index));
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_blobs::limits::MAX_DEPTH;
    use nexus_blobs::manifest::{Encoder, Entry};

    use super::*;

    /// A manifest of so many files, each in so many folders of its own that have no entry.
    fn manifest(files: u32, depth: usize) -> (Vec<u8>, BlobSize) {
        let mut encoder = Encoder::new();
        for number in 0..files {
            let mut path = vec![SafeName::new(&format!("{number:07}")).unwrap()];
            path.resize(depth + 1, SafeName::new("f").unwrap());
            let kind = EntryKind::File { size: 0, executable: false, mtime_ms: 0 };
            encoder.push(&Entry { path, kind }).unwrap();
        }
        let (bytes, layout) = encoder.finish().unwrap();
        (bytes, layout.size())
    }

    #[test]
    fn folders_without_an_entry_are_items_too_and_there_may_not_be_too_many() {
        let depth = MAX_DEPTH - 1;
        let most = MAX_ITEMS / MAX_DEPTH;
        let (bytes, size) = manifest(u32::try_from(most).unwrap(), depth);
        let (items, _) = Items::read(Kind::Several, size, &bytes).unwrap();
        assert_eq!((items.len(), items.files.len()), (most * MAX_DEPTH, most));
        let (bytes, size) = manifest(u32::try_from(most + 1).unwrap(), depth);
        let refused = Items::read(Kind::Several, size, &bytes).unwrap_err();
        let found = (most as u64 + 1) * MAX_DEPTH as u64;
        assert_eq!(refused, ManifestError::Entries(found));
    }

    #[test]
    fn folders_are_shared_by_what_is_in_them_and_paths_are_theirs() {
        let mut encoder = Encoder::new();
        for path in [&["d", "a", "x"][..], &["d", "a", "y", "z"], &["d", "b"]] {
            let path = path.iter().map(|name| SafeName::new(name).unwrap()).collect();
            let kind = EntryKind::File { size: 1, executable: false, mtime_ms: 0 };
            encoder.push(&Entry { path, kind }).unwrap();
        }
        let (bytes, layout) = encoder.finish().unwrap();
        let paths = |kind| {
            let (items, read) = Items::read(kind, layout.size(), &bytes).unwrap();
            assert_eq!(read.files(), 3);
            items.iter().map(|item| items.path(item)).collect::<Vec<_>>()
        };
        assert_eq!(paths(Kind::Folder), ["a", "a/x", "a/y", "a/y/z", "b"]);
        assert_eq!(paths(Kind::Several), ["d", "d/a", "d/a/x", "d/a/y", "d/a/y/z", "d/b"]);
        let (items, _) = Items::read(Kind::Folder, layout.size(), &bytes).unwrap();
        assert_eq!(items.file(1).map(|item| items.path(item)), Some("a/y/z".to_owned()));
        assert!(items.file(3).is_none());
    }
}
