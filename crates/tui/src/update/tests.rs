use nexus_node::api::{
    Command, ContactState, DraftView, ErrorBody, ErrorCode, Event, EventView, MessageState,
    MessageView, Place as At,
};

use super::testing::{
    ANA, CLEO, answer, chat, commands, contact, conversation, happened, home, later, message, now,
    press, refuse, write,
};
use super::*;
use crate::message::{Load, Mouse, Purpose, Rows};
use crate::model::chat::{Anchor, Writing};
use crate::model::home::Item;
use crate::model::window::Window;
use crate::model::{Focus, Model};

const SIZE: (u16, u16) = (80, 24);

fn tell(model: &mut Model, event: Event) -> Vec<Effect> {
    update(model, Message::Event(Box::new(EventView { cursor: None, event })))
}

fn arrives(model: &mut Model, message: MessageView) -> Vec<Effect> {
    tell(model, Event::Message { message: Box::new(message), new: true })
}

#[test]
fn what_is_written_goes_out_with_enter_and_comes_back_when_that_fails() {
    let mut model = chat(SIZE, 3);
    write(&mut model, "see you");
    let effects = press(&mut model, "alt-enter");
    assert!(commands(&effects).is_empty());
    write(&mut model, "soon");
    let effects = press(&mut model, "enter");
    let sent =
        Command::Send { to: "c-ben".into(), text: "see you\nsoon".into(), reply: None, wait: None };
    assert_eq!(commands(&effects), [sent]);
    assert!(model.chat().unwrap().composer.is_empty());
    assert_eq!(model.chat().unwrap().outgoing.len(), 1);
    let (serial, pending) = model.pending.iter().next_back().unwrap();
    let (serial, purpose) = (*serial, pending.purpose.clone());
    let error = ErrorBody {
        code: ErrorCode::DiskFull,
        message: "the disk is full".into(),
        hint: "free some".into(),
    };
    update(&mut model, Message::Answer { serial, purpose, result: Err(error) });
    assert_eq!(model.chat().unwrap().composer.text(), "see you\nsoon");
    assert!(model.toast.as_ref().unwrap().text.contains("disk is full"));
}

#[test]
fn a_stack_trace_is_pasted_whole_and_sends_nothing() {
    let mut model = chat(SIZE, 1);
    let trace = "panic at main.rs:3\r\n\tat one\r\n\tat two\r\n";
    let effects = update(&mut model, Message::Paste(trace.into()));
    assert!(commands(&effects).iter().all(|c| matches!(c, Command::Draft { .. })));
    assert_eq!(
        model.chat().unwrap().composer.text(),
        "panic at main.rs:3\n    at one\n    at two\n"
    );
}

#[test]
fn a_draft_is_kept_after_a_moment_on_leaving_and_at_the_end() {
    let mut model = chat(SIZE, 1);
    write(&mut model, "half a thou");
    let draft =
        |text: &str| Command::Draft { conversation: "c-ben".into(), text: Some(text.into()) };
    assert_eq!(commands(&later(&mut model, 800)), [draft("half a thou")]);
    write(&mut model, "ght");
    let effects = press(&mut model, "ctrl-q");
    assert_eq!(commands(&effects), [draft("half a thought")]);
    assert_eq!(effects.last(), Some(&Effect::Quit));
    // And it comes back at the next start.
    let mut model = home(SIZE);
    press(&mut model, "enter");
    let kept = DraftView { conversation: "c-ben".into(), text: "half a thought".into() };
    answer(&mut model, |p| matches!(p, Purpose::Draft { .. }), Rows::Draft(Some(kept)));
    assert_eq!(model.chat().unwrap().composer.text(), "half a thought");
    assert!(commands(&later(&mut model, 5_000)).is_empty(), "what is kept need not be kept again");
}

