//! What comes from sources.

use core::ops::Range;
use core::time::Duration;

use super::{Action, Blame, Check, Fetch, SourceId, Take, Violation};
use crate::ids::RequestId;
use crate::wire::{NoCode, What};

/// What a frame was: an answer to a request that goes on, or to one that was stopped.
struct Answer {
    stopped: bool,
    out: bool,
}

impl Fetch {
    /// A group came. `check` is what the caller found when it hashed it.
    pub fn handle_group(
        &mut self,
        source: SourceId,
        request: RequestId,
        index: u64,
        check: Check,
        now: Duration,
    ) -> Result<Take, Violation> {
        let bytes = self.size.group_len(index) as u64;
        let answer = self.advance(source, request, What::Content, index..index + 1, bytes, now)?;
        let here = self.have.contains(index) || self.taken.contains(index);
        if answer.out || here {
            self.unwanted += 1;
            return Ok(Take::Unwanted);
        }
        if check == Check::Bad {
            if !answer.stopped {
                self.free.insert(index);
            }
            self.blame(source, Blame::Group(index));
            return Ok(Take::Unwanted);
        }
        // Of a request that was stopped it may lie idle, or be under way from another by now.
        self.free.remove(index);
        self.taken.insert(index);
        self.unverified |= check == Check::Provisional;
        Ok(Take::Write)
    }

    /// `count` hashes came, from index `first` on. They go into the list only if told so.
    pub fn handle_hashes(
        &mut self,
        source: SourceId,
        request: RequestId,
        first: u64,
        count: usize,
        now: Duration,
    ) -> Result<Take, Violation> {
        let count = count as u64;
        let range = first..first.saturating_add(count);
        let answer = self.advance(source, request, What::Hashes, range, 32 * count, now)?;
        if answer.out || answer.stopped || !self.list.is_gathering() {
            return Ok(Take::Unwanted);
        }
        if self.list.took(source, count) {
            self.actions.push_back(Action::CheckList);
        }
        Ok(Take::Write)
    }

    /// An END came.
    pub fn handle_end(
        &mut self,
        source: SourceId,
        request: RequestId,
        now: Duration,
    ) -> Result<(), Violation> {
        let open = self.close(source, request, now)?;
        if open.start < open.end {
            self.put_out(source);
            return Err(Violation::ShortAnswer);
        }
        Ok(())
    }

    /// A NO came.
    pub fn handle_no(
        &mut self,
        source: SourceId,
        request: RequestId,
        code: NoCode,
        now: Duration,
    ) -> Result<(), Violation> {
        self.close(source, request, now)?;
        if !code.passes() {
            self.put_out(source);
        } else if let Some(source) = self.sources.get_mut(&source) {
            source.back_off(now);
        }
        Ok(())
    }

    /// Takes what belongs to an open request, in its order.
    fn advance(
        &mut self,
        id: SourceId,
        request: RequestId,
        what: What,
        range: Range<u64>,
        bytes: u64,
        now: Duration,
    ) -> Result<Answer, Violation> {
        let Some(source) = self.sources.get_mut(&id) else {
            return Err(Violation::UnknownRequest);
        };
        let violation = match source.open.get_mut(&request) {
            None => Violation::UnknownRequest,
            Some(open)
                if open.what == what && open.next == range.start && range.end <= open.end =>
            {
                open.next = range.end;
                let stopped = open.stopping;
                source.hear(bytes, now);
                source.relent();
                return Ok(Answer { stopped, out: source.out });
            }
            Some(_) => Violation::OutOfTurn,
        };
        self.put_out(id);
        Err(violation)
    }

    /// Ends a request and gives back what is left of it; what that is.
    fn close(
        &mut self,
        id: SourceId,
        request: RequestId,
        now: Duration,
    ) -> Result<Range<u64>, Violation> {
        let source = self.sources.get_mut(&id).ok_or(Violation::UnknownRequest)?;
        let Some(open) = source.open.remove(&request) else {
            self.put_out(id);
            return Err(Violation::UnknownRequest);
        };
        source.hear(0, now);
        if open.stopping {
            return Ok(open.end..open.end);
        }
        self.give_back(open.what, open.next..open.end);
        Ok(open.next..open.end)
    }

    /// Does not ask a source any more and says why.
    pub(super) fn blame(&mut self, source: SourceId, why: Blame) {
        self.put_out(source);
        self.actions.push_back(Action::Blame { source, why });
    }

    pub(super) fn put_out(&mut self, id: SourceId) {
        if let Some(source) = self.sources.get_mut(&id) {
            source.out = true;
        }
        self.release(id);
    }

    /// Stops what is under way from a source, so that others can be asked for it.
    pub(super) fn release(&mut self, id: SourceId) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        let mut left = Vec::new();
        for (request, open) in source.open.iter_mut().filter(|(_, open)| !open.stopping) {
            open.stopping = true;
            left.push((*request, open.what, open.next..open.end));
        }
        for (request, what, range) in left {
            self.give_back(what, range);
            self.actions.push_back(Action::Stop { source: id, request });
        }
    }

    /// What is not under way any more.
    pub(super) fn give_back(&mut self, what: What, range: Range<u64>) {
        match what {
            What::Hashes => self.list.give_back(range),
            // At most as many as are asked for at once.
            What::Content => {
                for index in range {
                    if !self.have.contains(index) && !self.taken.contains(index) {
                        self.free.insert(index);
                    }
                }
            }
        }
    }
}
