//! Contacts who were removed, and devices that were revoked.

use std::sync::Arc;

use nexus_log::context::Conversation;
use nexus_log::fold::Message;
use nexus_sync::Store;

use crate::facts::{Facts, Standing};
use crate::world::World;

impl World {
    /// Of a contact who was removed nothing can be read, and no key of theirs is kept.
    pub(super) fn check_removed(&mut self, node: usize) {
        let facts = Arc::clone(&self.nodes[&node].disk.facts);
        for conversation in facts.conversations.values().filter(|one| is_removed(&facts, one)) {
            let disk = &self.nodes[&node].disk;
            let readable = disk.view(&conversation.id).iter().any(Message::is_readable);
            let topic = conversation.topic();
            let logs = disk.logs(&topic).unwrap_or_default();
            let kept =
                disk.keyring().iter().any(|(log, ..)| logs.iter().any(|head| head.log == *log));
            if readable || kept {
                let peer = facts.peer_of(conversation).map(|peer| self.name_of(&peer));
                return self.fail(format!("n{node} removed {peer:?} and can still read them"));
            }
        }
    }

    /// Nobody has a link with a device of which it knows that it was revoked.
    pub(super) fn check_revoked(&mut self, node: usize) {
        for link in self.nodes[&node].links.clone() {
            let Some((other, instance)) = self.peer(node, link) else { continue };
            let peer = self.nodes[&other].disk.facts.who();
            let card = self.nodes[&node].disk.facts.card_of(&peer);
            if card.is_some_and(|card| card.is_revoked(&instance)) {
                return self.fail(format!("n{node} has a link with n{other}, which was revoked"));
            }
        }
    }
}

/// Whether a conversation is with somebody who was removed, or never wanted.
pub(super) fn is_removed(facts: &Facts, conversation: &Conversation) -> bool {
    let contact = facts.peer_of(conversation).and_then(|peer| facts.contacts.get(&peer));
    let gone = |standing| matches!(standing, Standing::Removed | Standing::Incoming);
    contact.is_some_and(|contact| match contact.standing {
        Standing::Blocked => gone(contact.before),
        standing => gone(standing),
    })
}
