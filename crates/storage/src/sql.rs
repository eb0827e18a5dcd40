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

/// All 64 bits of a number whose order matters: the top bit is turned, so that SQLite sorts as Rust does.
pub(crate) fn ordered(value: u64) -> i64 {
    i64::from_ne_bytes((value ^ (1 << 63)).to_ne_bytes())
}

/// Back from [`ordered`].
pub(crate) fn from_ordered(value: i64) -> u64 {
    u64::from_ne_bytes(value.to_ne_bytes()) ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use nexus_identity::id::Millis;

    use super::{from_ordered, millis, ordered, signed, to_millis};

    #[test]
    fn ordered_numbers_keep_their_order_and_value() {
        let values = [0, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX];
        assert!(values.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert!(values.iter().all(|value| from_ordered(ordered(*value)) == *value));
    }

    #[test]
    fn numbers_past_the_range_are_refused_and_times_stay_at_the_end() {
        assert!(signed(i64::MAX as u64, "x").is_ok());
        assert!(signed(i64::MAX as u64 + 1, "x").is_err());
        assert_eq!(millis(Millis(u64::MAX)), i64::MAX);
        assert_eq!(to_millis(-1), Millis(0));
    }
}
