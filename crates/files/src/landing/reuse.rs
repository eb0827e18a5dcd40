//! What is in the target directory already need not come again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use nexus_blobs::layout::Place;
use nexus_blobs::{GROUP, GroupSet, Layout, group_hash};
use rustix::fs::{FileType, readlinkat};

use super::body::{Body, Placed};
use super::finish::names;
use super::open::stat;
use super::{Instead, Landing, lock};
use crate::beneath::{Beneath, open_file};
use crate::error::{At as _, LandingError};
use crate::items::{Item, ItemKind};
use crate::pool::Pool;
use crate::source::Source;
use crate::sys;

/// Earlier ones looked at: "name", "name (2)" and so on.
const MAX_EARLIER: usize = 8;
/// Groups read and compared at once.
const RUN: u64 = 16;
/// Files of at least so many bytes are copied as a whole first, which costs nothing where files can share blocks.
const WORTH_SHARING: u64 = 1 << 20;

/// What of a blob was in the target directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reused {
    /// Groups that need not come.
    pub groups: u64,
    /// All of it is there under this path; [`Landing::finish`] adds nothing.
    pub whole: Option<PathBuf>,
}

/// Something of the same name that landed earlier.
struct Earlier {
    name: String,
    /// A folder with files at the same paths; else it is the file itself.
    folder: Option<Beneath>,
}

impl Landing {
    /// Looks for the same content under the same name, and its numbered forms, in the target directory. Has to wait
    /// until the author's whole list of hashes is known, and the manifest: before, nothing is found. What is copied is
    /// compared with the list first. `progress` hears how many of how many groups were looked at, and says whether to
    /// go on.
    ///
    /// # Errors
    /// When something can't be written. What can't be read is not used.
    pub fn reuse(
        &self,
        mut progress: impl FnMut(u64, u64) -> bool,
    ) -> Result<Reused, LandingError> {
        if !self.is_listed() || !self.has_manifest() || self.instead().is_some() {
            return Ok(Reused::default());
        }
        let earlier = self.earlier()?;
        for one in &earlier {
            if let Some(source) = self.is_whole(one, &mut progress)? {
                return self.use_whole(one, source);
            }
        }
        if earlier.is_empty() {
            Ok(Reused::default())
        } else {
            self.copy_from(&earlier, &mut progress)
        }
    }

    fn earlier(&self) -> Result<Vec<Earlier>, LandingError> {
        let what = self.what();
        let mut found = Vec::new();
        for name in names(&what.name).take(MAX_EARLIER) {
            let Some(there) = stat(&self.target, name.as_str()).at(&self.at.dir)? else { continue };
            let kind = FileType::from_raw_mode(there.st_mode);
            let name = name.as_str().to_owned();
            if what.kind.has_manifest() && kind.is_dir() {
                let folder = Beneath::open(&self.target, &name).ok();
                found.extend(folder.map(|folder| Earlier { name, folder: Some(folder) }));
            } else if !what.kind.has_manifest() && kind.is_file() {
                found.push(Earlier { name, folder: None });
            }
        }
        Ok(found)
    }

    /// Whether it has everything that the blob has, with the same content.
    fn is_whole(
        &self,
        earlier: &Earlier,
        progress: &mut impl FnMut(u64, u64) -> bool,
    ) -> Result<Option<Source>, LandingError> {
        let what = self.what();
        let manifest = match (&self.body, &earlier.folder) {
            (Body::Tree(tree), Some(folder)) => {
                let placed = tree.placed()?;
                if !placed.items.iter().all(|item| is_alike(folder, placed, item)) {
                    return Ok(None);
                }
                placed.manifest.clone()
            }
            _ => Vec::new(),
        };
        let Ok(source) = Source::landed(&self.at.dir.join(&earlier.name), what, manifest) else {
            return Ok(None);
        };
        let groups = what.size.groups();
        let mut bytes = Vec::new();
        for first in (0..groups).step_by(RUN as usize) {
            if source.read_run(first, RUN, &mut bytes).is_err() {
                return Ok(None);
            }
            // A blob without bytes has one group without bytes.
            let parts = bytes.chunks(GROUP).chain(bytes.is_empty().then_some(&[][..]));
            for (index, part) in (first..).zip(parts) {
                let hash = group_hash(what.size, index, part).ok();
                if hash.is_none() || self.list.get(index)? != hash {
                    return Ok(None);
                }
            }
            if !progress((first + RUN).min(groups), groups) {
                return Ok(None);
            }
        }
        Ok(Some(source))
    }

