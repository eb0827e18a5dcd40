//! Maps with unsigned integer keys, known and unknown.

use std::collections::BTreeMap;

use super::{CborError, Reader, Writer};

/// A decoded map: every value checked, each at hand as bytes.
///
/// ```
/// use nexus_identity::cbor::{Map, MapWriter};
/// let mut writer = MapWriter::new();
/// writer.uint(1, 5).text(2, "hi").uint(900, 1);
/// let bytes = writer.into_bytes();
/// let map = Map::decode(&bytes)?;
/// assert_eq!((map.get(1)?.uint()?, map.get(2)?.text()?), (5, "hi"));
/// let unknown = map.unknown(&[1, 2]);
/// let mut again = MapWriter::new();
/// again.uint(1, 5).text(2, "hi").extra(&unknown);
/// assert_eq!(again.into_bytes(), bytes);
/// # Ok::<(), nexus_identity::cbor::CborError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Map<'a>(Vec<(u64, &'a [u8])>);

impl<'a> Map<'a> {
    /// Decodes `bytes` as exactly one map.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, CborError> {
        let mut reader = Reader::new(bytes);
        let map = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(map)
    }

    /// Reads one map and leaves the reader behind it.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, CborError> {
        let mut pairs = Vec::new();
        let mut last = None;
        for _ in 0..reader.map()? {
            let key = reader.key(last)?;
            last = Some(key);
            pairs.push((key, reader.any_at(1)?));
        }
        Ok(Self(pairs))
    }

    /// A reader of the value under `key`, if it is there.
    pub fn find(&self, key: u64) -> Option<Reader<'a>> {
        let at = self.0.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.0.get(at).map(|(_, value)| Reader::new(value))
    }

    /// A reader of the value under `key`, which must be there.
    pub fn get(&self, key: u64) -> Result<Reader<'a>, CborError> {
        self.find(key).ok_or(CborError::Missing(key))
    }

    /// All pairs whose key is not among `known`.
    pub fn unknown(&self, known: &[u64]) -> Extra {
        let pairs = self.0.iter().filter(|(key, _)| !known.contains(key));
        Extra(pairs.map(|(key, value)| (*key, value.to_vec())).collect())
    }

    /// The keys in rising order.
    pub fn keys(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(|(key, _)| *key)
    }
}

/// Pairs of a map that this version does not understand, kept to be written again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extra(Vec<(u64, Vec<u8>)>);

impl Extra {
    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes one map; pairs may come in any order.
#[derive(Debug, Clone, Default)]
pub struct MapWriter(BTreeMap<u64, Vec<u8>>);

impl MapWriter {
    /// An empty map.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Sets `key` to what `write` writes, which must be exactly one value.
    pub fn value(&mut self, key: u64, write: impl FnOnce(&mut Writer)) -> &mut Self {
        let mut writer = Writer::new();
        write(&mut writer);
        self.0.insert(key, writer.into_bytes());
        self
    }

    /// Sets `key` to an unsigned integer.
    pub fn uint(&mut self, key: u64, value: u64) -> &mut Self {
        self.value(key, |w| {
            w.uint(value);
        })
    }

    /// Sets `key` to a byte string.
    pub fn bytes(&mut self, key: u64, value: &[u8]) -> &mut Self {
        self.value(key, |w| {
            w.bytes(value);
        })
    }

    /// Sets `key` to a text.
    pub fn text(&mut self, key: u64, value: &str) -> &mut Self {
        self.value(key, |w| {
            w.text(value);
        })
    }

    /// Sets `key` to `false` or `true`.
    pub fn bool(&mut self, key: u64, value: bool) -> &mut Self {
        self.value(key, |w| {
            w.bool(value);
        })
    }

    /// Sets `key` to a value that is deterministic CBOR already, such as a nested map.
    pub fn raw(&mut self, key: u64, encoded: &[u8]) -> &mut Self {
        self.value(key, |w| {
            w.raw(encoded);
        })
    }

    /// Puts back the pairs that were not understood; keys already set stay as they are.
    pub fn extra(&mut self, extra: &Extra) -> &mut Self {
        for (key, value) in &extra.0 {
            self.0.entry(*key).or_insert_with(|| value.clone());
        }
        self
    }

    /// The map as bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(self.0.len());
        for (key, value) in &self.0 {
            writer.uint(*key).raw(value);
        }
        writer.into_bytes()
    }
}
