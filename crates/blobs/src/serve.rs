//! What one asker has open on a stream: limits, and turns.
//!
//! The blobs that are asked for take turns, a group each; requests for one blob are answered in the
//! order in which they came, so a source is read from front to back.

use std::collections::VecDeque;

use crate::ids::{BlobId, RequestId};
use crate::limits::{MAX_HASHES, MAX_OPEN};
use crate::wire::{Get, What};

/// What no honest asker does: end the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServeViolation {
    /// More than [`MAX_OPEN`] requests at once.
    #[error("too_many_requests")]
    TooMany,
    /// A request with the number of one that is open.
    #[error("request_in_use")]
    InUse,
}

/// What to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Groups or hashes. If they cannot be had: [`Serve::drop_request`], and send NO.
    Piece(Piece),
    /// END of this request; it is not open any more.
    End(RequestId),
}

/// A part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which GET it answers.
    pub request: RequestId,
    /// The blob.
    pub blob: BlobId,
    /// Groups or hashes.
    pub what: What,
    /// Index of the (first) group.
    pub index: u64,
    /// How many: 1 group, or up to [`MAX_HASHES`] hashes.
    pub count: u32,
}

/// Requests open on one stream, at the side that answers.
#[derive(Debug, Default)]
pub struct Serve {
    /// Blobs in the order of their turns, each with its requests in the order in which they came.
    turns: VecDeque<(BlobId, VecDeque<Get>)>,
}

impl Serve {
    /// Nothing is open.
    pub const fn new() -> Self {
        Self { turns: VecDeque::new() }
    }

    /// Requests that are open.
    pub fn open(&self) -> usize {
        self.turns.iter().map(|(_, gets)| gets.len()).sum()
    }

    /// Takes a GET. Whether the asker may have the blob, and whether the range is inside it, is the
    /// caller's to check ([`Get::fits`]).
    pub fn handle_get(&mut self, get: Get) -> Result<(), ServeViolation> {
        if self.find(get.request).is_some() {
            return Err(ServeViolation::InUse);
        }
        if self.open() >= MAX_OPEN {
            return Err(ServeViolation::TooMany);
        }
        match self.turns.iter_mut().find(|(blob, _)| *blob == get.blob) {
            Some((_, gets)) => gets.push_back(get),
            None => self.turns.push_back((get.blob, VecDeque::from([get]))),
        }
        Ok(())
    }

    /// Takes a STOP: what follows of the request is its END. One that is not open crossed its END
    /// or NO.
    pub fn handle_stop(&mut self, request: RequestId) {
        if let Some(get) = self.find(request) {
            get.count = 0;
        }
    }

    /// Forgets a request that is answered with NO; whether it was open.
    pub fn drop_request(&mut self, request: RequestId) -> bool {
        let before = self.open();
        for (_, gets) in &mut self.turns {
            gets.retain(|get| get.request != request);
        }
        self.turns.retain(|(_, gets)| !gets.is_empty());
        self.open() < before
    }

    /// Forgets all requests for a blob, which are to be answered with NO: a withdrawn offer, a
    /// source that changed.
    pub fn drop_blob(&mut self, blob: &BlobId) -> Vec<RequestId> {
        let gone = self.turns.iter().filter(|(of, _)| of == blob);
        let gone = gone.flat_map(|(_, gets)| gets.iter().map(|get| get.request)).collect();
        self.turns.retain(|(of, _)| of != blob);
        gone
    }

    /// What to send next; `None` if nothing is open.
    pub fn poll_next(&mut self) -> Option<Next> {
        let (blob, mut gets) = self.turns.pop_front()?;
        let get = gets.front_mut()?;
        let next = if get.count == 0 {
            Next::End(get.request)
        } else {
            let count = match get.what {
                What::Content => 1,
                What::Hashes => get.count.min(MAX_HASHES as u32),
            };
            let (request, what, index) = (get.request, get.what, get.first);
            get.first = get.first.saturating_add(u64::from(count));
            get.count -= count;
            Next::Piece(Piece { request, blob, what, index, count })
        };
        if matches!(next, Next::End(_)) {
            gets.pop_front();
        }
        if !gets.is_empty() {
            // An END costs nothing, so it takes no turn.
            match next {
                Next::End(_) => self.turns.push_front((blob, gets)),
                Next::Piece(_) => self.turns.push_back((blob, gets)),
            }
        }
        Some(next)
    }

    /// After a group: takes the groups that follow it in its request too, at most `most`, so that they are read at once.
    /// They count as sent; gives how many.
    pub fn take_more(&mut self, piece: &Piece, most: u32) -> u32 {
        let next = piece.index.checked_add(1);
        let Some(get) = self.find(piece.request) else { return 0 };
        if get.what != What::Content || Some(get.first) != next {
            return 0;
        }
        let more = most.min(get.count);
        get.first = get.first.saturating_add(u64::from(more));
        get.count -= more;
        more
    }

    fn find(&mut self, request: RequestId) -> Option<&mut Get> {
        let mut all = self.turns.iter_mut().flat_map(|(_, gets)| gets.iter_mut());
        all.find(|get| get.request == request)
    }
}

#[cfg(test)]
mod tests;
