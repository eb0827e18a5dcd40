use nexus_node::api::{Command, ConversationView, ErrorBody, ErrorCode, Event, EventView};

use super::*;
use crate::message::{Message, Rows};
use crate::model::chat::Writing;
use crate::model::composer::MOST;
use crate::model::unsaved::unsaved;
use crate::update::compose::MAX_FIELD;
use crate::update::testing::{
    answer, chat, commands, conversation, later, message, press, refuse, write,
};
use crate::update::update;

const SIZE: (u16, u16) = (80, 24);

fn keeps(purpose: &Purpose) -> bool {
    matches!(purpose, Purpose::Keep { .. })
}

fn draft(text: &str) -> Command {
    Command::Draft { conversation: "c-ben".into(), text: Some(text.into()) }
}

#[test]
fn a_draft_counts_as_kept_once_the_node_says_so_and_is_offered_again_when_it_refused() {
    let mut model = chat(SIZE, 3);
    write(&mut model, "a thought");
    assert_eq!(commands(&later(&mut model, 800)), [draft("a thought")]);
    assert_eq!(unsaved(&model).len(), 1, "nobody said that it is kept");
    write(&mut model, "!");
    assert!(commands(&later(&mut model, 800)).is_empty(), "one at a time");
    refuse(&mut model, keeps);
    assert!(model.toast.as_ref().unwrap().text.contains("disk is full"));
    assert!(commands(&later(&mut model, 800)).is_empty(), "not at once for ever");
    assert_eq!(commands(&later(&mut model, 5_000)), [draft("a thought!")]);
    answer(&mut model, keeps, Rows::Other);
    assert_eq!(unsaved(&model), []);
    // At the end it is offered again, however short ago it was refused.
    write(&mut model, "?");
    later(&mut model, 800);
    refuse(&mut model, keeps);
    assert_eq!(commands(&press(&mut model, "ctrl-q")), [draft("a thought!?")]);
    refuse(&mut model, keeps);
    assert_eq!(unsaved(&model)[0].text, "a thought!?");
}

#[test]
fn what_is_on_its_way_at_the_end_is_known_whether_the_node_is_there_or_gone() {
    let mut model = chat(SIZE, 4);
    write(&mut model, "hello");
    press(&mut model, "enter up e");
    write(&mut model, "!");
    press(&mut model, "enter");
    write(&mut model, "more");
    press(&mut model, "ctrl-q");
    let texts = |model: &Model| unsaved(model).into_iter().map(|u| u.text).collect::<Vec<_>>();
    assert_eq!(texts(&model), ["hello", "message 3!", "more"]);
    let gone = ErrorBody::new(ErrorCode::Unreachable, "the node has ended", "start again");
    update(&mut model, Message::Detached(gone));
    assert_eq!(texts(&model), ["hello", "message 3!", "more"]);
}

#[test]
fn a_refused_edit_comes_back_to_be_sent_again() {
    let mut model = chat(SIZE, 4);
    write(&mut model, "a draft");
    // Not even a moment passes before the edit begins.
    press(&mut model, "up e");
    write(&mut model, "!");
    press(&mut model, "enter");
    assert_eq!(model.chat().unwrap().composer.text(), "a draft");
    press(&mut model, "ctrl-u");
    refuse(&mut model, |p| matches!(p, Purpose::Edit { .. }));
    let back = model.chat().unwrap();
    assert_eq!(back.composer.text(), "message 3!");
    assert_eq!(back.writing, Writing::Edit(message(3, "me").entry_id));
    let effects = press(&mut model, "enter");
    assert!(commands(&effects).iter().any(|c| matches!(c, Command::Edit { .. })));
    // Where something else is written meanwhile, it comes after that.
    write(&mut model, "other");
    refuse(&mut model, |p| matches!(p, Purpose::Edit { .. }));
    assert_eq!(model.chat().unwrap().composer.text(), "other\nmessage 3!");
}

#[test]
fn a_refused_answer_comes_back_as_an_answer() {
    let mut model = chat(SIZE, 3);
    press(&mut model, "up r");
    write(&mut model, "yes");
    press(&mut model, "enter");
    refuse(&mut model, |p| matches!(p, Purpose::Send { .. }));
    let back = model.chat().unwrap();
    assert_eq!(back.writing, Writing::Reply(message(2, "ben").entry_id));
    assert_eq!(back.composer.text(), "yes");
}

#[test]
fn what_lies_under_a_window_is_not_read() {
    let mut model = chat(SIZE, 5);
    press(&mut model, "f1");
    let told = |conversation: ConversationView| {
        let event = Event::Conversation { conversation };
        Message::Event(Box::new(EventView { cursor: None, event }))
    };
    let effects = update(&mut model, told(conversation("ben", "Ben", 1)));
    assert!(commands(&effects).is_empty());
    let effects = press(&mut model, "esc");
    assert_eq!(commands(&effects), [Command::Read { conversation: "c-ben".into(), to: None }]);
}

#[test]
fn what_is_pasted_beyond_the_limit_is_refused_whole_and_said() {
    let mut model = chat(SIZE, 1);
    write(&mut model, "x");
    update(&mut model, Message::Paste("y".repeat(MOST)));
    assert_eq!(model.chat().unwrap().composer.text(), "x");
    assert!(model.toast.as_ref().unwrap().text.contains("nothing was put in"));
    update(&mut model, Message::Paste("z".repeat(1 << 20)));
    assert_eq!(model.chat().unwrap().composer.text(), "x");
    update(&mut model, Message::Paste("y".repeat(MOST - 1)));
    assert_eq!(model.chat().unwrap().composer.text().len(), MOST);
    write(&mut model, "one more");
    assert_eq!(model.chat().unwrap().composer.text().len(), MOST);
    // A field of one line takes less.
    press(&mut model, "ctrl-f");
    update(&mut model, Message::Paste("q".repeat(MAX_FIELD + 1)));
    let field = model.windows.last_mut().and_then(|w| w.field()).unwrap();
    assert!(field.is_empty());
}

#[test]
fn what_can_be_undone_takes_bounded_room() {
    let mut model = chat(SIZE, 1);
    update(&mut model, Message::Paste("y".repeat(MOST - 400)));
    for _ in 0..200 {
        write(&mut model, "x ");
    }
    let composer = &model.chat().unwrap().composer;
    assert!(format!("{composer:?}").len() < 2 * 1024 * 1024);
    press(&mut model, "ctrl-_");
    assert_eq!(model.chat().unwrap().composer.text().len(), MOST - 1);
}
