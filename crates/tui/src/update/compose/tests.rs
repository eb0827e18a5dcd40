use nexus_node::api::Command;

use super::*;
use crate::config::Config;
use crate::update::testing::{chat, commands, press, write};

fn vim(text: &str) -> Model {
    let mut model = chat((80, 24), 3);
    model.config = Config::parse("[tui]\nkeys = \"vim\"\n").unwrap();
    write(&mut model, text);
    press(&mut model, "esc");
    model
}

#[test]
fn normal_mode_moves_and_changes_and_types_nothing() {
    for (text, keys, wanted, cursor) in [
        ("one two", "0 w x", "one wo", 4),
        ("one two", "b b", "one two", 0),
        ("one two", "0 e", "one two", 3),
        ("one two", "0 D", "", 0),
        ("one two", "0 l l h x", "oe two", 1),
        ("one two", "d d u", "one two", 7),
        ("one two", "y y p", "one two\none two", 8),
        ("one two", "z q 9", "one two", 7),
        ("one two", "0 x u ctrl-r", "ne two", 0),
    ] {
        let mut model = vim(text);
        press(&mut model, keys);
        let field = &model.chat().unwrap().composer;
        assert_eq!((field.text(), field.cursor()), (wanted, cursor), "{keys}");
    }
}

#[test]
fn from_normal_mode_writing_goes_on_where_it_was_asked_for() {
    for (keys, wanted) in [
        ("0 i", "!one two"),
        ("0 a", "o!ne two"),
        ("0 A", "one two!"),
        ("I", "!one two"),
        ("o", "one two\n!"),
    ] {
        let mut model = vim("one two");
        press(&mut model, keys);
        write(&mut model, "!");
        assert_eq!(model.chat().unwrap().composer.text(), wanted, "{keys}");
    }
}

#[test]
fn esc_goes_from_typing_to_normal_mode_to_the_messages_and_enter_sends() {
    let mut model = vim("one");
    assert_eq!(model.place(), Place::Normal);
    press(&mut model, "esc");
    assert_eq!(model.focus, Focus::Messages);
    press(&mut model, "i");
    assert_eq!(model.place(), Place::Composer);
    let effects = press(&mut model, "esc enter");
    assert!(
        commands(&effects).iter().any(|c| matches!(c, Command::Send { text, .. } if text == "one"))
    );
    assert_eq!(model.place(), Place::Composer, "the next one is typed");
}

#[test]
fn emoji_and_names_are_completed_and_tab_is_still_tab() {
    let mut model = chat((80, 24), 3);
    write(&mut model, "well :tada");
    press(&mut model, "tab");
    assert_eq!(model.chat().unwrap().composer.text(), "well 🎉");
    write(&mut model, " :joy: @be");
    press(&mut model, "tab");
    assert_eq!(model.chat().unwrap().composer.text(), "well 🎉 😂 @Ben ");
    press(&mut model, "tab");
    assert_eq!(model.focus, Focus::List, "nothing to complete: the next pane");
}
