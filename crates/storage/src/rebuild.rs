//! Everything derived, dropped and made again.

use nexus_log::context::{Conversation, Me};
use nexus_log::hlc::Now;
use nexus_log::ingest::Said;
use nexus_log::rebuild::rebuild;

use crate::error::StoreError;
use crate::writer::Tx;

impl Tx<'_> {
    /// Drops the views of these conversations (messages, order, operations, reactions, unread counts, search index) and
    /// makes them again from entries and keys, by the log's own rules. Conversations must be known
    /// ([`Tx::add_conversation`]); what is not derived (marks, drafts, contacts, delivery) stays as it is. Gives what was
    /// ever said in them beside the view.
    ///
    /// # Errors
    /// When the store can't be read or written.
    pub fn rebuild(
        &mut self,
        conversations: &[Conversation],
        me: &Me,
        now: Now,
    ) -> Result<Vec<Said>, StoreError> {
        let mut said = Vec::new();
        for conversation in conversations {
            said.extend(rebuild(self, conversation, me, now)?);
            let number = self.known_conversation(&conversation.id)?;
            self.recount_unread(number)?;
        }
        Ok(said)
    }
}
