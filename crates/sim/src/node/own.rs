//! What somebody says of themselves.

use std::sync::Arc;

use nexus_identity::InstanceKey;
use nexus_identity::card::Statement;

use super::jobs::JobError;
use super::work::Work;

impl Work<'_, '_, '_> {
    /// Goes by another name.
    pub(super) fn rename(&mut self, pick: u64) -> Result<(), JobError> {
        let now = self.now.0;
        let hlc = self.facts.card.profile_hlc().map_or(now, |known| now.max(known + 1));
        self.after.seen.push("renamed");
        self.say_of_me(&Statement::Profile { hlc, name: format!("{pick:x}") })
    }

    /// Another device of mine does not count any more.
    pub(super) fn revoke(&mut self, instance: &InstanceKey) -> Result<(), JobError> {
        if !self.facts.card.is_live(instance) || !self.facts.is_live() {
            return Err(JobError::NotNow("it does not count"));
        }
        self.facts_mut().records.remove(instance);
        self.after.seen.push("a device revoked");
        self.say_of_me(&Statement::Revoke { instance: *instance })
    }

    fn say_of_me(&mut self, says: &Statement) -> Result<(), JobError> {
        let card = self.facts.card.with(&self.facts.secrets, says);
        self.facts_mut().card = Arc::new(card.map_err(|error| JobError::Bug(error.to_string()))?);
        self.after.hello = true;
        self.after.wants = true;
        Ok(())
    }
}
