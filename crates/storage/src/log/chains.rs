//! Chains: one log, or one branch of a forked one.

use nexus_identity::id::{ConnectId, IdentityKey, InstanceKey};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{EntryHash, Head, LogHead, LogKey, Seq, Topic};
use nexus_log::ledger::{Chain, ChainId};
use nexus_log::open::Author;
use rusqlite::Row;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, MaybeBytes, from_ordered, ordered, signed, unsigned};

const COLUMNS: &str =
    "SELECT id, topic, log, branch, base_chain, base_seq, first, head_seq, head_hash,
    who, identity, instance, hlc, cited, hidden_from, retired, stopped FROM chains";

fn read(row: &Row<'_>) -> Result<Chain, StoreError> {
    let maybe =
        |at| -> Result<Option<[u8; 32]>, StoreError> { Ok(row.get::<_, MaybeBytes<32>>(at)?.0) };
    let seq = |at| -> Result<Option<Seq>, StoreError> {
        row.get::<_, Option<i64>>(at)?.map(unsigned).transpose()
    };
    let author = match (maybe(9)?, maybe(10)?, maybe(11)?) {
        (Some(who), Some(identity), Some(instance)) => Some(Author {
            who: ConnectId::from_bytes(who),
            identity: IdentityKey::from_bytes(identity),
            instance: InstanceKey::from_bytes(instance),
        }),
        _ => None,
    };
    Ok(Chain {
        id: ChainId(row.get(0)?),
        topic: Topic::from_bytes(row.get::<_, Bytes<32>>(1)?.0),
        log: LogKey::from_bytes(row.get::<_, Bytes<32>>(2)?.0),
        branch: maybe(3)?.map(EntryHash::from_bytes),
        base: row.get::<_, Option<i64>>(4)?.map(ChainId).zip(seq(5)?),
        first: unsigned(row.get(6)?)?,
        head: Head {
            seq: unsigned(row.get(7)?)?,
            hash: EntryHash::from_bytes(row.get::<_, Bytes<32>>(8)?.0),
        },
        author,
        hlc: Hlc(from_ordered(row.get(12)?)),
        cited: seq(13)?,
        hidden_from: seq(14)?,
        retired: seq(15)?,
        stopped: row.get(16)?,
    })
}

fn branch_column(branch: Option<&EntryHash>) -> &[u8] {
    branch.map_or(&[], |b| b.as_bytes())
}

