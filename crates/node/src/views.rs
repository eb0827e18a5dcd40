//! From rows of the store to what front ends see.

use std::collections::BTreeMap;

use nexus_identity::card::VerifiedCard;
use nexus_identity::{ConnectId, Millis};
use nexus_log::body::{Answer, FileKind};
use nexus_log::fold::{Message, Shown};
use nexus_log::ids::{ConversationId, EntryHash, LogKey};
use nexus_log::order::Position;
use nexus_storage::ConversationSummary;
use nexus_storage::contacts::{ContactRow, ContactState as StoredState};
use nexus_storage::delivery::{Delivery, Marks};
use nexus_storage::transfers::{TransferRow, TransferState};
use nexus_storage::{MessageRow, Queries};

use crate::api::{
    ContactState, ContactView, ConversationView, FileView, MessageState, MessageView, ReactionView,
};
use crate::error::Answered;
use crate::files::live::Progress;
use crate::me::Me;
use crate::names::skeleton;
use crate::time::rfc3339;

/// What views show that is not in the store.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    /// Path of the best live link to each peer.
    pub paths: BTreeMap<ConnectId, String>,
    /// The time.
    pub now: Millis,
    /// How far files are that move.
    pub progress: BTreeMap<EntryHash, Progress>,
}

/// Makes views on one state of the store; remembers what it looked up.
pub(crate) struct Viewer<'a> {
    store: &'a Queries,
    me: &'a Me,
    contacts: BTreeMap<ConnectId, ContactRow>,
    marks: BTreeMap<LogKey, Vec<Marks>>,
    outside: &'a Outside,
}

impl<'a> Viewer<'a> {
    /// Over the store as it is now.
    pub(crate) fn new(store: &'a Queries, me: &'a Me, outside: &'a Outside) -> Answered<Self> {
        let contacts = store.all_contacts()?.into_iter().map(|c| (c.connect_id, c)).collect();
        Ok(Self { store, me, contacts, marks: BTreeMap::new(), outside })
    }

    /// What somebody is called here.
    pub(crate) fn name(&self, who: &ConnectId) -> String {
        if *who == self.me.connect_id() {
            return self.me.name().to_owned();
        }
        self.contacts
            .get(who)
            .map(ContactRow::name)
            .filter(|n| !n.is_empty())
            .map_or_else(|| who.short(), str::to_owned)
    }

    /// A contact.
    pub(crate) fn contact(&self, row: &ContactRow) -> ContactView {
        let card = VerifiedCard::decode(&row.card).ok();
        ContactView {
            connect_id: row.connect_id.to_string(),
            name: self.name(&row.connect_id),
            state: contact_state(row.state),
            verified: row.verified,
            safety_number: card.as_ref().map(|c| {
                nexus_identity::safety::safety_number(
                    &self.me.card.identity_key(),
                    &c.identity_key(),
                )
            }),
            message: (!row.request_text.is_empty()).then(|| row.request_text.clone()),
            path: self.outside.paths.get(&row.connect_id).cloned(),
            last_seen: row.last_seen.map(rfc3339),
            keys_from: self.keys_from(&row.connect_id).map(rfc3339),
            warnings: self.warnings(row),
        }
    }

    /// When the newest record of a live instance of somebody was made.
    fn keys_from(&self, who: &ConnectId) -> Option<Millis> {
        let records = self.store.records(who).ok()?;
        let made = records.iter().filter_map(|row| crate::verified::record(&row.bytes));
        made.map(|record| record.created()).max()
    }

    fn warnings(&self, row: &ContactRow) -> Vec<String> {
        let mut warnings = Vec::new();
        if row.second_contact_key {
            warnings.push(
                "showed a second contact key, which was refused: ask them in person".to_owned(),
            );
        }
        let name = skeleton(row.name());
        let alike = |other: &&ContactRow| {
            other.connect_id != row.connect_id
                && other.state != StoredState::Removed
                && skeleton(other.name()) == name
        };
        if !name.is_empty()
            && let Some(other) = self.contacts.values().find(alike)
        {
            warnings.push(format!(
                "the name is like that of {}: this one is {}",
                other.connect_id.short(),
                row.connect_id.short()
            ));
        }
        warnings
    }

    /// A message, with its delivery when it is mine.
    pub(crate) fn message(&mut self, row: &MessageRow) -> Answered<MessageView> {
        let message = &row.message;
        let base = &message.base;
        let entry = base.position.entry();
        let (state, delivered_to, read_by) =
            self.delivery(&row.conversation, &base.author, &entry.log, entry.seq)?;
        let reply_to = match &base.shown {
            Shown::Reply(target) => Some(target.hash.to_string()),
            _ => None,
        };
        let mut flags = Vec::new();
        if base.far {
            flags.push("clock".to_owned());
        }
        if row.forked {
            flags.push("fork".to_owned());
        }
        Ok(MessageView {
            entry_id: entry.hash.to_string(),
            conversation: row.conversation.to_string(),
            author: base.author.to_string(),
            author_name: self.name(&base.author),
            kind: kind(message).to_owned(),
            text: text(message),
            time: rfc3339(base.sent),
            state,
            delivered_to,
            read_by,
            edited: message.state.edited,
            reactions: reactions(message),
            reply_to,
            file: self.file(row)?,
            snippet: None,
            expires: base.expires.map(rfc3339),
            order: order(&base.position),
            flags,
        })
    }

