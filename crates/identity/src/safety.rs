//! The safety number: what two people compare to know that nobody stands between them.

use crate::id::IdentityKey;
use crate::kdf::derive;

/// Digits of a safety number.
pub const DIGITS: usize = 60;
/// Groups in which they are written.
const GROUPS: usize = 12;
/// One more than the largest group of five digits.
const GROUP: u64 = 100_000;
/// Context of the hash.
const CONTEXT: &str = "nexus safety number v1";

/// The safety number of two identities: 60 digits in 12 groups of 5, the same on both sides.
///
/// `derive("nexus safety number v1", smaller key ‖ larger key)` as a big-endian number, modulo
/// 10⁶⁰, with leading zeros. Two pairs of keys with one number take about 2¹⁰⁰ tries to find.
pub fn safety_number(a: &IdentityKey, b: &IdentityKey) -> String {
    let hash = derive(CONTEXT, &[a.min(b).as_bytes(), a.max(b).as_bytes()]);
    let mut limbs: Vec<u32> = hash
        .chunks_exact(4)
        .map(|limb| limb.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
        .collect();
    let mut groups: Vec<String> =
        (0..GROUPS).map(|_| format!("{:05}", divide(&mut limbs))).collect();
    groups.reverse();
    groups.join(" ")
}

/// Divides a big-endian number by [`GROUP`] and gives the remainder.
fn divide(limbs: &mut [u32]) -> u64 {
    limbs.iter_mut().fold(0, |remainder, limb| {
        let value = remainder << 32 | u64::from(*limb);
        // The remainder is below GROUP, so the quotient fits in 32 bits.
        *limb = u32::try_from(value / GROUP).unwrap_or(u32::MAX);
        value % GROUP
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_sixty_digits() {
        let (a, b) = (IdentityKey([1; 32]), IdentityKey([2; 32]));
        let number = safety_number(&a, &b);
        assert_eq!(number, safety_number(&b, &a));
        assert_eq!(number.chars().filter(char::is_ascii_digit).count(), DIGITS);
        assert_eq!(number.split(' ').count(), 12);
        assert_ne!(number, safety_number(&a, &IdentityKey([3; 32])));
    }

    #[test]
    fn long_division_gives_the_decimal_digits() {
        // 2^64 + 12345 = 18446744073709563961
        let mut limbs = vec![0, 1, 0, 12345];
        assert_eq!([(); 4].map(|()| divide(&mut limbs)), [63_961, 37_095, 74_407, 18_446]);
    }
}