impl Queries {
    /// Chains of one log, the one met first in front.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn chains_of_log(&self, log: &LogKey) -> Result<Vec<Chain>, StoreError> {
        self.all(
            &format!("{COLUMNS} WHERE log = ?1 ORDER BY branch <> x'', id"),
            [log.as_bytes()],
            read,
        )
    }

    /// Chains of a topic, by (log, branch).
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn chains_of_topic(&self, topic: &Topic) -> Result<Vec<Chain>, StoreError> {
        self.all(
            &format!("{COLUMNS} WHERE topic = ?1 ORDER BY log, branch"),
            [topic.as_bytes()],
            read,
        )
    }

    /// Every chain, by number.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn all_chains(&self) -> Result<Vec<Chain>, StoreError> {
        self.all(&format!("{COLUMNS} ORDER BY id"), [], read)
    }

    /// One chain.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn chain(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
    ) -> Result<Option<Chain>, StoreError> {
        self.first(
            &format!("{COLUMNS} WHERE log = ?1 AND branch = ?2"),
            (log.as_bytes(), branch_column(branch)),
            read,
        )
    }

    /// Whether a log has more than one chain.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn forked(&self, log: &LogKey) -> Result<bool, StoreError> {
        Ok(self.number("SELECT count(*) FROM chains WHERE log = ?1", [log.as_bytes()])? > 1)
    }

    pub(crate) fn chain_by_id(&self, id: ChainId) -> Result<Option<Chain>, StoreError> {
        self.first(&format!("{COLUMNS} WHERE id = ?1"), [id.0], read)
    }

    /// What sync needs of all chains of a topic, by (log, branch).
    pub(crate) fn log_heads(&self, topic: &Topic) -> Result<Vec<LogHead>, StoreError> {
        self.all(
            "SELECT log, branch, first, head_seq, head_hash FROM chains WHERE topic = ?1 ORDER BY log, branch",
            [topic.as_bytes()],
            |row| {
                Ok(LogHead {
                    log: LogKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
                    branch: row.get::<_, MaybeBytes<32>>(1)?.0.map(EntryHash::from_bytes),
                    first: unsigned(row.get(2)?)?,
                    head: Head {
                        seq: unsigned(row.get(3)?)?,
                        hash: EntryHash::from_bytes(row.get::<_, Bytes<32>>(4)?.0),
                    },
                })
            },
        )
    }

    /// Logs of the own instance whose last entry is not there.
    pub(crate) fn own_logs_without_head(&self) -> Result<Vec<[u8; 32]>, StoreError> {
        self.all(
            "SELECT c.log FROM chains c JOIN own_instance o ON c.instance = o.instance
             WHERE c.branch = x'' AND NOT EXISTS (SELECT 1 FROM entries e
                 WHERE e.chain = c.id AND e.seq = c.head_seq AND e.hash = c.head_hash)
             ORDER BY c.log",
            [],
            |row| Ok(row.get::<_, Bytes<32>>(0)?.0),
        )
    }

    pub(crate) fn insert_chain(&self, chain: &Chain) -> Result<ChainId, StoreError> {
        self.insert_chain_row(chain, None)?;
        Ok(ChainId(self.conn().last_insert_rowid()))
    }

    /// Adds a chain under a number of the caller's choosing.
    pub(crate) fn insert_chain_as(&self, chain: &Chain, id: ChainId) -> Result<(), StoreError> {
        self.insert_chain_row(chain, Some(id.0))
    }

    fn insert_chain_row(&self, chain: &Chain, id: Option<i64>) -> Result<(), StoreError> {
        let seq = |value: Option<Seq>| value.map(|s| signed(s, "a sequence number")).transpose();
        let none: &[u8] = &[];
        let author = chain.author.as_ref();
        self.run(
            "INSERT INTO chains (topic, log, branch, base_chain, base_seq, first, head_seq, head_hash,
                 who, identity, instance, hlc, cited, hidden_from, retired, stopped, id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            rusqlite::params![
                chain.topic.as_bytes(),
                chain.log.as_bytes(),
                branch_column(chain.branch.as_ref()),
                chain.base.map(|(id, _)| id.0),
                seq(chain.base.map(|(_, s)| s))?,
                signed(chain.first, "a sequence number")?,
                signed(chain.head.seq, "a sequence number")?,
                chain.head.hash.as_bytes(),
                author.map_or(none, |a| a.who.as_bytes()),
                author.map_or(none, |a| a.identity.as_bytes()),
                author.map_or(none, |a| a.instance.as_bytes()),
                ordered(chain.hlc.0),
                seq(chain.cited)?,
                seq(chain.hidden_from)?,
                seq(chain.retired)?,
                chain.stopped,
                id,
            ],
        )?;
        Ok(())
    }

    pub(crate) fn change_chain(&self, chain: &Chain) -> Result<(), StoreError> {
        let seq = |value: Option<Seq>| value.map(|s| signed(s, "a sequence number")).transpose();
        let none: &[u8] = &[];
        let author = chain.author.as_ref();
        self.run(
            "UPDATE chains SET who = ?2, identity = ?3, instance = ?4, hlc = ?5, cited = ?6, hidden_from = ?7,
                 retired = ?8, stopped = ?9 WHERE id = ?1",
            (
                chain.id.0,
                author.map_or(none, |a| a.who.as_bytes()),
                author.map_or(none, |a| a.identity.as_bytes()),
                author.map_or(none, |a| a.instance.as_bytes()),
                ordered(chain.hlc.0),
                seq(chain.cited)?,
                seq(chain.hidden_from)?,
                seq(chain.retired)?,
                chain.stopped,
            ),
        )?;
        Ok(())
    }
}
