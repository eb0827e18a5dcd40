//! From what a person typed to whom it means: ConnectID, unique prefix of one, local name, nearby name.
//!
//! Names that others chose are claims: none of them takes a word away from somebody else whom it may mean.

use nexus_identity::ConnectId;
use nexus_storage::contacts::{ContactRow, ContactState};

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
    /// Whether I gave that name.
    pub mine: bool,
}

/// Whom a command is about: they are meant first, others only when none of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Those whom I asked, accepted or blocked.
    Contacts,
    /// Those who ask me.
    Requests,
    /// Everybody alike.
    Everybody,
}

impl About {
    fn is_about(self, state: ContactState) -> bool {
        match self {
            Self::Contacts => !matches!(state, ContactState::Incoming | ContactState::Removed),
            Self::Requests => state == ContactState::Incoming,
            Self::Everybody => true,
        }
    }
}

/// Whom `who` means of those known here, in a command about some of them; `more` are others who may be meant.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn resolve_about(
    who: &str,
    about: About,
    known: &[ContactRow],
    more: Vec<Candidate>,
) -> Answered<ConnectId> {
    let (meant, others): (Vec<_>, Vec<_>) = known.iter().partition(|c| about.is_about(c.state));
    let mut meant: Vec<Candidate> = meant.into_iter().map(Candidate::of).collect();
    let mut others: Vec<Candidate> = others.into_iter().map(Candidate::of).collect();
    // Only who is unknown here goes by the name of a beacon.
    others.extend(more.into_iter().filter(|m| known.iter().all(|k| k.connect_id != m.id)));
    // Of the others only the ConnectIDs count at first: nobody can choose one that is in use.
    let nameless = others.iter().map(|c| Candidate { name: String::new(), ..c.clone() });
    let first: Vec<Candidate> = meant.iter().cloned().chain(nameless).collect();
    match resolve(who, &first) {
        Err(e) if e.code == ErrorCode::NotFound => {
            meant.append(&mut others);
            resolve(who, &meant)
        }
        other => other,
    }
}

impl Candidate {
    fn of(contact: &ContactRow) -> Self {
        Self {
            id: contact.connect_id,
            name: contact.name().to_owned(),
            mine: !contact.local_name.is_empty(),
        }
    }
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
    // What begins like a ConnectID is one, whatever somebody calls themselves.
    let by_name = |c: &Candidate| {
        !lower.starts_with(HEAD) && !c.name.is_empty() && c.name.to_lowercase() == lower
    };
    let by_prefix = |c: &Candidate| {
        let text = c.id.to_string();
        lower.len() >= MIN_PREFIX
            && (text.starts_with(&lower)
                || text.strip_prefix(HEAD).is_some_and(|data| data.starts_with(&lower)))
    };
    let mut found = pick(candidates, |c| by_name(c) || by_prefix(c));
    // Upper and lower case tell only names apart that I gave myself.
    if found.iter().all(|c| c.mine && by_name(c)) && found.iter().any(|c| c.name == who) {
        found.retain(|c| c.name == who);
    }
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
        Candidate { id: ConnectId::from_bytes([byte; 32]), name: name.to_owned(), mine: false }
    }

    fn mine(byte: u8, name: &str) -> Candidate {
        Candidate { mine: true, ..one(byte, name) }
    }

    fn row(byte: u8, name: &str, state: ContactState) -> ContactRow {
        let id = ConnectId::from_bytes([byte; 32]);
        let row = ContactRow::new(id, state, nexus_identity::Millis(1));
        ContactRow { card_name: name.to_owned(), ..row }
    }

    #[test]
    fn case_tells_names_apart_that_i_gave_and_no_others() {
        let all = [mine(1, "Ana"), mine(2, "ana"), one(3, "Bob")];
        assert_eq!(resolve("ana", &all).unwrap(), all[1].id);
        assert_eq!(resolve("BOB", &all).unwrap(), all[2].id);
        assert_eq!(resolve("ANA", &all).unwrap_err().code, ErrorCode::Ambiguous);
        assert_eq!(resolve("Carl", &all).unwrap_err().code, ErrorCode::NotFound);
        // A contact who calls herself "ben" gets nothing that is meant for Ben.
        for ben in [one(1, "Ben"), mine(1, "Ben")] {
            let all = [ben, one(2, "ben")];
            assert_eq!(resolve("ben", &all).unwrap_err().code, ErrorCode::Ambiguous);
        }
    }

    #[test]
    fn a_name_of_mine_stays_and_an_earlier_one_of_theirs_finds_nobody() {
        let about = |who: &str, row: &ContactRow| {
            resolve_about(who, About::Contacts, std::slice::from_ref(row), vec![])
        };
        let renamed = row(1, "Benny", ContactState::Accepted);
        assert_eq!(about("Benny", &renamed).unwrap(), renamed.connect_id);
        assert_eq!(about("Ben", &renamed).unwrap_err().code, ErrorCode::NotFound);
        let given = ContactRow { local_name: "Ben".to_owned(), ..renamed };
        assert_eq!(about("Ben", &given).unwrap(), given.connect_id);
        assert_eq!(about("Benny", &given).unwrap_err().code, ErrorCode::NotFound);
    }

    #[test]
    fn a_name_takes_no_connect_id_away() {
        let bob = one(200, "Bob");
        let (short, bare) = (bob.id.short(), bob.id.to_string()[4..12].to_owned());
        for name in [format!("nx1q{short}"), short.clone(), bare.clone()] {
            let all = [bob.clone(), one(1, &name)];
            assert_eq!(resolve(&format!("nx1q{bare}"), &all).unwrap(), bob.id, "{name}");
        }
        let all = [bob, one(1, &bare)];
        assert_eq!(resolve(&bare, &all).unwrap_err().code, ErrorCode::Ambiguous);
        let alone = resolve(&format!("nx1q{bare}"), &[one(1, &format!("nx1q{bare}"))]);
        assert_eq!(alone.unwrap_err().code, ErrorCode::NotFound);
    }

    #[test]
    fn strangers_and_those_nearby_are_meant_only_when_nobody_is_whom_the_command_is_about() {
        use About::{Contacts, Everybody, Requests};
        let known = [
            row(1, "Ben", ContactState::Accepted),
            row(2, "ben", ContactState::Incoming),
            row(3, "Ben", ContactState::Removed),
        ];
        let nearby = || vec![one(4, "Ben"), one(5, "Cy"), one(1, "Cy")];
        let named = |who: &str, about| resolve_about(who, about, &known, nearby());
        assert_eq!(named("ben", Contacts).unwrap(), known[0].connect_id);
        assert_eq!(named("ben", Requests).unwrap(), known[1].connect_id);
        assert_eq!(named("ben", Everybody).unwrap_err().code, ErrorCode::Ambiguous);
        assert_eq!(named("cy", Contacts).unwrap(), one(5, "").id);
        let stranger = known[1].connect_id.to_string();
        assert_eq!(named(&stranger[..12], Contacts).unwrap(), known[1].connect_id);
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
