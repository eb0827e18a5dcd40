//! What is said beside messages: who has seen what, read marks, timers, contacts, requests for keys.

use super::Said;
use super::session::Session;
use crate::body::Payload;
use crate::ids::{EntryRef, LogKey};
use crate::ledger::Ledger;
use crate::open;
use crate::order::Position;

impl<L: Ledger> Session<'_, L> {
    /// Notes what an author has seen.
    pub(super) fn cite(
        &mut self,
        author: open::Author,
        log: LogKey,
        deps: &[EntryRef],
    ) -> Result<(), L::Error> {
        for dep in deps.iter().filter(|dep| dep.log != log) {
            let at = self.cites.entry((author, dep.log)).or_insert(*dep);
            if dep.seq > at.seq {
                *at = *dep;
            }
            if self.crowded.contains(&dep.log) && self.keep_citation(dep)? {
                self.revisit.insert(dep.log);
            }
        }
        Ok(())
    }

    /// What does not show but matters.
    pub(super) fn hear(
        &mut self,
        author: open::Author,
        position: &Position,
        payload: &Payload,
    ) -> Result<(), L::Error> {
        let id = self.conversation.id;
        match payload {
            Payload::ReadMark(marks) => {
                for mark in marks {
                    if self.ledger.raise_read_mark(&id, &author.who, mark)? {
                        self.said.push(Said::Read { who: author.who, mark: *mark });
                    }
                }
            }
            Payload::Timer { seconds } => {
                let before = self.ledger.timer(&id)?.map(|(position, _)| position);
                if before.is_none_or(|before| before < *position) {
                    self.ledger.set_timer(&id, position, *seconds)?;
                    self.said.push(Said::Timer(*seconds));
                }
            }
            Payload::Contact(data) if author.who == self.me.who => {
                self.said.push(Said::Contact { position: *position, data: data.clone() });
            }
            Payload::KeyRequest(names) if author.instance != self.me.instance.key() => {
                self.hear_request(author.instance, names)?;
            }
            Payload::Retire => self.said.push(Said::Retired(author)),
            Payload::Profile { name } => {
                let (who, name) = (author.who, name.clone());
                self.said.push(Said::Profile { who, position: *position, name });
            }
            _ => {}
        }
        Ok(())
    }
}
