//! A query as typed: parsed into terms that all must be in a text.

use super::words::{Word, words};

/// Letters from which on a word of a query also stands for words that begin with it.
pub(crate) const PREFIX_LETTERS: usize = 3;
/// Terms looked at; what is typed beyond is ignored.
pub(crate) const MAX_TERMS: usize = 16;

/// One thing a text must contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    /// Words next to each other.
    pub(crate) words: Vec<String>,
    /// The last word may go on.
    pub(crate) prefix: bool,
}

/// Which of the gathered terms the index is asked for as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whole {
    /// Only what it has lists for.
    None,
    /// The term of this index.
    One(usize),
    /// All.
    All,
}

impl Whole {
    fn includes(&self, term: usize) -> bool {
        match self {
            Self::None => false,
            Self::One(one) => *one == term,
            Self::All => true,
        }
    }
}

/// What to look for. All terms must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) terms: Vec<Term>,
}

impl Query {
    /// Takes any text: nothing in it is syntax.
    pub(crate) fn parse(text: &str) -> Self {
        let mut terms: Vec<Term> = Vec::new();
        let mut last: Option<Word> = None;
        for word in words(text) {
            let phrase = word.joined && word.alone && last.as_ref().is_some_and(|l| l.alone);
            let full = terms.len() == MAX_TERMS;
            match terms.last_mut() {
                Some(term) if phrase => term.words.push(word.text.clone()),
                _ if full => break,
                _ => terms.push(Term {
                    prefix: !word.alone && word.text.chars().count() >= PREFIX_LETTERS,
                    words: vec![word.text.clone()],
                }),
            }
            last = Some(word);
        }
        Self { terms }
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Indices of the terms for which the index would gather messages rather than walk along a list: it has one for each
    /// word, and for each first [`PREFIX_LETTERS`] letters.
    pub(crate) fn gathered(&self) -> impl Iterator<Item = usize> {
        self.terms.iter().enumerate().filter(|(_, term)| term.gathers()).map(|(i, _)| i)
    }

    /// As a query of FTS5 on the columns `text` and `conversation`. Words hold letters and digits only, and are quoted.
    /// Of terms that are gathered and not `whole`, only the first letters are asked for, which finds more.
    pub(crate) fn fts(&self, conversation: Option<&str>, whole: &Whole) -> String {
        let mut out = String::from("text : (");
        for (i, term) in self.terms.iter().enumerate() {
            if i > 0 {
                out.push_str(" AND ");
            }
            let words = term.words.join(" ");
            let short = term.gathers() && !whole.includes(i);
            out.push('"');
            out.extend(words.chars().take(if short { PREFIX_LETTERS } else { usize::MAX }));
            out.push('"');
            if term.prefix {
                out.push('*');
            }
        }
        out.push(')');
        if let Some(token) = conversation {
            out.push_str(" AND conversation : \"");
            out.push_str(token);
            out.push('"');
        }
        out
    }

    /// About `length` characters of `text` around the first place where a term of the query stands.
    pub(crate) fn snippet(&self, text: &str, length: usize) -> String {
        let count = text.chars().count();
        if count <= length {
            return text.to_owned();
        }
        let at = self.place(text).unwrap_or(0);
        let start = at.saturating_sub(length / 3).min(count - length);
        let mut out = String::new();
        if start > 0 {
            out.push('…');
        }
        out.extend(text.chars().skip(start).take(length));
        if start + length < count {
            out.push('…');
        }
        out
    }

    /// Number of the character at which the first term that is found begins.
    fn place(&self, text: &str) -> Option<usize> {
        // Folding changes lengths, so the place is looked for by halves: the shortest beginning that still has it.
        let term = self.terms.iter().find(|t| t.found_in(&words(text)).is_some())?;
        let ends: Vec<usize> = text.char_indices().map(|(i, c)| i + c.len_utf8()).collect();
        let fits = |end: &usize| {
            text.get(..*end).is_some_and(|part| term.found_in(&words(part)).is_some())
        };
        Some(ends.partition_point(|end| !fits(end)))
    }

    /// Whether `text` (not folded) has it all.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if text.is_ascii() && !self.terms.iter().all(|term| term.may_be_in(text)) {
            return false;
        }
        let words = words(text);
        self.terms.iter().all(|term| term.found_in(&words).is_some())
    }

    /// Whether the term of this index is likely not to be in `text` (not folded).
    pub(crate) fn lacks(&self, term: usize, text: &str) -> bool {
        self.terms.get(term).is_some_and(|term| match text.is_ascii() {
            true => !term.may_be_in(text),
            false => term.found_in(&words(text)).is_none(),
        })
    }
}