#[test]
fn a_conversation_with_unread_messages_opens_where_they_begin() {
    let mut model = home(SIZE);
    model.conversations = vec![conversation("ben", "Ben", 40)];
    let effects = press(&mut model, "enter");
    assert!(commands(&effects).contains(&Command::FirstUnread { conversation: "c-ben".into() }));
    let first = message(60, "ben");
    let effects = answer(
        &mut model,
        |p| matches!(p, Purpose::Unread { .. }),
        Rows::Messages(vec![first.clone()]),
    );
    assert!(commands(&effects).iter().any(
        |c| matches!(c, Command::Window { place: At::Around(id), .. } if *id == first.entry_id)
    ));
    let rows = (0..100).map(|n| message(n, "ben")).collect();
    answer(&mut model, |p| matches!(p, Purpose::Window { .. }), Rows::Messages(rows));
    let chat = model.chat().unwrap();
    assert_eq!(chat.unread_from.as_deref(), Some(first.entry_id.as_str()));
    assert!(matches!(chat.anchor, Anchor::Top { .. }), "the unread line is in view, not the end");
    assert!(!model.asks(|p| *p == Purpose::Read), "what is not in view is not read");
}

#[test]
fn the_last_wish_counts_and_what_was_asked_for_before_comes_too_late() {
    let mut model = home(SIZE);
    model.conversations = vec![conversation("ben", "Ben", 40)];
    press(&mut model, "enter");
    model.focus = Focus::Messages;
    let effects = press(&mut model, "end");
    let newest = |c: &Command| matches!(c, Command::Window { place: At::Newest, .. });
    assert!(commands(&effects).iter().any(newest));
    let first = Rows::Messages(vec![message(0, "ben")]);
    let effects = answer(&mut model, |p| matches!(p, Purpose::Unread { .. }), first);
    assert!(commands(&effects).is_empty(), "the end was wanted since");
    let rows = (20..60).map(|n| message(n, "ben")).collect();
    answer(&mut model, |p| matches!(p, Purpose::Window { .. }), Rows::Messages(rows));
    assert_eq!(model.chat().unwrap().anchor, Anchor::Bottom);

    model.chat_mut().unwrap().older = true;
    press(&mut model, "pageup pageup pageup");
    let late = |p: &Purpose| matches!(p, Purpose::Window { load: Load::Older, .. });
    assert!(model.asks(late), "older ones are on their way");
    conversation::load(&mut model, "c-ben", Load::Newest);
    let rows = (900..905).map(|n| message(n, "ben")).collect();
    answer(
        &mut model,
        |p| matches!(p, Purpose::Window { load: Load::Newest, .. }),
        Rows::Messages(rows),
    );
    let older = (0..5).map(|n| message(n, "ben")).collect();
    answer(&mut model, late, Rows::Messages(older));
    let chat = model.chat().unwrap();
    assert_eq!(chat.messages.len(), 5, "no hole between what belongs to two windows");
}

#[test]
fn everything_is_read_once_its_end_is_in_view_and_somebody_looks() {
    let mut model = chat(SIZE, 5);
    update(&mut model, Message::Focus(false));
    arrives(&mut model, message(6, "ben"));
    let effects =
        tell(&mut model, Event::Conversation { conversation: conversation("ben", "Ben", 1) });
    assert!(commands(&effects).is_empty());
    let effects = update(&mut model, Message::Focus(true));
    assert_eq!(commands(&effects), [Command::Read { conversation: "c-ben".into(), to: None }]);
}

#[test]
fn who_looks_away_is_told_of_news_unless_the_conversation_is_muted() {
    let mut model = chat(SIZE, 5);
    update(&mut model, Message::Focus(false));
    let evil = MessageView { text: "hi\u{1b}]0;x\u{7}\nmore".into(), ..message(6, "ben") };
    let effects = arrives(&mut model, evil);
    let notify = effects.iter().find_map(|e| match e {
        Effect::Notify { title, text, .. } => Some((title.clone(), text.clone())),
        _ => None,
    });
    assert_eq!(notify, Some(("Ben".into(), "hi␛]0;x␇".into())));
    model.conversations[0].muted = Some("forever".into());
    let effects = arrives(&mut model, message(7, "ben"));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Notify { .. })));
}

