//! People: contacts in every state.

use nexus_identity::InviteSecret;
use nexus_identity::id::{ConnectId, Millis};
use nexus_log::order::Position;
use rusqlite::Row;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, MaybeBytes, bounded, millis, to_millis, to_moment};
use crate::writer::Tx;

/// Longest local or claimed name, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Largest card stored, in bytes.
pub const MAX_CARD_BYTES: usize = 64 * 1024;

/// Where a contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContactState {
    /// I asked; no answer seen yet.
    Requested,
    /// They asked; I have not answered.
    Incoming,
    /// Both want the conversation.
    Accepted,
    /// Blocked by me.
    Blocked,
    /// Declined or removed: known, and no contact.
    Removed,
}

impl ContactState {
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Requested => 1,
            Self::Incoming => 2,
            Self::Accepted => 3,
            Self::Blocked => 4,
            Self::Removed => 5,
        }
    }

    pub(crate) fn from_code(code: i64) -> Result<Self, StoreError> {
        Ok(match code {
            1 => Self::Requested,
            2 => Self::Incoming,
            3 => Self::Accepted,
            4 => Self::Blocked,
            5 => Self::Removed,
            _ => return Err(StoreError::damaged("an unknown contact state")),
        })
    }
}

/// A field of a contact that goes by the last word of my instances on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContactField {
    /// My name for them.
    Name,
    /// Where it stands.
    State,
    /// My word on their safety number.
    Verified,
    /// Until when the conversation with them is quiet.
    Muted,
}

impl ContactField {
    fn code(self) -> i64 {
        match self {
            Self::Name => 2,
            Self::State => 3,
            Self::Verified => 4,
            Self::Muted => 6,
        }
    }
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRow {
    /// Who.
    pub connect_id: ConnectId,
    /// Where it stands.
    pub state: ContactState,
    /// Their card; empty while it is not known.
    pub card: Vec<u8>,
    /// The name in their card.
    pub card_name: String,
    /// My name for them; empty when I gave none.
    pub local_name: String,
    /// My own word that the safety number matched.
    pub verified: bool,
    /// They showed a second, different contact key, which was refused.
    pub second_contact_key: bool,
    /// The words of the pending request, mine or theirs.
    pub request_text: String,
    /// Secret of the invite through which I ask.
    pub invite_secret: Option<InviteSecret>,
    /// Letters are ignored until then.
    pub declined_until: Option<Millis>,
    /// When it was first known.
    pub added: Millis,
    /// Last authenticated sign of life.
    pub last_seen: Option<Millis>,
}

impl ContactRow {
    /// Somebody of whom nothing else is known.
    #[must_use]
    pub fn new(connect_id: ConnectId, state: ContactState, now: Millis) -> Self {
        Self {
            connect_id,
            state,
            card: Vec::new(),
            card_name: String::new(),
            local_name: String::new(),
            verified: false,
            second_contact_key: false,
            request_text: String::new(),
            invite_secret: None,
            declined_until: None,
            added: now,
            last_seen: None,
        }
    }

    /// My name for them, else theirs.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.local_name.is_empty() { &self.card_name } else { &self.local_name }
    }

    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            connect_id: ConnectId::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
            state: ContactState::from_code(row.get(1)?)?,
            card: row.get(2)?,
            card_name: row.get(3)?,
            local_name: row.get(4)?,
            verified: row.get(5)?,
            second_contact_key: row.get(6)?,
            request_text: row.get(7)?,
            invite_secret: row.get::<_, MaybeBytes<16>>(8)?.0.map(InviteSecret::new),
            declined_until: to_moment(row.get(9)?),
            added: to_millis(row.get(10)?),
            last_seen: to_moment(row.get(11)?),
        })
    }
}

const COLUMNS: &str =
    "SELECT connect_id, state, card, card_name, local_name, verified, second_contact_key,
    request_text, invite_secret, declined_until, added, last_seen FROM contacts";

impl Queries {
    /// One contact, in whatever state.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn contact(&self, who: &ConnectId) -> Result<Option<ContactRow>, StoreError> {
        self.first(&format!("{COLUMNS} WHERE connect_id = ?1"), [who.as_bytes()], ContactRow::read)
    }

    /// Contacts that were asked, accepted or blocked, in the order they came.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn contacts(&self) -> Result<Vec<ContactRow>, StoreError> {
        self.all(&format!("{COLUMNS} WHERE state IN (1, 3, 4) ORDER BY id"), [], ContactRow::read)
    }

    /// Incoming requests, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn requests(&self) -> Result<Vec<ContactRow>, StoreError> {
        self.all(&format!("{COLUMNS} WHERE state = 2 ORDER BY added, id"), [], ContactRow::read)
    }

    /// Everybody who was ever known, in the order they came.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn all_contacts(&self) -> Result<Vec<ContactRow>, StoreError> {
        self.all(&format!("{COLUMNS} ORDER BY id"), [], ContactRow::read)
    }
}

