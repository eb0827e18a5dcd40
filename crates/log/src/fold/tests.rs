use proptest::prelude::*;

use nexus_identity::kdf::Secret32;

use super::*;
use crate::body::{FileKind, FileSecret};
use crate::hlc::Hlc;
use crate::ids::LogKey;

fn who(n: u8) -> ConnectId {
    ConnectId::from_bytes([n; 32])
}

fn position(hlc: u64, n: u8) -> Position {
    let hash = EntryHash::from_bytes([n; 32]);
    Position { hlc: Hlc(hlc), log: LogKey::from_bytes([1; 32]), seq: u64::from(n), hash }
}

fn base(text: &str) -> Base {
    Base {
        position: position(5, 200),
        author: who(1),
        sent: Millis(0),
        shown: Shown::Text,
        text: text.into(),
        expires: None,
        far: false,
    }
}

fn operation(hlc: u64, n: u8, author: u8, action: Action) -> Operation {
    let target = base("").position.hash;
    Operation { position: position(hlc, n), author: who(author), target, action, expires: None }
}

#[test]
fn the_last_edit_by_the_author_wins_and_others_count_for_nothing() {
    let operations = [
        operation(9, 1, 1, Action::Edit("late".into())),
        operation(7, 2, 1, Action::Edit("early".into())),
        operation(11, 3, 2, Action::Edit("forged".into())),
    ];
    let state = fold_message(&base("first"), &operations);
    assert_eq!((state.text.as_str(), state.edited), ("late", true));
}

#[test]
fn a_retraction_is_final_even_before_a_later_edit() {
    let operations = [
        operation(7, 1, 1, Action::Retract),
        operation(9, 2, 1, Action::Edit("back".into())),
        operation(9, 3, 2, Action::React("👍".into())),
    ];
    let message = Message::new(base("secret"), &operations);
    assert_eq!(message.state, MessageState { retracted: true, ..MessageState::default() });
    assert_eq!(message.base.text, "");
    let forged = [operation(7, 1, 2, Action::Retract)];
    assert!(!fold_message(&base("mine"), &forged).retracted);
}

#[test]
fn each_person_has_one_reaction_and_may_take_it_back() {
    let operations = [
        operation(7, 1, 2, Action::React("👍".into())),
        operation(8, 2, 2, Action::React("🎉".into())),
        operation(7, 3, 3, Action::React("👍".into())),
        operation(9, 4, 3, Action::React(String::new())),
    ];
    let state = fold_message(&base("x"), &operations);
    assert_eq!(state.reactions, [Reaction { who: who(2), emoji: "🎉".into() }]);
}

#[test]
fn what_cannot_be_read_and_what_has_no_text_is_not_edited() {
    let edit = [
        operation(7, 1, 1, Action::Edit("x".into())),
        operation(8, 2, 2, Action::React("👍".into())),
    ];
    let unreadable = Base { shown: Shown::Unreadable(Unreadable::NoKey), ..base("") };
    assert_eq!(fold_message(&unreadable, &edit), MessageState::default());
    let timer = Base { shown: Shown::Timer(Some(5)), ..base("") };
    let state = fold_message(&timer, &edit);
    assert_eq!((state.edited, state.text.as_str(), state.reactions.len()), (false, "", 1));
}

#[test]
fn operations_on_something_else_are_ignored() {
    let mut other = operation(7, 1, 1, Action::Retract);
    other.target = EntryHash::from_bytes([77; 32]);
    assert!(!fold_message(&base("x"), &[other]).retracted);
}

fn any_operation() -> impl Strategy<Value = (u64, u8, Action)> {
    let action = prop_oneof![
        3 => "[a-c]{1,2}".prop_map(Action::Edit),
        1 => Just(Action::Retract),
        3 => "[xy]{0,1}".prop_map(Action::React),
    ];
    (0..6_u64, 1..4_u8, action)
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(
        operations in prop::collection::vec(any_operation(), 0..8),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut operations: Vec<_> = operations
            .into_iter()
            .zip(0_u8..)
            .map(|((hlc, author, action), n)| operation(hlc, n, author, action))
            .collect();
        let expected = fold_message(&base("start"), &operations);
        if !operations.is_empty() {
            let by = seed.index(operations.len());
            operations.rotate_left(by);
            prop_assert_eq!(&fold_message(&base("start"), &operations), &expected);
            operations.reverse();
        }
        prop_assert_eq!(fold_message(&base("start"), &operations), expected);
    }
}

fn offer() -> Base {
    let offer = FileOffer {
        name: "plan.pdf".into(),
        size: 9,
        kind: FileKind::File,
        secret: FileSecret::new(Secret32::new([3; 32])),
        root: Some([4; 32]),
        manifest: 0,
        files: 1,
        media_type: None,
        mtime: None,
        executable: false,
    };
    Base { shown: Shown::File(Box::new(offer)), ..base("plan.pdf") }
}

#[test]
fn the_author_says_what_a_file_is_and_each_person_what_became_of_it() {
    let root = |byte: u8| Action::Root(FileRoot { content: [byte; 32], sealed: None });
    let operations = [
        operation(9, 1, 1, root(7)),
        operation(11, 2, 2, root(8)),
        operation(8, 3, 1, root(6)),
        operation(9, 4, 2, Action::Answer(Answer::Declined)),
        operation(10, 5, 2, Action::Answer(Answer::Done)),
        operation(12, 6, 2, Action::Answer(Answer::Withdrawn)),
        operation(12, 7, 1, Action::Answer(Answer::Withdrawn)),
    ];
    let state = fold_message(&offer(), &operations);
    assert_eq!(state.root.unwrap().content, [7; 32]);
    assert_eq!(state.answers, [(who(1), Answer::Withdrawn), (who(2), Answer::Done)]);
    assert_eq!(fold_message(&offer(), &[]).root.unwrap().content, [4; 32]);
    let text = fold_message(&base("no file"), &operations);
    assert_eq!((text.root, text.answers), (None, Vec::new()));
}

#[test]
fn an_offer_that_was_taken_back_is_forgotten_with_its_secret() {
    let message = Message::new(offer(), &[operation(9, 1, 1, Action::Retract)]);
    let Shown::File(left) = &message.base.shown else { panic!("{message:?}") };
    assert_eq!((left.name.as_str(), left.root), ("", None));
    assert_eq!(left.secret, FileSecret::new(Secret32::new([0; 32])));
}