#[test]
fn messages_are_chosen_with_up_and_answered_edited_and_taken_back_by_key() {
    let mut model = chat(SIZE, 4);
    press(&mut model, "up");
    assert_eq!(
        (model.focus, model.message().unwrap().text.as_str()),
        (Focus::Messages, "message 3")
    );
    press(&mut model, "up r");
    assert_eq!(model.chat().unwrap().writing, Writing::Reply(message(2, "ben").entry_id));
    write(&mut model, "yes");
    let effects = press(&mut model, "enter");
    assert!(
        matches!(&commands(&effects)[0], Command::Send { reply: Some(id), .. } if *id == message(2, "ben").entry_id)
    );

    // A draft that was there is back after an edit.
    write(&mut model, "a draft");
    later(&mut model, 1_000);
    press(&mut model, "up e");
    assert_eq!(model.chat().unwrap().composer.text(), "message 3");
    write(&mut model, "!");
    let effects = press(&mut model, "enter");
    let edit = Command::Edit { id: message(3, "me").entry_id, text: "message 3!".into() };
    assert_eq!(commands(&effects), [edit]);
    assert_eq!(model.chat().unwrap().composer.text(), "a draft");

    press(&mut model, "up d");
    assert!(matches!(model.windows.last(), Some(Window::Confirm(_))));
    let effects = press(&mut model, "y");
    assert_eq!(commands(&effects), [Command::Retract { id: message(3, "me").entry_id }]);

    // Nobody edits what others wrote.
    press(&mut model, "up e");
    assert!(model.toast.as_ref().unwrap().bad);
}

#[test]
fn a_message_is_copied_as_it_was_written() {
    let mut model = chat((60, 20), 1);
    let text = "a line that is much longer than the screen is wide, and so it is wrapped when it is shown\n\tx";
    let long = MessageView { text: text.into(), ..message(2, "ben") };
    arrives(&mut model, long);
    let effects = press(&mut model, "up c");
    assert!(effects.contains(&Effect::Copy(text.replace('\t', "    "))));
}

#[test]
fn the_window_moves_through_a_long_conversation_and_stays_bounded() {
    let mut model = chat(SIZE, 120);
    let total = 1_000_000;
    let offset = total - 120;
    // The window as if it were the end of a million.
    {
        let chat = model.chat_mut().unwrap();
        chat.messages = (offset..total).map(|n| message(n, "ben")).collect();
        chat.older = true;
    }
    for _ in 0..200 {
        let effects = press(&mut model, "pageup");
        for command in commands(&effects) {
            let Command::Window { place: At::Before(id), limit, .. } = command else { continue };
            let before = u64::from_str_radix(&id, 16).unwrap();
            let rows = (before - u64::from(limit)..before).map(|n| message(n, "ben")).collect();
            answer(
                &mut model,
                |p| matches!(p, Purpose::Window { load: Load::Older, .. }),
                Rows::Messages(rows),
            );
        }
    }
    let chat = model.chat().unwrap();
    assert!(chat.messages.len() <= crate::model::chat::KEPT && chat.newer);
    let first = u64::from_str_radix(&chat.messages[0].entry_id, 16).unwrap();
    assert!(first < offset - 1_000, "{first}");
    let effects = press(&mut model, "up end");
    let newest = commands(&effects);
    assert!(
        newest.iter().any(|c| matches!(c, Command::Window { place: At::Newest, .. })),
        "{newest:?}"
    );
}

#[test]
fn what_arrives_below_the_view_is_counted_and_does_not_move_it() {
    let mut model = chat(SIZE, 60);
    press(&mut model, "pageup");
    let before = model.chat().unwrap().anchor.clone();
    arrives(&mut model, message(61, "ben"));
    let chat = model.chat().unwrap();
    assert_eq!((chat.new_below, &chat.anchor), (1, &before));
    press(&mut model, "up end");
    assert_eq!(model.chat().unwrap().new_below, 0);
}

#[test]
fn what_happened_is_asked_for_on_opening_and_again_when_more_happened_meanwhile() {
    let mut model = home(SIZE);
    let wanted = Command::Happened { conversation: "c-ben".into() };
    assert!(commands(&press(&mut model, "enter")).contains(&wanted));
    let more = || Event::Happened { conversation: "c-ben".into() };
    assert!(!commands(&tell(&mut model, more())).contains(&wanted), "an answer is on its way");
    let merge = |count| happened("merge", 6, count, "messages arrived while you were apart");
    let asked = |p: &Purpose| matches!(p, Purpose::Happened { .. });
    let effects = answer(&mut model, asked, Rows::Happened(vec![merge(2)]));
    assert!(commands(&effects).contains(&wanted), "it may be too old");
    let effects = answer(&mut model, asked, Rows::Happened(vec![merge(3)]));
    assert!(!commands(&effects).contains(&wanted));
    assert_eq!(model.chat().unwrap().merged(), Some(3));
    let elsewhere = Event::Happened { conversation: "c-cleo".into() };
    assert!(commands(&tell(&mut model, elsewhere)).is_empty(), "nobody looks at that one");
}

