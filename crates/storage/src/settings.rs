//! Small things: settings of the application, and notices that stay until they are dismissed.

use nexus_identity::id::{ConnectId, Millis};

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{MaybeBytes, bounded, millis, to_millis};
use crate::writer::Tx;

/// Largest value of a setting, in bytes.
pub const MAX_SETTING_BYTES: usize = 64 * 1024;
/// Notices kept; beyond, the oldest goes.
pub const MAX_NOTICES: i64 = 256;

/// Something the person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// For [`Tx::dismiss_notice`].
    pub id: i64,
    /// What it is about, for programs.
    pub code: String,
    /// Whom it is about.
    pub peer: Option<ConnectId>,
    /// Plain words.
    pub text: String,
    /// When it was last true.
    pub at: Millis,
}

impl Queries {
    /// A setting.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.first("SELECT value FROM settings WHERE key = ?1", [key], |row| Ok(row.get(0)?))
    }

    /// Notices, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn notices(&self) -> Result<Vec<NoticeRow>, StoreError> {
        self.all("SELECT id, code, peer, text, at FROM notices ORDER BY at, id", [], |row| {
            Ok(NoticeRow {
                id: row.get(0)?,
                code: row.get(1)?,
                peer: row.get::<_, MaybeBytes<32>>(2)?.connect_id(),
                text: row.get(3)?,
                at: to_millis(row.get(4)?),
            })
        })
    }
}

impl Tx<'_> {
    /// Writes a setting; an empty value removes it.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn set_setting(&mut self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        bounded("a setting", key.len().max(value.len()), MAX_SETTING_BYTES)?;
        if value.is_empty() {
            self.run("DELETE FROM settings WHERE key = ?1", [key])?;
        } else {
            self.run("INSERT OR REPLACE INTO settings (key, value) VALUES (?1, ?2)", (key, value))?;
        }
        Ok(())
    }

    /// Writes a notice; the same code about the same peer is one notice. Says whether it is new.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn put_notice(
        &mut self,
        code: &str,
        peer: Option<&ConnectId>,
        text: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        bounded("a notice", code.len().max(text.len()), MAX_SETTING_BYTES)?;
        let peer = peer.map_or(&[][..], |p| p.as_bytes().as_slice());
        let changed = self.run(
            "UPDATE notices SET text = ?3, at = ?4 WHERE code = ?1 AND peer = ?2",
            (code, peer, text, millis(now)),
        )?;
        if changed > 0 {
            return Ok(false);
        }
        self.run(
            "INSERT INTO notices (code, peer, text, at) VALUES (?1, ?2, ?3, ?4)",
            (code, peer, text, millis(now)),
        )?;
        self.run(
            "DELETE FROM notices WHERE id IN (SELECT id FROM notices ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?1)",
            [MAX_NOTICES],
        )?;
        Ok(true)
    }

    /// Removes a notice.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn dismiss_notice(&mut self, id: i64) -> Result<(), StoreError> {
        self.run("DELETE FROM notices WHERE id = ?1", [id])?;
        Ok(())
    }
}
