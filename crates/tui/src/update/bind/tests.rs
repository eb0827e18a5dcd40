use super::*;
use crate::config::{Config, with_key};
use crate::keymap::Meaning;
use crate::update::testing::{chat, press, write};
use crate::view::tests::text;

const SIZE: (u16, u16) = (80, 24);

/// Looks up an action in the list of keys, and presses these keys for it.
fn rebound(model: &mut Model, action: &str, keys: &str) -> Vec<Effect> {
    model.windows.clear();
    list(model);
    write(model, action);
    press(model, "enter");
    press(model, keys)
}

fn means(model: &Model, place: Place, keys: &str) -> Meaning {
    model.config.keymap.meaning(place, &parse(keys).unwrap())
}

#[test]
fn a_key_is_given_another_meaning_from_inside_and_the_file_says_so() {
    let mut model = chat(SIZE, 1);
    let effects =
        rebound(&mut model, "everywhere go to a conversation, by its name", "ctrl-t enter");
    let bind = Effect::Bind {
        place: Place::Everywhere,
        keys: parse("ctrl-t").unwrap(),
        action: Some(Some(Action::Switch)),
    };
    assert!(effects.contains(&bind), "{effects:?}");
    assert_eq!(means(&model, Place::List, "ctrl-t"), Meaning::Action(Action::Switch));
    assert_eq!(means(&model, Place::List, "ctrl-k"), Meaning::Action(Action::Switch));
    // The same key again takes it away, and nothing stays written of it.
    let effects =
        rebound(&mut model, "everywhere go to a conversation, by its name", "ctrl-t enter");
    assert!(matches!(effects[..], [.., Effect::Bind { action: None, .. }]), "{effects:?}");
    assert_eq!(means(&model, Place::List, "ctrl-t"), Meaning::Nothing);
    // One of the set is written down as taken away.
    let effects =
        rebound(&mut model, "everywhere go to a conversation, by its name", "ctrl-k enter");
    assert!(matches!(effects[..], [.., Effect::Bind { action: Some(None), .. }]), "{effects:?}");
    assert_eq!(model.config.changed.len(), 1);
}

#[test]
fn what_a_key_did_before_is_told_and_two_in_a_row_are_one_meaning() {
    let mut model = chat(SIZE, 1);
    rebound(&mut model, "everywhere look at links, discovery", "ctrl-k");
    let shown = text(&model);
    assert!(shown.contains("it does now: go to a conversation"), "{shown}");
    press(&mut model, "backspace g x enter");
    assert!(text(&model).contains("typed where text is written"), "a letter is typed");
    press(&mut model, "esc esc");
    rebound(&mut model, "among answer this message", "z r enter");
    assert_eq!(means(&model, Place::Messages, "z r"), Meaning::Action(Action::Reply));
    rebound(&mut model, "among copy this message", "r c enter");
    assert!(text(&model).contains("nothing would wait"), "r alone answers");
}

#[test]
fn nobody_locks_themselves_out() {
    let mut model = chat(SIZE, 1);
    for (action, keys) in [("palette", "ctrl-p"), ("settings", "f3")] {
        let by_name = Action::named(action).unwrap();
        let all = format!("everywhere {}", by_name.help());
        rebound(&mut model, &all, &format!("{keys} enter"));
        assert_ne!(means(&model, Place::List, keys), Meaning::Nothing, "{action}");
    }
    // Of two keys one may go.
    let quit = format!("everywhere {}", Action::Quit.help());
    rebound(&mut model, &quit, "ctrl-q enter");
    assert_eq!(means(&model, Place::List, "ctrl-q"), Meaning::Nothing);
    rebound(&mut model, &quit, "ctrl-c enter");
    assert_eq!(means(&model, Place::List, "ctrl-c"), Meaning::Action(Action::Quit));
    // Not by another action in its place either.
    rebound(&mut model, "everywhere go to a conversation, by its name", "f3 enter");
    assert_eq!(means(&model, Place::List, "f3"), Meaning::Action(Action::Settings));
    assert!(text(&model).contains("it is needed"));
}

#[test]
fn the_file_keeps_its_comments_and_is_read_as_what_holds() {
    let before = "# mine\nreceipts = true\n[tui]\nkeys = \"vim\" # of course\n[tui.bind.list]\n# to and fro\n\"ctrl-t\" = \"switch\" # fast\nx = \"none\"\n";
    let key = |keys: &str| parse(keys).unwrap();
    let text = with_key(before, Place::List, &key("ctrl-t"), Some(Some(Action::Search))).unwrap();
    assert_eq!(text, before.replace("\"switch\"", "\"search\""));
    let text = with_key(before, Place::Messages, &key("g x"), Some(None)).unwrap();
    assert!(text.starts_with(before) && text.contains("\"g x\" = \"none\""), "{text}");
    let config = Config::parse(&text).unwrap();
    assert!(config.changed.contains(&(Place::Messages, key("g x"), None)));
    let text = with_key(before, Place::List, &key("x"), None).unwrap();
    assert_eq!(text, before.replace("x = \"none\"\n", ""));
    assert!(with_key("tui = 1\n", Place::List, &key("x"), None).is_err());
    let text = with_key("", Place::List, &key("\""), Some(Some(Action::Up))).unwrap();
    assert_eq!(Config::parse(&text).unwrap().changed.len(), 1, "{text}");
}
