use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;

#[test]
fn a_generated_phrase_has_twelve_words_and_is_strong() {
    let phrase = Phrase::generate(&mut ChaCha12Rng::from_seed([1; 32]));
    assert_eq!(phrase.text().split(' ').count(), GENERATED_WORDS);
    assert_eq!(strength(phrase.text()), 128);
    assert_eq!(Phrase::chosen(phrase.text()).unwrap().text(), phrase.text());
}

#[test]
fn what_is_easy_to_guess_is_refused() {
    for weak in [
        "",
        "password",
        "correct horse battery staple",
        "12345678901234567890",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
        "abcdefghijklmnopqrstuvwxyz",
        "P@ssw0rd!2026",
        "to be or not to be that is the question",
    ] {
        assert!(Phrase::chosen(weak).is_err(), "{weak}: {}", strength(weak));
    }
    assert_eq!(strength(&"x7#Q ".repeat(300)), 0, "longer than the limit");
}

#[test]
fn a_long_own_sentence_is_accepted() {
    for strong in [
        "my grandmother's blue bicycle lost its left pedal in Trieste",
        "vK9$mQ2!xR7&pL4^wT8*",
        "orbit lemon gravel siren pupil fabric wagon",
    ] {
        assert!(Phrase::chosen(strong).is_ok(), "{strong}: {}", strength(strong));
    }
}

#[test]
fn spelling_variants_of_one_phrase_are_one_phrase() {
    assert_eq!(*normalize("  Abandon\n ABOUT\tzoo "), "abandon about zoo");
    assert_eq!(*normalize("Jose\u{301}  K."), *normalize("Jos\u{e9} K."));
    assert_ne!(*normalize("Secret K."), *normalize("secret k."));
}

#[test]
fn debug_shows_no_phrase() {
    let phrase = Phrase::generate(&mut ChaCha12Rng::from_seed([1; 32]));
    insta::assert_debug_snapshot!("phrase", phrase);
}

proptest! {
    #[test]
    fn normalizing_twice_changes_nothing(text in ".{0,40}") {
        let once = normalize(&text);
        prop_assert_eq!(normalize(&once), once);
        strength(&text);
    }
}