    /// What a message offers.
    pub(crate) fn file(&self, row: &MessageRow) -> Answered<Option<FileView>> {
        let message = &row.message;
        let (Shown::File(offer), false) = (&message.base.shown, message.state.retracted) else {
            return Ok(None);
        };
        let hash = message.base.position.hash;
        let transfer = self.store.transfer(&hash)?;
        let progress = self.outside.progress.get(&hash);
        let mine = message.base.author == self.me.connect_id();
        let outgoing = transfer.as_ref().map_or(mine, |transfer| transfer.outgoing);
        let state = state(message, transfer.as_ref(), progress, outgoing);
        let done = match (state, progress, &transfer) {
            ("done", ..) => offer.size,
            (_, Some(progress), _) => progress.done.min(offer.size),
            (_, None, Some(transfer)) => transfer.done,
            (_, None, None) => 0,
        };
        let rate = progress.map_or(0, |progress| progress.rate);
        let path = transfer.as_ref().map(|t| t.landed.as_ref().unwrap_or(&t.place));
        let told = progress.and_then(|progress| progress.detail).map(str::to_owned);
        let kept = transfer.as_ref().map(|t| t.detail.clone()).filter(|detail| !detail.is_empty());
        Ok(Some(FileView {
            transfer_id: hash.to_string(),
            conversation: row.conversation.to_string(),
            author: message.base.author.to_string(),
            outgoing,
            name: offer.name.clone(),
            kind: match offer.kind {
                FileKind::File => "file",
                FileKind::Folder => "folder",
                FileKind::Several => "several",
            }
            .to_owned(),
            size: offer.size,
            files: offer.files,
            state: state.to_owned(),
            done,
            rate,
            left: (rate > 0).then(|| offer.size.saturating_sub(done) / rate),
            sources: progress.map_or(0, |progress| progress.sources),
            path: path.map(|path| String::from_utf8_lossy(path).into_owned()),
            root: message.state.root.map(|root| nexus_identity::id::hex(&root.content)),
            detail: told.or(kept),
        }))
    }

    /// The message with this hash, if it is shown.
    pub(crate) fn message_by_hash(&mut self, hash: &EntryHash) -> Answered<Option<MessageView>> {
        match self.store.message_by_hash(hash)? {
            Some(row) => self.message(&row).map(Some),
            None => Ok(None),
        }
    }

    /// The contact with this ConnectID, in whatever state.
    pub(crate) fn contact_by_id(&self, who: &ConnectId) -> Option<ContactView> {
        self.contacts.get(who).map(|row| self.contact(row))
    }

    /// The conversation with this id.
    pub(crate) fn conversation_by_id(
        &self,
        id: &ConversationId,
    ) -> Answered<Option<ConversationView>> {
        Ok(self.store.summary(id)?.map(|summary| self.conversation(&summary)))
    }

    fn delivery(
        &mut self,
        conversation: &ConversationId,
        author: &ConnectId,
        log: &LogKey,
        seq: u64,
    ) -> Answered<(MessageState, Vec<String>, Vec<String>)> {
        if *author != self.me.connect_id() {
            return Ok((MessageState::Delivered, Vec::new(), Vec::new()));
        }
        if !self.marks.contains_key(log) {
            self.marks.insert(*log, self.store.marks(log)?);
        }
        let marks = self.marks.get(log).map_or(&[][..], Vec::as_slice);
        let at_least = |state: Delivery| {
            marks
                .iter()
                .filter(|m| m.state(seq) >= state)
                .map(|m| m.recipient.to_string())
                .collect::<Vec<_>>()
        };
        let (delivered, read) = (at_least(Delivery::Delivered), at_least(Delivery::Read));
        let peer = self.me.conversations.values().find(|c| c.id == *conversation);
        let peer = peer.and_then(|c| self.me.peer_of(c));
        Ok((message_state(marks, seq, peer.as_ref()), delivered, read))
    }