impl Term {
    /// Whether the index has no list for it. A beginning is always one word.
    fn gathers(&self) -> bool {
        let last = self.words.last();
        self.prefix && last.is_some_and(|word| word.chars().count() > PREFIX_LETTERS)
    }

    /// `false` when an ASCII text can't have it: cheap, as most texts have nothing of what is looked for. A word of it
    /// is cut where it is long, so only the beginning of a word counts.
    fn may_be_in(&self, text: &str) -> bool {
        self.words.iter().all(|word| {
            let (Some(first), length) = (word.bytes().next(), word.len()) else { return true };
            let other = first.to_ascii_uppercase();
            text.as_bytes().windows(length).any(|part| {
                part.first().is_some_and(|byte| *byte == first || *byte == other)
                    && part.eq_ignore_ascii_case(word.as_bytes())
            })
        })
    }

    /// Index of the first of the words that match.
    fn found_in(&self, text: &[Word]) -> Option<usize> {
        text.windows(self.words.len()).position(|window| {
            let mut pairs = window.iter().zip(&self.words).peekable();
            while let Some((have, want)) = pairs.next() {
                let last = pairs.peek().is_none();
                let fits = if last && self.prefix {
                    have.text.starts_with(want.as_str())
                } else {
                    have.text == *want
                };
                if !fits {
                    return false;
                }
            }
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_TERMS, Query, Whole};

    #[test]
    fn query_syntax_is_only_text() {
        let query = Query::parse("NEAR(a b) OR \"c* -d\" text:e ^f");
        assert_eq!(
            query.fts(None, &Whole::All),
            "text : (\"near\"* AND \"a\" AND \"b\" AND \"or\" AND \"c\" AND \"d\" AND \"text\"* AND \"e\" AND \"f\")"
        );
    }

    #[test]
    fn what_would_be_gathered_is_asked_by_its_first_letters() {
        let query = Query::parse("Éclairs abc of 北京 messages");
        assert_eq!(query.gathered().collect::<Vec<_>>(), [0, 4]);
        let rest = "AND \"abc\"* AND \"of\" AND \"北 京\" AND";
        let asked = |whole| query.fts(None, &whole);
        assert_eq!(asked(Whole::None), format!("text : (\"ecl\"* {rest} \"mes\"*)"));
        assert_eq!(asked(Whole::One(4)), format!("text : (\"ecl\"* {rest} \"messages\"*)"));
        assert_eq!(asked(Whole::All), format!("text : (\"eclairs\"* {rest} \"messages\"*)"));
    }

    #[test]
    fn scripts_without_spaces_become_phrases() {
        assert_eq!(
            Query::parse("北京 abc").fts(Some("c1"), &Whole::All),
            "text : (\"北 京\" AND \"abc\"*) AND conversation : \"c1\""
        );
        assert!(Query::parse("北京").matches("我爱北京天安门"));
        assert!(!Query::parse("北京").matches("北 bei 京"));
        assert!(!Query::parse("京北").matches("我爱北京"));
    }

    #[test]
    fn prefixes_count_from_three_letters() {
        assert!(Query::parse("mess").matches("two messages"));
        assert!(!Query::parse("me").matches("two messages"));
        assert!(Query::parse("me").matches("give ME two"));
    }

    #[test]
    fn ascii_texts_are_passed_over_only_when_they_have_no_such_word() {
        let long = "x".repeat(100);
        for (query, text) in
            [("ABC", "xyz aBc"), ("mess up", "UP, Messages"), (&long, &long), ("a1", "(a1)")]
        {
            assert!(Query::parse(query).matches(text), "{query} in {text}");
        }
        assert!(!Query::parse("abc").matches("ab c"));
        assert!(!Query::parse("étude").matches("etudes".get(..3).unwrap_or_default()));
        assert!(Query::parse("étude").matches("Etudes"));
    }

    #[test]
    fn nothing_to_look_for_is_empty() {
        assert!(Query::parse(" \"*()-: ").is_empty());
    }

    #[test]
    fn terms_are_bounded() {
        let query = Query::parse(&"word ".repeat(1000));
        assert_eq!(query.terms.len(), MAX_TERMS);
    }
}
