use nexus_node::api::{Command, ContactState, MessageView};

use super::*;
use crate::message::{Effect, Rows};
use crate::update::testing::{
    BEN, CLEO, answer, chat, commands, contact, home, message, press, write,
};

const SIZE: (u16, u16) = (80, 24);

#[test]
fn a_conversation_is_muted_for_as_long_as_is_chosen_and_unmuted_by_the_same_key() {
    for (keys, seconds) in [
        ("m enter", Some(3_600)),
        ("m down down enter", Some(86_400)),
        ("m down down down down enter", None),
    ] {
        let mut model = home(SIZE);
        let wanted = Command::Mute { conversation: "c-ben".into(), seconds };
        assert_eq!(commands(&press(&mut model, keys)), [wanted], "{keys}");
    }
    let mut model = home(SIZE);
    model.conversations[0].muted = Some("2026-11-23T19:00:00Z".into());
    let wanted = Command::Mute { conversation: "c-ben".into(), seconds: Some(0) };
    assert_eq!(commands(&press(&mut model, "m")), [wanted]);
    model.conversations[0].muted = Some("2026-11-23T18:00:00Z".into());
    assert!(commands(&press(&mut model, "m")).is_empty(), "it ended by itself: for how long now?");
}

#[test]
fn the_timer_is_set_from_inside() {
    let mut model = chat(SIZE, 2);
    press(&mut model, "alt-t");
    write(&mut model, "week");
    let wanted = Command::Timer { conversation: "c-ben".into(), seconds: Some(604_800) };
    assert_eq!(commands(&press(&mut model, "enter")), [wanted]);
    press(&mut model, "alt-t");
    write(&mut model, "never");
    let wanted = Command::Timer { conversation: "c-ben".into(), seconds: None };
    assert_eq!(commands(&press(&mut model, "enter")), [wanted]);
}

#[test]
fn a_contact_is_renamed_from_the_list_and_from_its_page() {
    for keys in ["r", "alt-d r"] {
        let mut model = home(SIZE);
        press(&mut model, keys);
        write(&mut model, " Berg");
        let wanted = Command::ContactRename { who: BEN.into(), name: "Ben Berg".into() };
        assert_eq!(commands(&press(&mut model, "enter")), [wanted], "{keys}");
    }
}

#[test]
fn a_contact_is_removed_only_after_a_yes_and_its_conversation_closes() {
    let mut model = chat(SIZE, 2);
    assert!(commands(&press(&mut model, "esc delete n")).is_empty());
    let effects = press(&mut model, "delete y");
    assert_eq!(commands(&effects), [Command::ContactRemove { who: BEN.into() }]);
    let removed = contact("ben", "Ben", ContactState::Removed);
    answer(&mut model, |p| matches!(p, Purpose::Contact(_)), Rows::Contacts(vec![removed]));
    assert!(model.conversations.is_empty() && model.open.is_none() && model.chats.is_empty());
    assert!(!model.contacts.contains_key(BEN));
}

#[test]
fn words_go_with_a_request_to_somebody_nearby() {
    let mut model = home(SIZE);
    press(&mut model, "end n");
    write(&mut model, "we met on the train");
    let wanted = Command::ContactAdd {
        who: CLEO.into(),
        name: None,
        address: None,
        message: Some("we met on the train".into()),
    };
    assert_eq!(commands(&press(&mut model, "enter")), [wanted]);
}

#[test]
fn a_link_is_shown_whole_before_it_is_opened_and_can_be_copied_instead() {
    let text = "look: https://a.example/x, or https://b.example/y.";
    let link = "https://b.example/y".to_owned();
    for (keys, wanted) in
        [("enter", Effect::Follow(link.clone())), ("c", Effect::Copy(link.clone()))]
    {
        let mut model = chat(SIZE, 2);
        let last = model.chat_mut().unwrap().messages.last_mut().unwrap();
        *last = MessageView { text: text.into(), ..message(1, "ben") };
        assert!(press(&mut model, "up l down enter").iter().all(|e| *e != wanted));
        let page = PageKind::Link(link.clone());
        assert!(matches!(model.windows.last(), Some(Window::Page(p)) if p.kind == page));
        assert!(press(&mut model, keys).contains(&wanted));
    }
    let mut model = chat(SIZE, 2);
    press(&mut model, "up l");
    assert!(model.windows.is_empty(), "a message without links has none to choose from");
}
