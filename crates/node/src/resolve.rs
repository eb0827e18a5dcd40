//! From what a person typed to whom it means: ConnectID, unique prefix of one, local name, nearby name.

use nexus_identity::ConnectId;

use crate::api::{ErrorBody, ErrorCode};
use crate::error::Answered;

/// Fewest characters of a prefix of a ConnectID or an entry id.
pub(crate) const MIN_PREFIX: usize = 6;
/// What every ConnectID begins with.
const HEAD: &str = "nx1q";

/// Somebody who may be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Who.
    pub id: ConnectId,
    /// The name this person goes by here; may be empty.
    pub name: String,
}

/// Whom `who` means among `candidates`; a whole ConnectID means itself, known or not.
///
/// # Errors
/// `bad_connect_id` for a mistyped ConnectID, `ambiguous` with the candidates, `not_found`.
pub(crate) fn resolve(who: &str, candidates: &[Candidate]) -> Answered<ConnectId> {
    let who = who.trim();
    let lower = who.to_lowercase();
    if looks_like_id(&lower) {
        return who.parse().map_err(|e| bad_connect_id(&e));
    }
    let mut by_name = pick(candidates, |c| c.name == who);
    if by_name.is_empty() {
        by_name = pick(candidates, |c| !c.name.is_empty() && c.name.to_lowercase() == lower);
    }
    let found = if by_name.is_empty() && lower.len() >= MIN_PREFIX {
        pick(candidates, |c| {
            let text = c.id.to_string();
            text.starts_with(&lower)
                || text.strip_prefix(HEAD).is_some_and(|data| data.starts_with(&lower))
        })
    } else {
        by_name
    };
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => Err(not_found(who)),
        several => Err(ambiguous(who, several)),
    }
}

/// A text that is meant to be a whole ConnectID, perhaps with a typo or a letter too few or too many.
fn looks_like_id(lower: &str) -> bool {
    lower.starts_with("nx1") && lower.len() >= 50 && !lower.contains(char::is_whitespace)
}

fn pick(candidates: &[Candidate], wanted: impl Fn(&Candidate) -> bool) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for candidate in candidates.iter().filter(|c| wanted(c)) {
        if found.iter().all(|known| known.id != candidate.id) {
            found.push(candidate.clone());
        }
    }
    found
}

fn bad_connect_id(why: &impl std::fmt::Display) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::BadConnectId,
        format!("this ConnectID is mistyped: {why}"),
        "copy it again whole: it begins with nx1q and has 62 characters",
    )
}

fn not_found(who: &str) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::NotFound,
        format!("there is nobody called {who:?} here"),
        "see `nexus contact list`, `nexus contact requests` and `nexus nearby`, or give the whole ConnectID",
    )
}

fn ambiguous(who: &str, several: &[Candidate]) -> ErrorBody {
    let list: Vec<String> =
        several.iter().map(|c| format!("{} {}", c.id.short(), c.name)).collect();
    ErrorBody::new(
        ErrorCode::Ambiguous,
        format!("{who:?} may be any of: {}", list.join(", ")),
        "give more characters of the ConnectID",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(byte: u8, name: &str) -> Candidate {
        Candidate { id: ConnectId::from_bytes([byte; 32]), name: name.to_owned() }
    }

    #[test]
    fn names_win_over_prefixes_and_case_matters_only_to_tell_apart() {
        let all = [one(1, "Ana"), one(2, "ana"), one(3, "Bob")];
        assert_eq!(resolve("ana", &all).unwrap(), all[1].id);
        assert_eq!(resolve("BOB", &all).unwrap(), all[2].id);
        assert_eq!(resolve("ANA", &all).unwrap_err().code, ErrorCode::Ambiguous);
        assert_eq!(resolve("Carl", &all).unwrap_err().code, ErrorCode::NotFound);
    }

    #[test]
    fn a_prefix_needs_six_characters_and_may_leave_out_the_head() {
        let all = [one(1, "Ana"), one(200, "Bob")];
        let text = all[1].id.to_string();
        assert_eq!(resolve(&text[..8], &all).unwrap(), all[1].id);
        assert_eq!(resolve(&text[4..10], &all).unwrap(), all[1].id);
        assert_eq!(resolve(&text[4..9], &all).unwrap_err().code, ErrorCode::NotFound);
    }

    #[test]
    fn equal_names_list_the_candidates() {
        let all = [one(1, "Ana"), one(2, "Ana"), one(1, "Ana")];
        let error = resolve("Ana", &all).unwrap_err();
        assert_eq!(error.code, ErrorCode::Ambiguous);
        assert!(
            error.message.contains(&all[0].id.short())
                && error.message.contains(&all[1].id.short())
        );
    }

    #[test]
    fn a_mistyped_connect_id_is_named_as_such() {
        let id = ConnectId::from_bytes([7; 32]);
        assert_eq!(resolve(&id.to_string(), &[]).unwrap(), id);
        let mut typo = id.to_string();
        typo.replace_range(20..21, if &typo[20..21] == "q" { "p" } else { "q" });
        assert_eq!(resolve(&typo, &[]).unwrap_err().code, ErrorCode::BadConnectId);
    }
}
