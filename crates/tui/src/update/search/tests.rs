use nexus_node::api::{Command, ErrorBody, ErrorCode, Place};

use super::*;
use crate::message::{Message, Rows};
use crate::update::testing::{answer, chat, commands, message, press, write};
use crate::update::update;

/// Ana has searched, and these were found; the effects of that.
fn searched(numbers: &[u64]) -> (Model, Vec<Command>) {
    let mut model = chat((80, 24), 3);
    press(&mut model, "ctrl-f");
    write(&mut model, "me");
    let found = numbers.iter().map(|n| message(*n, "ben")).collect();
    let effects =
        answer(&mut model, |p| *p == Purpose::Search { query: "me".into() }, Rows::Messages(found));
    (model, commands(&effects))
}

fn asked(commands: &[Command]) -> Vec<String> {
    let around = |c: &Command| match c {
        Command::Window { place: Place::Around(of), limit: 3, .. } => Some(of.clone()),
        _ => None,
    };
    commands.iter().filter_map(around).collect()
}

fn shown(model: &Model) -> Option<Vec<String>> {
    let Some(Window::Search(search)) = model.windows.last() else { return None };
    let text = |m: Option<&MessageView>| m.map(|m| m.text.clone()).unwrap_or_default();
    search.beside().map(|all| all.map(text).to_vec())
}

#[test]
fn what_stands_around_the_selected_result_is_asked_for_one_at_a_time() {
    let (mut model, commands) = searched(&[9, 6, 3]);
    assert_eq!(asked(&commands), [message(9, "ben").entry_id]);
    // The selection runs on before the answer is there.
    assert!(press(&mut model, "down down").is_empty());
    assert_eq!(shown(&model), None);
    let rows = Rows::Messages((8..10).map(|n| message(n, "ben")).collect());
    let effects = answer(&mut model, |p| matches!(p, Purpose::Around { .. }), rows);
    let next = asked(&crate::update::testing::commands(&effects));
    assert_eq!(next, [message(3, "ben").entry_id], "what was passed by is not asked for");
    let rows = Rows::Messages((2..5).map(|n| message(n, "ben")).collect());
    answer(&mut model, |p| matches!(p, Purpose::Around { .. }), rows);
    assert_eq!(shown(&model).unwrap(), ["message 2", "message 3", "message 4"]);
    write(&mut model, "s");
    assert_eq!(shown(&model), None, "it is of no other result");
}

#[test]
fn a_result_that_is_gone_is_no_error_and_is_not_asked_for_again() {
    let (mut model, _) = searched(&[9]);
    let (serial, pending) =
        model.pending.iter().find(|(_, p)| matches!(p.purpose, Purpose::Around { .. })).unwrap();
    let (serial, purpose) = (*serial, pending.purpose.clone());
    let result = Err(ErrorBody::new(ErrorCode::Failed, "gone", "search again"));
    let effects = update(&mut model, Message::Answer { serial, purpose, result });
    assert!(asked(&commands(&effects)).is_empty() && model.toast.is_none());
    assert_eq!(shown(&model).unwrap(), ["", "", ""]);
}

#[test]
fn nothing_found_asks_for_nothing() {
    let (_, commands) = searched(&[]);
    assert!(asked(&commands).is_empty());
}
