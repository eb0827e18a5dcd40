use proptest::prelude::*;

use super::*;

fn any(bytes: &[u8]) -> Result<(), CborError> {
    let mut reader = Reader::new(bytes);
    reader.any()?;
    reader.finish()
}

#[test]
fn numbers_longer_than_necessary_are_refused() {
    for bytes in [
        &[0x18, 0x17][..],
        &[0x19, 0x00, 0xff],
        &[0x1a, 0x00, 0x00, 0xff, 0xff],
        &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        &[0x58, 0x01, 0xaa],
        &[0x98, 0x01, 0x00],
    ] {
        assert_eq!(any(bytes), Err(CborError::NotShortest), "{bytes:02x?}");
    }
}

#[test]
fn what_has_more_than_one_form_is_refused() {
    for bytes in [
        &[0x5f, 0x41, 0xaa, 0xff][..],
        &[0x9f, 0xff],
        &[0xbf, 0xff],
        &[0xf9, 0x3c, 0x00],
        &[0xfa, 0, 0, 0, 0],
        &[0xc0, 0x00],
        &[0xf7],
        &[0xf8, 0x20],
        &[0xe0],
    ] {
        assert_eq!(any(bytes), Err(CborError::Unsupported), "{bytes:02x?}");
    }
}

#[test]
fn map_keys_must_rise() {
    assert_eq!(any(&[0xa2, 1, 0, 1, 0]), Err(CborError::Keys));
    assert_eq!(any(&[0xa2, 2, 0, 1, 0]), Err(CborError::Keys));
    assert_eq!(any(&[0xa1, 0x61, b'a', 0]), Err(CborError::Keys));
    assert_eq!(any(&[0xa2, 1, 0, 2, 0]), Ok(()));
}

#[test]
fn nothing_may_follow() {
    assert_eq!(any(&[0, 0]), Err(CborError::Trailing));
    assert!(matches!(Map::decode(&[0xa0, 0]), Err(CborError::Trailing)));
}

#[test]
fn nesting_ends_at_the_limit() {
    let mut bytes = vec![0x81; MAX_DEPTH];
    bytes.push(0);
    assert_eq!(any(&bytes), Ok(()));
    bytes.insert(0, 0x81);
    assert_eq!(any(&bytes), Err(CborError::TooDeep));
    // A million opening brackets neither overflow the stack nor take time.
    assert_eq!(any(&vec![0x81; 1 << 20]), Err(CborError::TooDeep));
}

#[test]
fn lying_counts_are_refused_before_anything_is_reserved() {
    assert_eq!(
        any(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Err(CborError::Truncated)
    );
    assert_eq!(
        any(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Err(CborError::Truncated)
    );
    assert_eq!(
        any(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Err(CborError::Truncated)
    );
}

#[test]
fn bounded_reads_refuse_one_more() {
    let mut writer = Writer::new();
    writer.bytes(&[1, 2, 3]).text("abc").array(2).uint(1).uint(2).uint(256).uint(1 << 32);
    let bytes = writer.into_bytes();
    let mut r = Reader::new(&bytes);
    assert_eq!(r.clone().bytes_up_to(2), Err(CborError::Range));
    assert_eq!(r.clone().array_of::<2>(), Err(CborError::Range));
    assert_eq!(r.bytes_up_to(3), Ok(&[1, 2, 3][..]));
    assert_eq!(r.clone().text_up_to(2), Err(CborError::Range));
    assert_eq!(r.text_up_to(3), Ok("abc"));
    assert_eq!(r.clone().array(1), Err(CborError::Range));
    assert_eq!(r.array(2), Ok(2));
    r.any().unwrap();
    r.any().unwrap();
    assert_eq!(r.clone().u8(), Err(CborError::Range));
    r.any().unwrap();
    assert_eq!(r.u32(), Err(CborError::Range));
}

#[test]
fn null_is_taken_only_when_it_is_there() {
    let mut r = Reader::new(&[0xf6, 0x05]);
    assert_eq!(r.null(), Ok(true));
    assert_eq!(r.null(), Ok(false));
    assert_eq!(r.uint(), Ok(5));
    assert_eq!(r.null(), Err(CborError::Truncated));
}

#[derive(Debug, Clone)]
enum Item {
    Int(i64),
    Bytes(Vec<u8>),
    Text(String),
    Bool(bool),
    Null,
    Array(Vec<Item>),
    Map(std::collections::BTreeMap<u64, Item>),
}

fn item() -> impl Strategy<Value = Item> {
    let leaf = prop_oneof![
        any_int().prop_map(Item::Int),
        proptest::collection::vec(any_byte(), 0..40).prop_map(Item::Bytes),
        ".{0,20}".prop_map(Item::Text),
        proptest::bool::ANY.prop_map(Item::Bool),
        Just(Item::Null),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Item::Array),
            proptest::collection::btree_map(any_u64(), inner, 0..6).prop_map(Item::Map),
        ]
    })
}

