use nexus_node::api::{Event, EventView};

use super::*;
use crate::message::Message;
use crate::update::testing::{commands, home, message, now, press, write};
use crate::update::update;

const SIZE: (u16, u16) = (80, 24);

fn tells(model: &mut Model) -> bool {
    update(model, Message::Focus(false));
    // News of one conversation are told once in a while only.
    let mut later = now();
    later.at = model.now.at + jiff::SignedDuration::from_secs(10);
    update(model, Message::Time(later));
    let event = Event::Message { message: Box::new(message(80, "ben")), new: true };
    let effects = update(model, Message::Event(Box::new(EventView { cursor: None, event })));
    effects.iter().any(|e| matches!(e, Effect::Notify { .. }))
}

#[test]
fn nothing_is_told_while_it_should_not_disturb() {
    let mut model = home(SIZE);
    assert!(tells(&mut model));
    let kept = |on: &str| Effect::Set("do_not_disturb", on.to_owned());
    assert!(press(&mut model, "alt-n").contains(&kept("true")));
    assert!(!tells(&mut model));
    assert!(press(&mut model, "alt-n").contains(&kept("false")));
    assert!(tells(&mut model));
}

#[test]
fn nothing_is_told_in_quiet_hours_and_they_can_be_ended() {
    let mut model = home(SIZE);
    press(&mut model, "f3 end");
    let at = Setting::ALL.iter().position(|s| *s == Setting::QuietHours).unwrap();
    change(&mut model, at);
    write(&mut model, "18:00");
    press(&mut model, "enter");
    let error = match model.windows.last() {
        Some(Window::Form(form)) => form.error.clone(),
        other => panic!("{other:?}"),
    };
    assert!(error.contains("22:00-07:00"), "{error}");
    write(&mut model, "-19:00");
    let effects = press(&mut model, "enter");
    assert!(effects.contains(&Effect::Set("quiet_hours", "\"18:00-19:00\"".to_owned())));
    assert!(!tells(&mut model), "half past six is among them");
    let mut later = now();
    later.at = "2026-11-23T19:00:00Z".parse().unwrap();
    update(&mut model, Message::Time(later));
    assert!(tells(&mut model));
    assert!(quiet_hours(&mut model, ""));
    assert_eq!(model.config.quiet_hours, None);
}

#[test]
fn a_muted_conversation_is_not_told_of_until_its_time_is_over() {
    for (until, told) in
        [("forever", false), ("2026-11-23T18:31:00Z", false), ("2026-11-23T18:30:00Z", true)]
    {
        let mut model = home(SIZE);
        model.conversations[0].muted = Some(until.into());
        assert_eq!(tells(&mut model), told, "{until}");
    }
}

#[test]
fn every_setting_can_be_changed_and_is_kept() {
    for (at, setting) in Setting::ALL.into_iter().enumerate() {
        let mut model = home(SIZE);
        let before = setting.value(&model);
        press(&mut model, "f3");
        let mut effects = Vec::new();
        for _ in 0..at {
            press(&mut model, "down");
        }
        effects.extend(press(&mut model, "enter"));
        match setting {
            Setting::Name | Setting::QuietHours => {
                assert!(matches!(model.windows.last(), Some(Window::Form(_))), "{setting:?}");
            }
            Setting::Bindings => {
                assert!(matches!(model.windows.last(), Some(Window::Pick(_))));
                continue;
            }
            Setting::Visibility => {
                use nexus_node::api::Command;
                let asked = commands(&effects);
                assert_eq!(asked, [Command::Visibility { visibility: Visibility::Contacts }]);
                assert!(effects.contains(&Effect::SetNode("visibility", "contacts".to_owned())));
            }
            _ => assert!(effects.iter().any(|e| matches!(e, Effect::Set(..))), "{setting:?}"),
        }
        if !matches!(setting, Setting::Name | Setting::QuietHours) {
            assert_ne!(setting.value(&model), before, "{setting:?}");
        }
    }
}

#[test]
fn the_other_set_of_keys_holds_at_once_and_keeps_what_a_person_changed() {
    use crate::config::Config;
    use crate::keymap::{Action, Meaning, Place, parse};
    let mut model = home(SIZE);
    model.config =
        Config::parse("[tui.bind.list]\n\"ctrl-t\" = \"switch\"\nj = \"none\"\n").unwrap();
    let means =
        |model: &Model, keys: &str| model.config.keymap.meaning(Place::List, &parse(keys).unwrap());
    let at = Setting::ALL.iter().position(|s| *s == Setting::Keys).unwrap();
    assert_eq!(means(&model, "k"), Meaning::Nothing);
    change(&mut model, at);
    assert_eq!(means(&model, "k"), Meaning::Action(Action::Up));
    assert_eq!(means(&model, "j"), Meaning::Nothing, "it was taken away");
    assert_eq!(means(&model, "ctrl-t"), Meaning::Action(Action::Switch));
    change(&mut model, at);
    assert_eq!(means(&model, "k"), Meaning::Nothing);
    assert_eq!(means(&model, "ctrl-t"), Meaning::Action(Action::Switch));
    assert!(!model.config.vim);
}

#[test]
fn many_messages_at_once_are_one_piece_of_news() {
    let mut model = home(SIZE);
    assert!(tells(&mut model));
    let event = Event::Message { message: Box::new(message(81, "ben")), new: true };
    let told = update(&mut model, Message::Event(Box::new(EventView { cursor: None, event })));
    assert!(!told.iter().any(|e| matches!(e, Effect::Notify { .. })));
    assert!(tells(&mut model), "ten seconds later it is news again");
}

#[test]
fn what_no_desktop_tells_the_terminal_tells_from_then_on() {
    let mut model = home(SIZE);
    let untold = Message::Untold("Ben".into(), "hello".into());
    let wanted = Effect::Notify { title: "Ben".into(), text: "hello".into(), desktop: false };
    assert!(update(&mut model, untold).contains(&wanted));
    assert!(!model.desktop);
}