    /// A conversation.
    pub(crate) fn conversation(&self, summary: &ConversationSummary) -> ConversationView {
        let row = &summary.conversation;
        let me = self.me.connect_id();
        let peer = row.peer.filter(|p| *p != me);
        let last = summary.last.as_ref().map(|r| &r.message);
        let name = match (&row.title, peer) {
            (title, _) if !title.is_empty() => title.clone(),
            (_, Some(peer)) => self.name(&peer),
            (_, None) => "notes to myself".to_owned(),
        };
        ConversationView {
            id: row.conversation.to_string(),
            kind: if peer.is_some() { "direct" } else { "self" }.to_owned(),
            name,
            members: std::iter::once(me).chain(peer).map(|m| m.to_string()).collect(),
            unread: summary.unread,
            last_time: last.map(|m| rfc3339(m.base.sent)),
            last_text: last.map(text),
            state: peer
                .and_then(|p| self.contacts.get(&p))
                .map_or(ContactState::Accepted, |c| contact_state(c.state)),
            muted: row.muted_until.filter(|until| *until > self.outside.now).map(
                |until| match until {
                    Millis(u64::MAX) => "forever".to_owned(),
                    until => rfc3339(until),
                },
            ),
            timer: summary.timer,
        }
    }
}

/// Where an offer stands.
fn state(
    message: &Message,
    transfer: Option<&TransferRow>,
    progress: Option<&Progress>,
    outgoing: bool,
) -> &'static str {
    let author = message.base.author;
    let said = |answer, of_author: bool| {
        let mut answers = message.state.answers.iter();
        answers.any(|(who, said)| *said == answer && (*who == author) == of_author)
    };
    let moves = progress.is_some_and(|progress| progress.sources > 0);
    match transfer.map(|transfer| transfer.state) {
        Some(TransferState::Done) => "done",
        Some(TransferState::Paused) => "paused",
        Some(TransferState::Cancelled) if outgoing => "withdrawn",
        Some(TransferState::Cancelled) => "cancelled",
        Some(TransferState::Declined) => "declined",
        Some(TransferState::Failed) if outgoing && said(Answer::Changed, true) => "changed",
        Some(TransferState::Failed) => "failed",
        Some(TransferState::Active) if progress.is_some_and(|p| p.verifying) => "verifying",
        Some(TransferState::Active) if moves => "receiving",
        Some(TransferState::Active) => "waiting",
        Some(TransferState::Offered) | None => match () {
            () if said(Answer::Withdrawn, true) => "withdrawn",
            () if said(Answer::Changed, true) => "changed",
            () if said(Answer::Done, false) => "done",
            () if said(Answer::Declined, false) => "declined",
            () if moves && outgoing => "sending",
            () => "offered",
        },
    }
}

/// The least state over all recipients. With my own instances only it is delivered; a peer of whom nothing is known (the
/// log is another device's, or the store was healed) has nothing yet.
pub(crate) fn message_state(marks: &[Marks], seq: u64, peer: Option<&ConnectId>) -> MessageState {
    let known = marks.iter().map(|m| m.state(seq)).min();
    match known.unwrap_or(if peer.is_some() { Delivery::Queued } else { Delivery::Delivered }) {
        Delivery::Queued => MessageState::Queued,
        Delivery::Sent => MessageState::Sent,
        Delivery::Read => MessageState::Read,
        Delivery::Delivered => MessageState::Delivered,
    }
}

pub(crate) fn contact_state(state: StoredState) -> ContactState {
    match state {
        StoredState::Requested => ContactState::Requested,
        StoredState::Incoming => ContactState::Incoming,
        StoredState::Accepted => ContactState::Accepted,
        StoredState::Blocked => ContactState::Blocked,
        StoredState::Removed => ContactState::Removed,
    }
}

/// The clock and the beginning of the log: which two entries never share, unless somebody spends 2^64 keys on it.
pub(crate) fn order(position: &Position) -> String {
    let bytes = position.encode();
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn kind(message: &Message) -> &'static str {
    if message.state.retracted {
        return "retracted";
    }
    match message.base.shown {
        Shown::Text | Shown::Reply(_) => "text",
        Shown::File(_) => "file",
        Shown::Timer(_) => "timer",
        Shown::Unknown(_) => "unknown",
        Shown::Unreadable(_) => "unreadable",
    }
}

/// What stands where the text would be.
pub(crate) fn text(message: &Message) -> String {
    if message.state.retracted {
        return String::new();
    }
    match &message.base.shown {
        Shown::Text | Shown::Reply(_) | Shown::File(_) => message.state.text.clone(),
        Shown::Timer(Some(seconds)) => format!("messages disappear after {seconds} s"),
        Shown::Timer(None) => "messages stay".to_owned(),
        Shown::Unknown(_) => "needs a newer version".to_owned(),
        Shown::Unreadable(_) => String::new(),
    }
}

fn reactions(message: &Message) -> Vec<ReactionView> {
    let mut by_emoji: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for reaction in &message.state.reactions {
        by_emoji.entry(&reaction.emoji).or_default().push(reaction.who.to_string());
    }
    by_emoji.into_iter().map(|(emoji, by)| ReactionView { emoji: emoji.to_owned(), by }).collect()
}
