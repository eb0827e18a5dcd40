//! Invites that I made.

use nexus_identity::id::Millis;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::millis;
use crate::writer::Tx;

/// Invites that can be open at once; no more are made beyond.
pub const MAX_INVITES: i64 = 1_024;

impl Queries {
    /// Whether a letter with this invite secret would be accepted at once.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn invite_open(&self, secret: &[u8; 16], now: Millis) -> Result<bool, StoreError> {
        let open = self.number(
            "SELECT count(*) FROM invites WHERE secret = ?1 AND uses > 0 AND expires > ?2",
            (secret, millis(now)),
        )?;
        Ok(open > 0)
    }
}

impl Tx<'_> {
    /// Stores an invite of mine; those that ended are forgotten. `false`: [`MAX_INVITES`] are open, and none is dropped
    /// behind the back of whoever holds it.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn put_invite(
        &mut self,
        secret: &[u8; 16],
        uses: u32,
        expires: Millis,
        now: Millis,
    ) -> Result<bool, StoreError> {
        self.run("DELETE FROM invites WHERE uses <= 0 OR expires <= ?1", [millis(now)])?;
        let kept = self.run(
            "INSERT OR REPLACE INTO invites (secret, uses, expires)
             SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM invites) < ?4",
            (secret, uses, millis(expires), MAX_INVITES),
        )?;
        Ok(kept > 0)
    }

    /// Uses an invite up by one. `false`: there is none, or it has ended.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn use_invite(&mut self, secret: &[u8; 16], now: Millis) -> Result<bool, StoreError> {
        let used = self.run(
            "UPDATE invites SET uses = uses - 1 WHERE secret = ?1 AND uses > 0 AND expires > ?2",
            (secret, millis(now)),
        )?;
        Ok(used > 0)
    }
}