    fn use_whole(&self, earlier: &Earlier, source: Source) -> Result<Reused, LandingError> {
        let _going = self.going()?;
        let groups = self.size().groups();
        let had = self.have_count();
        let name = earlier.name.clone();
        let instead = Instead { name, source: Some(source), already_there: true };
        *lock(&self.instead) = Some(instead.into());
        *lock(&self.have) = GroupSet::from_range(0..groups);
        Ok(Reused { groups: groups - had, whole: Some(self.at.dir.join(&earlier.name)) })
    }

    /// Copies the groups that fit.
    fn copy_from(
        &self,
        earlier: &[Earlier],
        progress: &mut impl FnMut(u64, u64) -> bool,
    ) -> Result<Reused, LandingError> {
        let mut copy = Copy::new(self, earlier)?;
        let groups = self.size().groups();
        let missing: Vec<_> = self.have().missing(groups).collect();
        let mut reused = Reused::default();
        for index in missing.into_iter().flatten() {
            let going = self.going()?;
            if copy.group(index)? {
                reused.groups += 1;
            }
            drop(going);
            if index % RUN == 0 && !progress(index, groups) {
                break;
            }
        }
        Ok(reused)
    }
}

/// Whether a folder has this item: of the same kind, and a file as long and as executable, a link to the same place.
fn is_alike(folder: &Beneath, placed: &Placed, item: &Item) -> bool {
    let path = placed.items.path(item);
    let Ok(stat) = folder.stat(&path) else { return false };
    let kind = FileType::from_raw_mode(stat.st_mode);
    match &item.kind {
        ItemKind::Folder { .. } => kind.is_dir(),
        ItemKind::File { size, executable, .. } => {
            kind.is_file()
                && stat.st_size.cast_unsigned() == *size
                && (stat.st_mode & 0o100 != 0) == *executable
        }
        ItemKind::Link { target } => {
            let there = folder.parent(&path).map(|(dir, name)| readlinkat(&*dir, name, Vec::new()));
            matches!(there, Ok(Ok(there)) if there.to_bytes() == target.as_bytes())
        }
    }
}

/// Copying from files that are there.
struct Copy<'l> {
    landing: &'l Landing,
    earlier: &'l [Earlier],
    layout: Layout,
    /// For each file, which earlier one has one of the same size.
    from: Vec<Option<usize>>,
    /// The files that were copied as a whole, right or wrong: that shows group by group.
    copied: Vec<bool>,
    open: Pool,
    bytes: Vec<u8>,
}

impl<'l> Copy<'l> {
    fn new(landing: &'l Landing, earlier: &'l [Earlier]) -> Result<Self, LandingError> {
        let layout = match &landing.body {
            Body::Tree(tree) => tree.placed()?.layout.clone(),
            _ => Layout::single(landing.size()),
        };
        let files = layout.files();
        let (from, copied) = (vec![None; files], vec![false; files]);
        let mut copy = Self {
            landing,
            earlier,
            layout,
            from,
            copied,
            open: Pool::default(),
            bytes: Vec::new(),
        };
        for file in 0..files {
            copy.find(file);
        }
        Ok(copy)
    }

