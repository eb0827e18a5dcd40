//! Between Rust's unsigned numbers and fixed arrays and SQLite's types.

use nexus_identity::id::{ConnectId, Millis};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use crate::error::StoreError;

/// A time as the store holds it. Times beyond the year 292 million become that.
pub(crate) fn millis(time: Millis) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// A time as read; what is negative was never written and becomes zero.
pub(crate) fn to_millis(value: i64) -> Millis {
    Millis(u64::try_from(value).unwrap_or(0))
}

/// A time column in which 0 means never.
pub(crate) fn to_moment(value: i64) -> Option<Millis> {
    (value > 0).then(|| to_millis(value))
}

/// A sequence number or count for the store; beyond 2⁶³ − 1 only forged input goes.
pub(crate) fn signed(value: u64, what: &'static str) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::OutOfRange { what })
}

/// Back from the store.
pub(crate) fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::damaged("a negative number"))
}

/// A blob column of exactly `N` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> FromSql for Bytes<N> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| FromSqlError::InvalidBlobSize { expected_size: N, blob_size: bytes.len() })
    }
}

/// A blob column of `N` bytes, or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaybeBytes<const N: usize>(pub(crate) Option<[u8; N]>);

impl<const N: usize> FromSql for MaybeBytes<N> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(Self(None)),
            ValueRef::Blob([]) => Ok(Self(None)),
            other => Bytes::column_result(other).map(|b| Self(Some(b.0))),
        }
    }
}

impl MaybeBytes<32> {
    /// As a ConnectID.
    pub(crate) fn connect_id(self) -> Option<ConnectId> {
        self.0.map(ConnectId::from_bytes)
    }
}

/// Refuses what is longer than its limit.
pub(crate) fn bounded(what: &'static str, length: usize, limit: usize) -> Result<(), StoreError> {
    if length > limit { Err(StoreError::TooLong { what, limit }) } else { Ok(()) }
}
