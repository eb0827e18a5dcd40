use proptest::prelude::*;

use super::*;

fn safe(name: &str) -> SafeName {
    SafeName::new(name).unwrap()
}

#[test]
fn ordinary_names_are_safe() {
    let family = "👩\u{200d}👧.png";
    for name in
        ["a", ".bashrc", "Bericht (2).pdf", "日本語.txt", "12:30.png", family, "é", "..a", "a..b"]
    {
        assert_eq!(SafeName::new(name).map(|name| name.as_str().to_owned()), Ok(name.into()));
        assert_eq!(sanitize(name), safe(name));
    }
}

#[test]
fn what_could_be_a_path_a_device_or_a_disguise_is_refused() {
    use NameError::*;
    for (name, why) in [
        ("", Empty),
        (".", Dots),
        ("..", Dots),
        ("a/b", Separator),
        ("/etc", Separator),
        ("..\\a", Separator),
        ("a\0", Hidden),
        ("a\n", Hidden),
        ("\u{1b}[31m", Hidden),
        ("a\u{85}", Hidden),
        ("exe\u{202e}gpj.txt", Hidden),
        ("a\u{2066}b", Hidden),
        ("a\u{200b}b", Hidden),
        ("\u{feff}a", Hidden),
        ("a\u{200d}b", Hidden),
        ("é\u{200d}", Hidden),
        ("\u{200d}é", Hidden),
        (" a", Edge),
        ("a ", Edge),
        ("a\u{3000}", Edge),
        ("\u{a0}a", Edge),
        ("a.", Edge),
        ("a. .", Edge),
        ("...", Edge),
        ("CON", Device),
        ("nul.txt", Device),
        ("Com1", Device),
        ("com¹.log", Device),
        ("LPT9.tar.gz", Device),
        ("aux .h", Device),
        ("conin$", Device),
        ("e\u{301}", NotComposed),
    ] {
        assert_eq!(SafeName::new(name), Err(why), "{name:?}");
    }
    for name in ["CONSOLE", "com", "com12", "lpt", "nulls.txt", "COM1a"] {
        assert!(SafeName::new(name).is_ok(), "{name}");
    }
}

#[test]
fn a_name_of_255_bytes_is_taken_and_one_byte_more_is_not() {
    assert!(SafeName::new(&"a".repeat(MAX_NAME)).is_ok());
    assert_eq!(SafeName::new(&"a".repeat(MAX_NAME + 1)), Err(NameError::TooLong(256)));
    assert_eq!(SafeName::new(&"a".repeat(65_536)), Err(NameError::TooLong(65_536)));
}

#[test]
fn names_are_made_safe_and_stay_as_near_as_can_be() {
    for (name, made) in [
        ("a/b\\c", "a_b_c"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("a\nb", "a_b"),
        ("exe\u{202e}gpj.txt", "exegpj.txt"),
        ("  a  ", "a"),
        ("a...", "a"),
        ("con", "_con"),
        ("NUL.tar.gz", "_NUL.tar.gz"),
        ("e\u{301}.txt", "é.txt"),
        ("", "unnamed"),
        ("..", "unnamed"),
        ("\u{202e}", "unnamed"),
        ("a\u{200d}b.txt", "ab.txt"),
    ] {
        assert_eq!(sanitize(name).as_str(), made, "{name:?}");
    }
    let long = format!("{}.tar.gz", "é".repeat(200));
    let made = sanitize(&long);
    assert!(made.as_str().ends_with("é.tar.gz") && made.as_str().len() >= MAX_NAME - 1);
}

#[test]
fn numbers_go_before_the_extension() {
    for (name, made) in [
        ("a.txt", "a (2).txt"),
        ("a", "a (2)"),
        ("a.tar.gz", "a (2).tar.gz"),
        ("a.min.js", "a.min (2).js"),
        ("backup.2024.xz", "backup (2).2024.xz"),
        (".bashrc", ".bashrc (2)"),
        ("a.gz", "a (2).gz"),
        ("Dr. Who", "Dr. Who (2)"),
        ("a (2).txt", "a (2) (2).txt"),
    ] {
        assert_eq!(with_number(&safe(name), 2).as_str(), made);
    }
    let long = safe(&format!("{}.jpeg", "é".repeat(125)));
    let made = with_number(&long, u32::MAX);
    assert!(made.as_str().ends_with("é (4294967295).jpeg") && made.as_str().len() <= MAX_NAME);
}

/// Parts of names in which something is wrong more often than in random text.
fn odd_name() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a",
        "é",
        "e\u{301}",
        ".",
        "..",
        " ",
        "/",
        "\\",
        "\0",
        "\u{200d}",
        "\u{202e}",
        "👩",
        "CON",
        "nul",
        "com1",
        ".txt",
        ".tar",
        ".gz",
        "\u{3000}",
        "\u{301}",
        "\u{1100}",
        "\u{1161}",
        "\u{200c}",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ]);
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_is_made_is_safe_and_stays_so(name in odd_name()) {
        let made = sanitize(&name);
        prop_assert_eq!(SafeName::new(made.as_str()), Ok(made.clone()));
        prop_assert_eq!(sanitize(made.as_str()), made.clone());
        let numbered = with_number(&made, 7);
        prop_assert_eq!(SafeName::new(numbered.as_str()), Ok(numbered.clone()));
        prop_assert!(numbered.as_str().contains(" (7)"));
    }

    #[test]
    fn any_text_is_made_safe(name in ".*") {
        let made = sanitize(&name);
        prop_assert_eq!(SafeName::new(made.as_str()), Ok(made));
    }

    #[test]
    fn a_safe_name_is_one_component_of_a_path(name in odd_name()) {
        if SafeName::new(&name).is_ok() {
            let parts: Vec<_> = std::path::Path::new(&name).components().collect();
            prop_assert!(matches!(parts[..], [std::path::Component::Normal(only)] if only == name.as_str()));
        }
    }
}