    /// Finds the earlier file that may be the same, and shares its blocks if it is large.
    fn find(&mut self, file: usize) {
        let size = self.layout.bytes(file).map_or(0, |bytes| bytes.end - bytes.start);
        let fits = |earlier: &Earlier| {
            let meta = self.open_in(earlier, file).and_then(|file| file.metadata());
            meta.is_ok_and(|meta| meta.is_file() && meta.len() == size)
        };
        let Some(number) = self.earlier.iter().position(fits) else { return };
        if let Some(from) = self.from.get_mut(file) {
            *from = Some(number);
        }
        let untouched = self.layout.groups(file).is_some_and(|mut groups| {
            let have = lock(&self.landing.have);
            groups.all(|group| !have.contains(group))
        });
        if size >= WORTH_SHARING
            && untouched
            && self.share(number, file, size).unwrap_or(false)
            && let Some(copied) = self.copied.get_mut(file)
        {
            *copied = true;
        }
    }

    fn share(&self, number: usize, file: usize, size: u64) -> io::Result<bool> {
        let Some(earlier) = self.earlier.get(number) else { return Ok(false) };
        let from = self.open_in(earlier, file)?;
        match &self.landing.body {
            Body::File { file, .. } => sys::copy_range(&from, file, size),
            Body::Tree(tree) => {
                let to = tree.placed().and_then(|placed| tree.file(placed, file));
                to.map_or(Ok(false), |to| sys::copy_range(&from, &to, size))
            }
            Body::Done(_) => Ok(false),
        }
    }

    fn open_in(&self, earlier: &Earlier, file: usize) -> io::Result<File> {
        match (&earlier.folder, &self.landing.body) {
            (Some(folder), Body::Tree(tree)) => {
                let path = tree.placed().ok().and_then(|placed| placed.path(file));
                folder.file_to_read(&path.ok_or(io::ErrorKind::NotFound)?)
            }
            _ => open_file(&self.landing.target, &*earlier.name),
        }
    }

    fn opened(&self, file: usize) -> io::Result<Arc<File>> {
        let number = self.from.get(file).copied().flatten();
        let earlier =
            number.and_then(|number| self.earlier.get(number)).ok_or(io::ErrorKind::NotFound)?;
        self.open.get(file, || self.open_in(earlier, file))
    }

    /// Takes one group if what is there has the hash that the author says.
    fn group(&mut self, index: u64) -> Result<bool, LandingError> {
        let landing = self.landing;
        let size = landing.size();
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(size.group_len(index), 0);
        let read = self.read(index, &mut bytes);
        let hash = group_hash(size, index, &bytes).ok();
        let mut taken = false;
        if let (Ok(in_place), Some(hash)) = (read, hash)
            && landing.list.get(index)? == Some(hash)
        {
            if !in_place {
                landing
                    .body
                    .write(size.group_start(index), &bytes)
                    .map_err(|error| landing.blame(error))?;
            }
            landing.record(index, &hash)?;
            taken = true;
        }
        self.bytes = bytes;
        Ok(taken)
    }

    /// Reads a group from wherever it lies; true if all of it lies where it belongs already.
    fn read(&self, index: u64, bytes: &mut [u8]) -> io::Result<bool> {
        let (mut in_place, mut rest) = (true, bytes);
        let mut at = self.layout.size().group_start(index);
        for piece in self.layout.group_pieces(index) {
            let len = usize::try_from(piece.len).unwrap_or(GROUP).min(rest.len());
            let (part, after) = rest.split_at_mut(len);
            rest = after;
            match piece.place {
                Place::File { file, offset, .. } if self.copied.get(file) != Some(&true) => {
                    in_place = false;
                    self.opened(file)?.read_exact_at(part, offset)?;
                }
                // The manifest, and what was copied, are our own.
                _ => self.landing.body.read(at, part).map_err(|_| io::ErrorKind::InvalidData)?,
            }
            at += piece.len;
        }
        Ok(in_place)
    }
}