impl Queries {
    /// Where my instances said their last word on a field of a contact.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn contact_said(
        &self,
        who: &ConnectId,
        field: ContactField,
    ) -> Result<Option<Position>, StoreError> {
        let found = self.first(
            "SELECT position FROM contact_said WHERE connect_id = ?1 AND field = ?2",
            (who.as_bytes(), field.code()),
            |row| Ok(row.get::<_, Bytes<80>>(0)?.0),
        )?;
        Ok(found.and_then(|bytes| Position::decode(&bytes)))
    }
}

impl Tx<'_> {
    /// Notes a word on a field of a contact. `false`: a later one was known, so this one does not count.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn raise_contact_said(
        &mut self,
        who: &ConnectId,
        field: ContactField,
        position: &Position,
    ) -> Result<bool, StoreError> {
        let raised = self.run(
            "INSERT INTO contact_said (connect_id, field, position) VALUES (?1, ?2, ?3)
             ON CONFLICT (connect_id, field) DO UPDATE SET position = excluded.position
             WHERE excluded.position > position",
            (who.as_bytes(), field.code(), position.encode()),
        )?;
        Ok(raised > 0)
    }

    /// Writes a contact, new or changed, whole.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn put_contact(&mut self, contact: &ContactRow) -> Result<(), StoreError> {
        bounded("a name", contact.card_name.len().max(contact.local_name.len()), MAX_NAME_BYTES)?;
        bounded("a card", contact.card.len(), MAX_CARD_BYTES)?;
        bounded("a request", contact.request_text.len(), crate::letters::MAX_LETTER_TEXT)?;
        self.run(
            "INSERT INTO contacts (connect_id, state, card, card_name, local_name, verified, second_contact_key,
                 request_text, invite_secret, declined_until, added, last_seen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (connect_id) DO UPDATE SET state = excluded.state, card = excluded.card,
                 card_name = excluded.card_name, local_name = excluded.local_name, verified = excluded.verified,
                 second_contact_key = excluded.second_contact_key, request_text = excluded.request_text,
                 invite_secret = excluded.invite_secret, declined_until = excluded.declined_until,
                 last_seen = excluded.last_seen",
            (
                contact.connect_id.as_bytes(),
                contact.state.code(),
                &contact.card,
                &contact.card_name,
                &contact.local_name,
                contact.verified,
                contact.second_contact_key,
                &contact.request_text,
                contact.invite_secret.as_ref().map_or(&[][..], |s| s.expose()),
                contact.declined_until.map_or(0, millis),
                millis(contact.added),
                contact.last_seen.map_or(0, millis),
            ),
        )?;
        Ok(())
    }

    /// Changes the state alone.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or when the store can't be written.
    pub fn set_contact_state(
        &mut self,
        who: &ConnectId,
        state: ContactState,
    ) -> Result<(), StoreError> {
        let changed = self.run(
            "UPDATE contacts SET state = ?2 WHERE connect_id = ?1",
            (who.as_bytes(), state.code()),
        )?;
        if changed == 0 { Err(StoreError::Missing { what: "contact" }) } else { Ok(()) }
    }

    /// Stores a merged card with the name in it.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn set_contact_card(
        &mut self,
        who: &ConnectId,
        card: &[u8],
        name: &str,
        second_contact_key: bool,
    ) -> Result<(), StoreError> {
        bounded("a card", card.len(), MAX_CARD_BYTES)?;
        bounded("a name", name.len(), MAX_NAME_BYTES)?;
        self.run(
            "UPDATE contacts SET card = ?2, card_name = ?3, second_contact_key = max(second_contact_key, ?4)
             WHERE connect_id = ?1",
            (who.as_bytes(), card, name, second_contact_key),
        )?;
        Ok(())
    }

    /// Notes an authenticated sign of life; the latest stays.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn saw_contact(&mut self, who: &ConnectId, now: Millis) -> Result<(), StoreError> {
        self.run(
            "UPDATE contacts SET last_seen = max(last_seen, ?2) WHERE connect_id = ?1",
            (who.as_bytes(), millis(now)),
        )?;
        Ok(())
    }
}
