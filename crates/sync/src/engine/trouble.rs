//! What goes wrong on a link, and how it ends.

use nexus_log::ids::{LogKey, Topic};

use super::Engine;
use crate::code::{ByeCode, ViolationCode};
use crate::frame::{Bye, Frame, Refusal};
use crate::ids::LinkId;
use crate::limits::{MAX_REFUSED_LOGS, MAX_VIOLATIONS};
use crate::output::Output;
use crate::store::StoreError;

/// Why a frame was not taken.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No honest peer sends it.
    Violation(ViolationCode),
    /// As above, and after it both sides can't agree any more on where they are.
    Fatal(ViolationCode),
    /// One topic is over a limit of mine.
    Topic(Topic),
    /// The link is over a limit of mine.
    Limit,
    /// The store can't be read.
    Store(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Engine {
    pub(super) fn trouble(&mut self, id: LinkId, trouble: Trouble) {
        let Some(link) = self.links.get_mut(&id) else { return };
        match trouble {
            Trouble::Violation(code) => {
                link.violations += 1;
                let over = link.violations >= MAX_VIOLATIONS;
                self.outputs.push_back(Output::Violation { link: id, code });
                if over {
                    self.end_link(id, ByeCode::Violations);
                }
            }
            Trouble::Fatal(code) => {
                self.outputs.push_back(Output::Violation { link: id, code });
                self.end_link(id, ByeCode::Violations);
            }
            Trouble::Topic(topic) => {
                self.outputs.push_back(Output::OverLimit { link: id, topic: Some(topic) });
                self.end_topic(id, topic, ByeCode::Limit);
            }
            Trouble::Limit => {
                self.outputs.push_back(Output::OverLimit { link: id, topic: None });
                self.end_link(id, ByeCode::Limit);
            }
            Trouble::Store(error) => {
                self.outputs.push_back(Output::StoreFailed { link: id, error });
                self.end_link(id, ByeCode::Storage);
            }
        }
    }

    /// Says `BYE` and forgets the link.
    pub(super) fn end_link(&mut self, id: LinkId, code: ByeCode) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let bye = link.send(Frame::Bye(Bye { code, topic: None }), None);
        self.outputs.push_back(bye);
        self.outputs.push_back(Output::Close { link: id, code, peer: false });
        self.drop_link(id);
    }

    /// Says `BYE` for one topic; the rest of the link goes on.
    fn end_topic(&mut self, id: LinkId, topic: Topic, code: ByeCode) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let bye = link.send(Frame::Bye(Bye { code, topic: Some(topic) }), None);
        self.outputs.push_back(bye);
        self.unshare(id, &topic, Some(code));
    }

    /// Says once that a log is not wanted over this link.
    pub(super) fn say_no(&mut self, id: LinkId, log: LogKey) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.told_no.len() < MAX_REFUSED_LOGS && link.told_no.insert(log) {
            let no = link.send(Frame::No(Refusal::Log(log)), None);
            self.outputs.push_back(no);
        }
    }

    pub(super) fn on_no(&mut self, id: LinkId, refusal: Refusal) -> Result<(), Trouble> {
        match refusal {
            Refusal::Topic(topic) => self.unshare(id, &topic, None),
            Refusal::Log(log) => self.peer_refuses(id, log)?,
        }
        Ok(())
    }

    fn peer_refuses(&mut self, id: LinkId, log: LogKey) -> Result<(), Trouble> {
        let topic = self.view.topic_of(&log);
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        if link.refused_by_peer.len() >= MAX_REFUSED_LOGS {
            return Err(Trouble::Limit);
        }
        link.refused_by_peer.insert(log);
        if let Some(topic) = topic {
            for tip in self.view.tips(&topic, &log) {
                link.dequeue(topic, (log, tip.branch));
            }
        }
        Ok(())
    }

    pub(super) fn on_bye(&mut self, id: LinkId, bye: Bye) -> Result<(), Trouble> {
        match bye.topic {
            Some(topic) => self.unshare(id, &topic, Some(bye.code)),
            None => {
                self.outputs.push_back(Output::Close { link: id, code: bye.code, peer: true });
                self.drop_link(id);
            }
        }
        Ok(())
    }
}
