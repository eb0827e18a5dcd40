//! What happened to a conversation besides what was written in it: times apart that ended, changes of the other side's
//! devices and keys, the person's own word on a safety number. It is kept, so that it stands where it happened also
//! after a restart. It is of this device only: others saw other times apart.

use nexus_identity::card::VerifiedCard;
use nexus_identity::{ConnectId, Millis};
use nexus_log::hlc::Hlc;
use nexus_log::ids::ConversationId;
use nexus_log::ingest::{Change, ChangeKind};
use nexus_log::order::Position;
use nexus_storage::{MessageRow, Queries};

use crate::api::HappenedView;
use crate::error::{self, Answered};
use crate::store_thread::Work;
use crate::time::rfc3339;
use crate::views;

/// Happenings of one conversation that are kept; the oldest go, first of names and times apart.
pub(crate) const KEPT: usize = 32;
/// Characters of a name in the words of one.
const NAME: usize = 64;

/// What is kept of a conversation, oldest first.
pub(crate) fn read(store: &Queries, conversation: &ConversationId) -> Answered<Vec<HappenedView>> {
    match store.setting(&list_key(conversation))? {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(error::failed),
        None => Ok(Vec::new()),
    }
}

fn list_key(conversation: &ConversationId) -> String {
    format!("happened {conversation}")
}

fn joined_key(conversation: &ConversationId) -> String {
    format!("joined {conversation}")
}

impl Work<'_, '_> {
    /// A link to somebody came up and none was there: what they wrote before now was written apart.
    pub(crate) fn joined(&mut self, who: &ConnectId) -> Answered<()> {
        let Some(id) = self.me.conversation_with(who).map(|c| c.id) else { return Ok(()) };
        let now = self.now.0.to_be_bytes();
        Ok(self.tx.set_setting(&joined_key(&id), &now)?)
    }

    /// Messages are new: those of others that were written while there was no link are counted.
    pub(crate) fn arrived(&mut self, id: &ConversationId, changes: &[Change]) -> Answered<()> {
        let joined = self.tx.setting(&joined_key(id))?;
        let joined = joined.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        let Some(joined) = joined.map(|bytes| Millis(u64::from_be_bytes(bytes))) else {
            return Ok(());
        };
        let me = self.me.connect_id();
        let mut apart = Vec::new();
        for change in changes.iter().filter(|c| c.kind == ChangeKind::New) {
            let row = self.tx.message_by_hash(&change.hash)?;
            let theirs =
                |row: &MessageRow| row.message.base.author != me && row.message.base.sent < joined;
            apart.extend(row.filter(theirs));
        }
        if apart.is_empty() {
            return Ok(());
        }
        let mut all = read(self.tx, id)?;
        for row in &apart {
            count(&mut all, row, joined);
        }
        self.keep(id, all)
    }

    /// Something happened with somebody; it stands where the conversation is now.
    pub(crate) fn happened(&mut self, who: &ConnectId, kind: &str, detail: String) -> Answered<()> {
        let Some(id) = self.me.conversation_with(who).map(|c| c.id) else { return Ok(()) };
        let mut all = read(self.tx, &id)?;
        let here = Position { hlc: Hlc::from_millis(self.now.0), ..Position::START };
        all.push(HappenedView {
            conversation: id.to_string(),
            time: rfc3339(self.now),
            kind: kind.to_owned(),
            order: views::order(&here),
            first: None,
            count: 0,
            detail,
        });
        self.keep(&id, all)
    }

    /// What changed in somebody's card that a person should see where they write to them.
    pub(crate) fn card_changed(
        &mut self,
        name: &str,
        before: &VerifiedCard,
        after: &VerifiedCard,
    ) -> Answered<()> {
        let who = after.connect_id();
        let name: String = name.chars().take(NAME).collect();
        let live = |card: &VerifiedCard| card.live().map(|(key, _)| key).collect::<Vec<_>>();
        let (had, has) = (live(before), live(after));
        if has.iter().any(|key| !had.contains(key)) {
            let words = format!(
                "{name} has a further device now; the safety number is the same. If that surprises you, ask them"
            );
            self.happened(&who, "device_added", words)?;
        }
        if had.iter().any(|key| !has.contains(key)) {
            let words = format!("{name} took a device away: nothing is sealed to it any more");
            self.happened(&who, "device_revoked", words)?;
        }
        match (before.name(), after.name()) {
            (Some(old), Some(new)) if old != new => {
                let short = |name: &str| name.chars().take(NAME).collect::<String>();
                let words = format!("{} calls themselves {} now", short(old), short(new));
                self.happened(&who, "renamed", words)
            }
            _ => Ok(()),
        }
    }

