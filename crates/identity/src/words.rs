//! Digests as words that people can compare aloud.

use bip39::Language;

/// Words that a digest of 32 bytes can give, at most: 11 bits each.
pub const MAX_WORDS: usize = 23;

/// The first `n` words of a digest: each 11 bits from the front, as a place in the English word
/// list of BIP 39. At most [`MAX_WORDS`].
pub fn words(digest: &[u8; 32], n: usize) -> Vec<&'static str> {
    let list = Language::English.word_list();
    let bit =
        |at: usize| digest.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    let index = |word: usize| (0..11).fold(0, |index, at| index << 1 | bit(word * 11 + at));
    (0..n.min(MAX_WORDS)).filter_map(|word| list.get(index(word)).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_eleven_bits_each_from_the_front() {
        assert_eq!(words(&[0; 32], 3), ["abandon", "abandon", "abandon"]);
        assert_eq!(words(&[0xff; 32], 2), ["zoo", "zoo"]);
        let mut digest = [0; 32];
        // 00000000001 00000000010
        digest[1] = 0b0010_0000;
        digest[2] = 0b0000_1000;
        assert_eq!(words(&digest, 2), ["ability", "able"]);
    }

    #[test]
    fn there_are_never_more_words_than_bits() {
        assert_eq!(words(&[0; 32], 100).len(), MAX_WORDS);
    }

    #[test]
    fn the_words_are_those_of_the_bip_39_library() {
        let digest: [u8; 32] = core::array::from_fn(|at| (at as u8).wrapping_mul(37));
        let mnemonic = bip39::Mnemonic::from_entropy(&digest).unwrap();
        assert_eq!(words(&digest, 23), mnemonic.words().take(23).collect::<Vec<_>>());
    }
}