#[test]
fn somebody_nearby_is_asked_with_one_key_and_requests_are_answered_with_one() {
    let mut model = home(SIZE);
    press(&mut model, "end");
    assert_eq!(model.selected, Some(Item::Nearby(CLEO.into())));
    let effects = press(&mut model, "enter");
    assert!(matches!(&commands(&effects)[0], Command::ContactAdd { who, .. } if who == CLEO));

    let mut model = home(SIZE);
    tell(&mut model, Event::Contact { contact: contact("cleo", "Cleo", ContactState::Incoming) });
    press(&mut model, "home");
    assert_eq!(model.selected, Some(Item::Request(CLEO.into())));
    let effects = press(&mut model, "a");
    assert_eq!(commands(&effects), [Command::ContactAccept { who: CLEO.into() }]);
    press(&mut model, "b");
    let effects = press(&mut model, "enter");
    assert_eq!(commands(&effects), [Command::ContactBlock { who: CLEO.into() }]);
}

#[test]
fn the_first_run_asks_for_a_name_and_tells_what_an_identity_is() {
    let mut model = Model::new(now(), SIZE, crate::config::Config::default(), false);
    press(&mut model, "enter");
    assert!(model.effects.is_empty() && matches!(model.stage, Stage::Name(_)));
    write(&mut model, "Ana");
    let effects = press(&mut model, "enter");
    assert_eq!(effects, [Effect::Begin { name: "Ana".into() }]);
    update(&mut model, Message::Attached);
    assert_eq!(model.stage, Stage::Welcome);
    answer(&mut model, |p| *p == Purpose::Me, Rows::Me(Some(super::testing::me())));
    press(&mut model, "enter");
    assert_eq!((model.stage.clone(), model.my_id()), (Stage::Running, ANA));
}

#[test]
fn search_answers_the_words_as_they_are_now() {
    let mut model = chat(SIZE, 3);
    press(&mut model, "ctrl-f");
    let effects = write(&mut model, "mes");
    assert_eq!(commands(&effects).len(), 2, "from two letters on");
    let late = |p: &Purpose| *p == Purpose::Search { query: "me".into() };
    answer(&mut model, late, Rows::Messages(vec![message(1, "ben")]));
    assert!(matches!(model.windows.last(), Some(Window::Search(s)) if s.found.is_empty()));
    let right = |p: &Purpose| *p == Purpose::Search { query: "mes".into() };
    answer(&mut model, right, Rows::Messages(vec![message(1, "ben"), message(900, "ben")]));
    press(&mut model, "enter");
    assert_eq!(model.message().unwrap().text, "message 1");
    assert!(model.windows.is_empty());
}

#[test]
fn the_palette_and_the_switcher_do_what_is_chosen() {
    let mut model = chat(SIZE, 3);
    press(&mut model, "ctrl-p");
    write(&mut model, "invite");
    let effects = press(&mut model, "enter");
    assert!(matches!(commands(&effects)[..], [Command::Invite { .. }]));
    press(&mut model, "esc ctrl-k");
    write(&mut model, "be");
    press(&mut model, "enter");
    assert_eq!((model.open.as_deref(), model.focus), (Some("c-ben"), Focus::Composer));
}

#[test]
fn a_state_rises_where_the_message_is_shown() {
    let mut model = chat(SIZE, 1);
    let state = |state| Event::State {
        entry_id: message(0, "me").entry_id,
        conversation: "c-ben".into(),
        state,
    };
    tell(&mut model, state(MessageState::Read));
    tell(&mut model, state(MessageState::Sent));
    assert_eq!(model.chat().unwrap().messages[0].state, MessageState::Read);
}

#[test]
fn a_click_chooses_and_the_wheel_scrolls() {
    let mut model = chat(SIZE, 60);
    update(&mut model, Message::Mouse(Mouse::Wheel(40, 10, -1)));
    assert!(matches!(model.chat().unwrap().anchor, Anchor::Top { .. }));
    update(&mut model, Message::Mouse(Mouse::Click(40, 10)));
    assert_eq!(model.focus, Focus::Messages);
    assert!(model.message().is_some());
}