    fn keep(&mut self, id: &ConversationId, mut all: Vec<HappenedView>) -> Answered<()> {
        while all.len() > KEPT {
            // A crowd of names must not push out what a person should see: that a device came or went.
            let passing = |h: &HappenedView| matches!(h.kind.as_str(), "renamed" | "merge");
            all.remove(all.iter().position(passing).unwrap_or(0));
        }
        let bytes = serde_json::to_vec(&all).map_err(error::failed)?;
        self.tx.set_setting(&list_key(id), &bytes)?;
        self.after.happened.insert(*id);
        Ok(())
    }

    /// Nothing of it stays when the conversation is removed.
    pub(crate) fn forget_happened(&mut self, id: &ConversationId) -> Answered<()> {
        self.tx.set_setting(&list_key(id), &[])?;
        Ok(self.tx.set_setting(&joined_key(id), &[])?)
    }
}

/// Counts a message to the time apart that ended at `joined`.
fn count(all: &mut Vec<HappenedView>, row: &MessageRow, joined: Millis) {
    let (time, position) = (rfc3339(joined), row.message.base.position);
    let (order, entry) = (views::order(&position), position.hash.to_string());
    let at = match all.iter().position(|h| h.kind == "merge" && h.time == time) {
        Some(at) => at,
        None => {
            all.push(HappenedView {
                conversation: row.conversation.to_string(),
                time,
                kind: "merge".to_owned(),
                order: order.clone(),
                first: Some(entry.clone()),
                count: 0,
                detail: String::new(),
            });
            all.len() - 1
        }
    };
    let Some(merge) = all.get_mut(at) else { return };
    merge.count += 1;
    if order < merge.order {
        (merge.order, merge.first) = (order, Some(entry));
    }
    let messages = if merge.count == 1 { "message" } else { "messages" };
    merge.detail = format!("{} {messages} arrived while you were apart", merge.count);
}

#[cfg(test)]
mod tests {
    use nexus_log::body::Payload;

    use super::*;
    use crate::desk::{Desk, Peer};

    fn all(desk: &Desk, peer: &Peer) -> Vec<HappenedView> {
        let id = desk.me.conversation_with(&peer.card.connect_id()).unwrap().id;
        read(desk.opened.writer.queries(), &id).unwrap()
    }

    fn join(desk: &mut Desk, peer: &Peer) {
        let who = peer.card.connect_id();
        desk.run(|work| work.joined(&who)).unwrap();
    }

    #[test]
    fn what_was_written_apart_is_counted_once_for_each_time_apart() {
        let mut desk = Desk::new();
        let mut peer = desk.contact();
        peer.say(Payload::Text("one".into()));
        peer.say(Payload::Text("two".into()));
        desk.now = Millis(desk.now.0 + 60_000);
        join(&mut desk, &peer);
        desk.take(&peer, 0).unwrap();
        let happened = all(&desk, &peer);
        assert_eq!((happened.len(), happened[0].count), (1, 2));
        assert_eq!(happened[0].detail, "2 messages arrived while you were apart");
        assert_eq!(desk.after.happened.len(), 1, "front ends are told");
        // What is written with the link there is no merge, …
        peer.now = Millis(desk.now.0 + 1_000);
        let from = peer.say(Payload::Text("now".into()));
        desk.take(&peer, from).unwrap();
        assert_eq!(all(&desk, &peer), happened);
        // … and the next time apart is another one.
        let from = peer.say(Payload::Text("later".into()));
        desk.now = Millis(desk.now.0 + 60_000);
        join(&mut desk, &peer);
        desk.take(&peer, from).unwrap();
        let counts: Vec<u64> = all(&desk, &peer).iter().map(|h| h.count).collect();
        assert_eq!(counts, [2, 1]);
    }

    #[test]
    fn the_oldest_go_beyond_the_limit() {
        let mut desk = Desk::new();
        let peer = desk.contact();
        let who = peer.card.connect_id();
        for n in 0..KEPT + 3 {
            desk.run(|work| work.happened(&who, "verified", format!("{n}"))).unwrap();
        }
        let kept = all(&desk, &peer);
        assert_eq!((kept.len(), kept[0].detail.as_str()), (KEPT, "3"));
    }

    #[test]
    fn no_crowd_of_names_pushes_out_a_change_of_devices() {
        let mut desk = Desk::new();
        let peer = desk.contact();
        let who = peer.card.connect_id();
        desk.run(|work| work.happened(&who, "device_added", "a device".to_owned())).unwrap();
        for n in 0..2 * KEPT {
            desk.run(|work| work.happened(&who, "renamed", format!("{n}"))).unwrap();
        }
        let kept = all(&desk, &peer);
        assert_eq!((kept.len(), kept[0].kind.as_str()), (KEPT, "device_added"));
        assert_eq!(kept[KEPT - 1].detail, format!("{}", 2 * KEPT - 1));
    }
}
