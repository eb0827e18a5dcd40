use super::{MAX_WORD, spaced, words};

#[test]
fn marks_case_and_strokes_are_folded() {
    assert_eq!(spaced("Crème BRÛLÉE, à l’été"), "creme brulee a l ete");
    assert_eq!(spaced("Łódź Ørsted Straße Æther"), "lodz orsted strasse aether");
    assert_eq!(spaced("e\u{301}te\u{301}"), "ete", "decomposed marks as well");
    assert_eq!(spaced("ﬁne ＡＢＣ１２３"), "fine abc123", "compatibility forms");
}

#[test]
fn scripts_without_spaces_are_split_by_character() {
    assert_eq!(spaced("我爱北京"), "我 爱 北 京");
    assert_eq!(spaced("東京タワー2024"), "東 京 タ ワ ー 2024");
    assert_eq!(spaced("안녕하세요"), "안 녕 하 세 요");
    assert_eq!(spaced("안녕"), "안 녕", "decomposed Hangul is composed first");
}

#[test]
fn punctuation_and_query_syntax_never_become_words() {
    assert_eq!(spaced("a\"b* OR (c) -d:e ^f {g} +h\0i"), "a b or c d e f g h i");
    assert_eq!(spaced("…!?\u{202e}\u{200b}"), "");
}

#[test]
fn joined_tells_phrases_from_neighbours() {
    let found = words("北京 东");
    let joined: Vec<bool> = found.iter().map(|w| w.joined).collect();
    assert_eq!(joined, [false, true, false]);
}

#[test]
fn a_word_without_end_is_cut() {
    let long = "x".repeat(100_000);
    let found = words(&long);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].text.len(), MAX_WORD);
}
