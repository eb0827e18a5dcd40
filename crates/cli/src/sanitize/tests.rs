use proptest::prelude::*;

use super::*;

#[test]
fn markup_of_a_peer_is_only_text() {
    assert_eq!(html("<img src=x onerror='a'>"), "&lt;img src=x onerror=&#39;a&#39;&gt;");
    assert_eq!(markdown("![x](http://y) <b>"), r"\!\[x\]\(http\:\/\/y\) &lt;b&gt;");
}

#[test]
fn ordinary_text_stays_as_it_is_in_a_page() {
    for text in ["Grüße — naïve café", "שלום עולם", "日本語のテキスト"] {
        assert_eq!(html(text), text);
    }
}

proptest! {
    #[test]
    fn no_markup_survives(text in any::<String>()) {
        prop_assert!(!html(&text).contains('<'));
        prop_assert!(!markdown(&text).contains('<'));
        prop_assert!(!html(&text).contains(char::from(0x1b)));
    }
}