fn any_byte() -> impl Strategy<Value = u8> {
    proptest::num::u8::ANY
}
fn any_u64() -> impl Strategy<Value = u64> {
    prop_oneof![0..30u64, proptest::num::u64::ANY]
}
fn any_int() -> impl Strategy<Value = i64> {
    prop_oneof![-30..300i64, proptest::num::i64::ANY]
}

fn write(item: &Item, w: &mut Writer) {
    match item {
        Item::Int(v) => {
            w.int(*v);
        }
        Item::Bytes(v) => {
            w.bytes(v);
        }
        Item::Text(v) => {
            w.text(v);
        }
        Item::Bool(v) => {
            w.bool(*v);
        }
        Item::Null => {
            w.null();
        }
        Item::Array(v) => {
            w.array(v.len());
            v.iter().for_each(|item| write(item, w));
        }
        Item::Map(v) => {
            let mut map = MapWriter::new();
            for (key, item) in v.iter().rev() {
                map.value(*key, |w| write(item, w));
            }
            w.raw(&map.into_bytes());
        }
    }
}

/// Reads one value and writes it again with the writer alone.
fn rewrite(r: &mut Reader<'_>, w: &mut Writer) {
    let first = r.clone().any().unwrap()[0];
    match first >> 5 {
        0 => {
            w.uint(r.uint().unwrap());
        }
        1 if r.clone().int().is_ok() => {
            w.int(r.int().unwrap());
        }
        1 => {
            w.raw(r.any().unwrap());
        }
        2 => {
            w.bytes(r.bytes().unwrap());
        }
        3 => {
            w.text(r.text().unwrap());
        }
        4 => {
            let len = r.array(usize::MAX).unwrap();
            w.array(len);
            (0..len).for_each(|_| rewrite(r, w));
        }
        5 => {
            let map = Map::read(r).unwrap();
            let mut out = MapWriter::new();
            for key in map.keys() {
                out.value(key, |w| rewrite(&mut map.get(key).unwrap(), w));
            }
            w.raw(&out.into_bytes());
        }
        _ if r.null().unwrap() => {
            w.null();
        }
        _ => {
            w.bool(r.bool().unwrap());
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(item in item()) {
        let mut w = Writer::new();
        write(&item, &mut w);
        let bytes = w.into_bytes();
        prop_assert_eq!(super::tests::any(&bytes), Ok(()));
        let mut again = Writer::new();
        rewrite(&mut Reader::new(&bytes), &mut again);
        prop_assert_eq!(again.into_bytes(), bytes);
    }

    #[test]
    fn whatever_is_accepted_is_written_back_to_the_same_bytes(
        bytes in proptest::collection::vec(prop_oneof![any_byte(), 0..4u8, 0x40..0x44u8, 0x80..0x84u8, 0xa0..0xa4u8], 0..24)
    ) {
        if super::tests::any(&bytes).is_ok() {
            let mut again = Writer::new();
            rewrite(&mut Reader::new(&bytes), &mut again);
            prop_assert_eq!(again.into_bytes(), bytes);
        }
    }
}
