use proptest::prelude::*;

use super::*;

#[test]
fn ordinary_text_of_many_scripts_stays_as_it_is() {
    for text in [
        "hello, world",
        "Grüße — naïve café",
        "שלום עולם",
        "مرحبا بالعالم",
        "می\u{200c}خواهم",
        "हिन्दी भाषा",
        "日本語のテキスト",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦 ❤\u{fe0f} 🇩🇪",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    ] {
        assert_eq!(line(text), text);
        assert_eq!(block(text), text);
    }
}

#[test]
fn terminal_sequences_become_visible_and_harmless() {
    assert_eq!(line("\u{1b}[2J"), "␛[2J");
    assert_eq!(line("\u{1b}]0;title\u{7}"), "␛]0;title␇");
    assert_eq!(line("a\rb"), "a␍b");
    assert_eq!(line("\u{9b}31m"), "<U+009B>31m");
    assert_eq!(line("\u{7f}\u{8}"), "␡␈");
}

#[test]
fn bidirectional_controls_and_hidden_characters_become_visible() {
    assert_eq!(line("abc\u{202e}txt.exe"), "abc<U+202E>txt.exe");
    assert_eq!(line("An\u{200b}a"), "An<U+200B>a");
    assert_eq!(line("\u{2067}x\u{2069}"), "<U+2067>x<U+2069>");
    assert_eq!(line("\u{feff}"), "<U+FEFF>");
}

#[test]
fn a_line_never_breaks_and_a_block_breaks_only_where_the_sender_did() {
    assert_eq!(line("a\nb\tc"), "a␊b c");
    assert_eq!(block("a\r\nb\n\tc\rd"), "a\nb\n    c␍d");
    assert_eq!(block("a\u{2028}b"), "a<U+2028>b");
}

#[test]
fn a_pile_of_marks_is_cut() {
    let zalgo = format!("a{}b", "\u{0301}".repeat(50));
    let shown = line(&zalgo);
    assert_eq!(shown.chars().filter(|c| *c == '\u{0301}').count(), MAX_MARKS);
    assert!(shown.ends_with("\u{fffd}b"));
}

#[test]
fn a_broken_flag_hides_nothing() {
    let hidden = "\u{1f3f4}\u{e0068}\u{e0069}";
    assert!(line(hidden).contains("<U+E0068>"));
}

fn is_part_of_a_flag(c: char) -> bool {
    is_tag(c) || c == '\u{e007f}'
}

proptest! {
    #[test]
    fn nothing_unsafe_survives(text in any::<String>()) {
        for c in line(&text).chars() {
            prop_assert!(!is_unsafe(c) || is_part_of_a_flag(c), "{c:?}");
        }
        for c in block(&text).chars() {
            prop_assert!(c == '\n' || !is_unsafe(c) || is_part_of_a_flag(c), "{c:?}");
        }
    }

    #[test]
    fn nothing_unsafe_survives_among_dense_trouble(
        text in proptest::collection::vec(prop_oneof![
            Just('\u{1b}'), Just('\r'), Just('\n'), Just('\u{202e}'), Just('\u{200d}'), Just('\u{1f3f4}'),
            Just('\u{e0067}'), Just('\u{e007f}'), Just('\u{0301}'), Just('a'), Just('<'),
        ], 0..60).prop_map(|c| c.into_iter().collect::<String>())
    ) {
        for c in line(&text).chars() {
            prop_assert!(!is_unsafe(c) || is_part_of_a_flag(c), "{c:?}");
        }
    }

    #[test]
    fn making_safe_twice_changes_nothing_more(text in any::<String>()) {
        let once = block(&text);
        prop_assert_eq!(block(&once), once.clone());
        let once = line(&text);
        prop_assert_eq!(line(&once), once.clone());
    }

    #[test]
    fn printable_ascii_is_left_alone(text in "[ -~\n]{0,200}") {
        prop_assert_eq!(block(&text), text);
    }
}