#[test]
fn a_slow_node_is_waited_for_and_the_keys_go_on() {
    let mut model = chat(SIZE, 3);
    write(&mut model, "hello");
    press(&mut model, "enter");
    later(&mut model, 2_000);
    write(&mut model, "more");
    assert_eq!(model.chat().unwrap().composer.text(), "more");
    assert!(crate::view::tests::text(&model).contains("your message is being kept (2 s"));
}

#[test]
fn the_words_of_a_backup_are_shown_once() {
    use nexus_node::api::{BackupView, SecretText};
    let mut model = chat((100, 30), 1);
    press(&mut model, "ctrl-p");
    write(&mut model, "backup");
    press(&mut model, "enter");
    let effects = press(&mut model, "enter");
    assert_eq!(commands(&effects), [Command::BackupCreate { phrase: None }]);
    let phrase = Some(SecretText::new("alpha bravo charlie"));
    let sealed = BackupView { phrase, file: "AAAA".into() };
    let effects =
        answer(&mut model, |p| matches!(p, Purpose::Backup { .. }), Rows::Backup(Some(sealed)));
    assert_eq!(effects, [Effect::Write { file: "~/nexus.backup".into(), bytes: "AAAA".into() }]);
    update(&mut model, Message::Written(Ok(3)));
    let shown = crate::view::tests::text(&model);
    assert!(shown.contains("alpha bravo charlie") && shown.contains("is written"), "{shown}");
    press(&mut model, "esc");
    assert_eq!(model.backup, None);
}

#[test]
fn what_is_refused_is_not_asked_again_at_once_for_ever() {
    let mut model = chat(SIZE, 3);
    model.conversations[0].unread = 1;
    assert_eq!(commands(&later(&mut model, 1)).len(), 1);
    assert!(commands(&refuse(&mut model, |p| *p == Purpose::Read)).is_empty());
    assert!(commands(&later(&mut model, 200)).is_empty());
    let again = commands(&later(&mut model, 5_000));
    assert!(matches!(again[..], [Command::Read { .. }]), "{again:?}");

    let mut model = chat(SIZE, 120);
    press(&mut model, "up");
    for _ in 0..30 {
        press(&mut model, "pageup");
    }
    let older = |p: &Purpose| matches!(p, Purpose::Window { load: Load::Older, .. });
    assert!(commands(&refuse(&mut model, older)).is_empty());
    assert!(commands(&press(&mut model, "up")).is_empty());
}

#[test]
fn a_refused_text_comes_back_also_when_another_was_begun() {
    let mut model = chat(SIZE, 3);
    write(&mut model, "one");
    press(&mut model, "enter");
    write(&mut model, "two");
    press(&mut model, "enter");
    write(&mut model, "three");
    for _ in 0..2 {
        refuse(&mut model, |p| matches!(p, Purpose::Send { .. }));
    }
    assert_eq!(model.chat().unwrap().composer.text(), "three\none\ntwo");
}

#[test]
fn a_draft_is_taken_once_however_often_its_conversation_was_opened_meanwhile() {
    let mut model = home(SIZE);
    model.conversations.push(conversation("cleo", "Cleo", 0));
    press(&mut model, "enter alt-down alt-up");
    let draft = || {
        let (conversation, text) = ("c-ben".to_owned(), "half a thought".to_owned());
        Rows::Draft(Some(DraftView { conversation, text }))
    };
    let ben = |p: &Purpose| matches!(p, Purpose::Draft { conversation } if conversation == "c-ben");
    while model.asks(ben) {
        answer(&mut model, ben, draft());
    }
    press(&mut model, "alt-down alt-up");
    while model.asks(ben) {
        answer(&mut model, ben, draft());
    }
    assert_eq!(model.chat().unwrap().composer.text(), "half a thought");
}

#[test]
fn no_size_of_a_terminal_is_too_large() {
    let mut model = chat(SIZE, 3);
    for size in [(65_535, 65_535), (80, 16_384), (0, 0), (1, 1), (65_535, 1)] {
        update(&mut model, Message::Resize(size.0, size.1));
        press(&mut model, "x");
    }
}
