//! Links in texts of others: found, told what is odd about them, and never opened without being asked for.

use crate::sanitize;

/// What may be opened. Everything else could start a program with an argument of a stranger's choosing.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];
/// Longest link in bytes; nobody can look over a longer one.
pub const MAX_LINK: usize = 2_048;
/// Links of one message at most.
pub const MAX_LINKS: usize = 30;

/// The links of a text, each once, in order.
#[must_use]
pub fn find(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text.split(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '“' | '”' | '«' | '»')
    }) {
        let Some(link) = beginning(word).map(trimmed) else { continue };
        if is_allowed(link) && !found.iter().any(|f| f == link) {
            found.push(link.to_owned());
        }
        if found.len() >= MAX_LINKS {
            break;
        }
    }
    found
}

/// Whether a link may be opened: of a kind that is known, not too long, and with nothing in it that can't be seen.
#[must_use]
pub fn is_allowed(link: &str) -> bool {
    let rest = SCHEMES.iter().find_map(|scheme| after(link, scheme));
    let visible = |c: char| !sanitize::is_unsafe(c) && !c.is_whitespace();
    link.len() <= MAX_LINK && rest.is_some_and(|r| !r.is_empty()) && link.chars().all(visible)
}

fn after<'a>(link: &'a str, scheme: &str) -> Option<&'a str> {
    let head = link.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then(|| link.get(scheme.len()..)).flatten()
}

/// From where a scheme begins; a letter before it means that it is part of something else.
fn beginning(word: &str) -> Option<&str> {
    let mut before = ' ';
    for (at, c) in word.char_indices() {
        let rest = word.get(at..)?;
        if !before.is_alphanumeric() && SCHEMES.iter().any(|s| after(rest, s).is_some()) {
            return Some(rest);
        }
        before = c;
    }
    None
}

/// Without what ends the sentence, or the bracket that was opened before the link.
fn trimmed(mut link: &str) -> &str {
    // Counted once: a message may be nothing but brackets.
    let mut closes = [('(', ')'), ('[', ']'), ('{', '}')]
        .map(|(open, close)| (close, link.matches(open).count(), link.matches(close).count()));
    while let Some(last) = link.chars().next_back() {
        let bracket = closes.iter_mut().find(|(close, ..)| *close == last);
        let goes = match (bracket, last) {
            (Some((_, open, close)), _) if *close > *open => {
                *close -= 1;
                true
            }
            (None, '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '…') => true,
            _ => false,
        };
        if !goes {
            break;
        }
        link = link.get(..link.len() - last.len_utf8()).unwrap_or_default();
    }
    link
}

/// What a person should know before opening a link.
#[must_use]
pub fn warnings(link: &str) -> Vec<&'static str> {
    if let Some(rest) = after(link, "mailto:") {
        return mail(rest);
    }
    let web = SCHEMES.iter().take(2).find_map(|scheme| after(link, scheme));
    let Some(rest) = web else { return Vec::new() };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let mut all = Vec::new();
    if authority.contains('@') {
        all.push("The place it leads to is named after the @; what stands before it is no place.");
    }
    if !authority.is_ascii() || authority.to_ascii_lowercase().contains("xn--") {
        all.push(
            "The name has letters that may look like others: it may not be the place it seems.",
        );
    }
    if after(link, "http://").is_some() {
        all.push("It is not encrypted: whoever is on the way can read and change what comes.");
    }
    all
}

/// What a person should know before a mail is begun by a link.
fn mail(rest: &str) -> Vec<&'static str> {
    let mut all = vec!["It begins a mail in your mail program; nothing is sent until you send it."];
    let (to, fields) = rest.split_once('?').unwrap_or((rest, ""));
    // Letters may be written as numbers: what stands there cannot be read over.
    let hidden = |text: &str| text.contains('%');
    let name = |field: &str| field.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let fields: Vec<&str> = fields.split(['&', ';']).filter(|f| !f.is_empty()).collect();
    if fields.iter().any(|f| name(f).starts_with("attach") || hidden(&name(f))) {
        all.push("It may attach a file of yours to that mail: look at what is attached before you send it.");
    }
    if fields.iter().any(|f| matches!(name(f).as_str(), "to" | "cc" | "bcc"))
        || to.contains(',')
        || hidden(to)
    {
        all.push("It goes to more people than the first one: look at all addresses.");
    }
    if !fields.is_empty() {
        all.push("It fills in words that somebody else wrote: read them before you send it.");
    }
    if !rest.is_ascii() || to.to_ascii_lowercase().contains("xn--") {
        all.push("It has letters that may look like others: it may not go to whom it seems.");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_without_the_sentence_around_them() {
        for (text, links) in [
            ("see https://a.example/x.", &["https://a.example/x"][..]),
            ("(https://a.example/x_(y))", &["https://a.example/x_(y)"]),
            (
                "<mailto:ana@a.example>, HTTP://b.example!",
                &["mailto:ana@a.example", "HTTP://b.example"],
            ),
            ("https://a.example https://a.example", &["https://a.example"]),
            ("nothttps://a.example", &[]),
            ("https:// file:///etc/passwd javascript:alert(1) ssh://x", &[]),
            ("https://a.example/[x](y))]).!", &["https://a.example/[x](y)"]),
            ("“https://a.example/ü”", &["https://a.example/ü"]),
        ] {
            assert_eq!(find(text), links, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_seen_or_looked_over_is_no_link() {
        assert!(!is_allowed("https://a.example/\u{202e}gpj.exe"));
        assert!(!is_allowed("https://a.example/\u{1b}[2J"));
        assert!(!is_allowed("-https://a.example"));
        assert!(!is_allowed(&format!("https://a.example/{}", "x".repeat(MAX_LINK))));
        let many: String = (0..100).map(|n| format!("https://a.example/{n} ")).collect();
        assert_eq!(find(&many).len(), MAX_LINKS);
    }

    #[test]
    fn what_is_odd_about_a_link_is_told() {
        assert!(warnings("https://a.example/?q=@").is_empty());
        assert_eq!(warnings("https://bank.example@evil.example/").len(), 1);
        assert_eq!(warnings("http://b\u{e4}nk.example/").len(), 2);
    }

    #[test]
    fn what_a_mail_link_does_is_told() {
        for (link, count, words) in [
            ("mailto:ana@a.example", 1, "begins a mail"),
            ("MAILTO:ana@a.example?subject=hi", 2, "fills in words"),
            ("mailto:ana@a.example?Attach=/etc/passwd", 3, "attach a file"),
            ("mailto:ana@a.example?%61ttach=/etc/passwd", 3, "attach a file"),
            ("mailto:ana@a.example?body=x&bcc=eve@b.example", 3, "more people"),
            ("mailto:ana@a.example,eve@b.example", 2, "more people"),
            ("mailto:ana@a.example%2Ceve@b.example", 2, "more people"),
            ("mailto:ana@\u{430}.example", 2, "look like others"),
        ] {
            let all = warnings(link);
            assert_eq!(all.len(), count, "{link}: {all:?}");
            assert!(all.iter().any(|w| w.contains(words)), "{link}: {all:?}");
        }
    }
}
