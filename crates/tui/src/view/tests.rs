use nexus_node::api::{ContactState, MessageState, MessageView, ReactionView};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::{CrosstermBackend, TestBackend};

use super::draw;
use crate::keymap::{Code, Key};
use crate::message::{Message, Mouse, Purpose, Rows};
use crate::model::Model;
use crate::update::testing::{
    BEN, CLEO, alone, answer, chat, contact, happened, home, me, message, now, press, write,
};
use crate::update::update;
use crate::{sanitize, text};

const SIZES: [(u16, u16); 4] = [(60, 20), (80, 24), (120, 40), (200, 60)];

/// The screen as text.
pub(crate) fn text(model: &Model) -> String {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    terminal.draw(|frame| draw(model, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut out = String::new();
    for y in 0..model.size.1 {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..model.size.0 {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = text::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn snapshots(name: &str, make: impl Fn((u16, u16)) -> Model) {
    for size in SIZES {
        let shown = text(&make(size));
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), shown);
    }
}

/// A conversation with one of everything.
fn busy(size: (u16, u16)) -> Model {
    let mut model = chat(size, 2);
    let me = |n, state, text: &str| MessageView { state, text: text.into(), ..message(n, "me") };
    let ben = |n, text: &str| MessageView { text: text.into(), ..message(n, "ben") };
    let all = vec![
        MessageView { time: "2026-11-22T09:15:00Z".into(), ..ben(0, "Shall we meet tomorrow?") },
        me(
            10,
            MessageState::Read,
            "Yes. At eight, where we always meet, or is that too early for you after last night?",
        ),
        MessageView {
            reply_to: Some(message(10, "me").entry_id),
            reactions: vec![ReactionView { emoji: "👍".into(), by: vec![BEN.into()] }],
            ..ben(20, "Eight is fine.\n\n    fn main() {\n        println!(\"日本語 👩‍👩‍👧\");\n    }")
        },
        MessageView { edited: true, ..ben(21, "Bring the map") },
        MessageView { kind: "retracted".into(), text: String::new(), ..ben(22, "") },
        ben(40, "written while we were apart"),
        ben(41, "this too"),
        me(50, MessageState::Delivered, "Got it"),
        me(51, MessageState::Sent, "On my way"),
        me(59, MessageState::Queued, "Are you there?"),
    ];
    let chat = model.chat_mut().unwrap();
    chat.messages = all;
    chat.happened = Some(vec![
        happened("verified", 15, 0, "You compared the safety numbers, and they matched"),
        happened("merge", 40, 2, "2 messages arrived while you were apart"),
        happened(
            "device_added",
            58,
            0,
            "Ben has a further device now; the safety number is the same. If that surprises you, ask them",
        ),
    ]);
    chat.unread_from = Some(message(41, "ben").entry_id);
    model
}

#[test]
fn the_first_run() {
    snapshots("first_run", |size| {
        let mut model = Model::new(now(), size, crate::config::Config::default(), false);
        write(&mut model, "Ana");
        model
    });
    snapshots("welcome", |size| {
        let mut model = Model::new(now(), size, crate::config::Config::default(), false);
        write(&mut model, "Ana");
        press(&mut model, "enter");
        model.me = Some(me());
        model
    });
}

#[test]
fn a_code_that_has_no_room_says_what_it_needs_and_is_shown_alone_or_saved() {
    let link = format!("nexus:{}", "aB3_".repeat(98));
    let invite = |size| {
        let mut model = home(size);
        press(&mut model, "alt-i");
        let view = nexus_node::api::InviteView {
            link: link.clone(),
            expires: "2026-11-30T18:30:00Z".to_owned(),
        };
        answer(&mut model, |p| *p == Purpose::Invite, Rows::Invite(Some(view)));
        model
    };
    snapshots("invite", invite);
    // It needs more rows than there are: it is saved instead.
    let mut model = invite((80, 24));
    press(&mut model, "f");
    assert!(text(&model).contains("no room for the QR code"));
    press(&mut model, "esc s enter");
    let mut model = invite((80, 24));
    press(&mut model, "s");
    let effects = press(&mut model, "enter");
    let saved = effects.iter().find_map(|e| match e {
        crate::message::Effect::Save { file, text } => Some((file.as_str(), text.as_str())),
        _ => None,
    });
    let (file, picture) = saved.unwrap();
    assert!(file == "~/nexus-qr.svg" && picture.starts_with("<svg") && picture.contains("M4 4h1"));
    // Of a ConnectID the code fits a small screen, once nothing lies around it.
    snapshots("whole_screen", |size| {
        let mut model = home(size);
        press(&mut model, "alt-d f");
        model
    });
}

#[test]
fn the_rest_of_the_windows() {
    let opened = |keys: &'static str| {
        move |size| {
            let mut model = chat(size, 3);
            press(&mut model, keys);
            model
        }
    };
    for (name, keys) in [
        ("network", "f2"),
        ("switch", "ctrl-k"),
        ("verify", "alt-d v"),
        ("timer", "alt-t"),
        ("react", "up +"),
        ("retract", "up up up d"),
        ("date", "up t"),
        ("rename", "esc r"),
        ("remove", "esc delete"),
    ] {
        snapshots(name, opened(keys));
    }
    let by_name = |words: &'static str| {
        move |size| {
            let mut model = chat(size, 3);
            press(&mut model, "ctrl-p");
            write(&mut model, words);
            press(&mut model, "enter");
            model
        }
    };
    snapshots("my_id", by_name("show my ConnectID"));
    snapshots("backup_form", by_name("write a backup"));
    snapshots("backup", |size| {
        let mut model = by_name("write a backup")(size);
        model.windows = vec![crate::model::window::Window::Page(crate::model::window::Page {
            kind: crate::model::window::PageKind::Backup,
            scroll: 0,
        })];
        model.backup = Some(crate::model::Backup {
            file: "~/nexus.backup".to_owned(),
            phrase: nexus_node::api::SecretText::new("alpha bravo charlie delta echo foxtrot"),
            written: Some(Ok(1_234)),
        });
        model
    });
    snapshots("gone", |size| {
        let mut model = chat(size, 3);
        let error = nexus_node::api::ErrorBody::new(
            nexus_node::api::ErrorCode::Unreachable,
            "the node has ended",
            "start `nexus` again; what was confirmed is kept",
        );
        update(&mut model, Message::Detached(error));
        model
    });
}

#[test]
fn a_window_has_its_edge_also_over_wide_characters() {
    for start in ["", "x"] {
        let mut model = home((80, 24));
        model.conversations[0].name = format!("{start}{}", "日本".repeat(6));
        model.conversations[0].last_text = Some(format!("{start}{}", "👩‍👩‍👧".repeat(9)));
        press(&mut model, "ctrl-k");
        let shown = text(&model);
        assert!(shown.contains("╭ Go to"), "{shown}");
        assert_eq!(shown.lines().filter(|l| l.contains(['╭', '╰'])).count(), 2, "{shown}");
    }
}

#[test]
fn what_went_wrong_is_told_whole_where_the_bar_is_too_short() {
    let mut model = chat((60, 20), 3);
    let words =
        "the disk is full; nothing that was confirmed is lost — free some space and try again";
    update(&mut model, Message::Said(words.into()));
    let shown = text(&model);
    assert!(shown.contains("free some") && shown.contains("try again"), "{shown}");
    press(&mut model, "x");
    assert!(!text(&model).contains("try again"), "a key takes it away");
}

#[test]
fn a_key_that_is_asked_for() {
    snapshots("bind", |size| {
        let mut model = chat(size, 3);
        press(&mut model, "f3");
        for _ in 0..10 {
            press(&mut model, "down");
        }
        press(&mut model, "enter");
        write(&mut model, "among answer this");
        press(&mut model, "enter ctrl-k");
        model
    });
}

#[test]
fn home_with_nobody_yet() {
    snapshots("alone", alone);
}

#[test]
fn home_with_conversations_requests_and_people_nearby() {
    snapshots("home", |size| {
        let mut model = home(size);
        model.conversations[0].unread = 3;
        let mut request = contact("cleo", "Cleo", ContactState::Incoming);
        request.message = Some("we met on the train".into());
        model.nearby.clear();
        let mut dan = crate::update::testing::nearby("dan", "Dan");
        dan.connect_id = CLEO.replace("cleo", "dan0");
        model.nearby.insert(dan.connect_id.clone(), dan);
        model.requests.push(request);
        press(&mut model, "home");
        model
    });
}

#[test]
fn a_conversation_with_one_of_everything() {
    snapshots("conversation", busy);
}

#[test]
fn a_message_that_is_chosen_and_an_answer_that_is_written() {
    snapshots("answering", |size| {
        let mut model = busy(size);
        press(&mut model, "up up up up up up up r");
        write(
            &mut model,
            "An answer that is longer than one row of the smallest screen, and so it goes on in the next.",
        );
        model
    });
    snapshots("chosen", |size| {
        let mut model = busy(size);
        press(&mut model, "up up up");
        model
    });
}

#[test]
fn windows() {
    snapshots("help", |size| {
        let mut model = home(size);
        press(&mut model, "f1");
        model
    });
    snapshots("palette", |size| {
        let mut model = home(size);
        press(&mut model, "ctrl-p");
        write(&mut model, "con");
        model
    });
    snapshots("search", |size| {
        let mut model = busy(size);
        press(&mut model, "ctrl-f");
        write(&mut model, "eight");
        let found =
            MessageView { snippet: Some("… Eight is fine. …".into()), ..message(20, "ben") };
        answer(
            &mut model,
            |p| *p == Purpose::Search { query: "eight".into() },
            Rows::Messages(vec![found.clone()]),
        );
        let chat = model.chat().unwrap();
        let at = chat.index(&found.entry_id).unwrap();
        let around = chat.messages[at - 1..=at + 1].to_vec();
        answer(&mut model, |p| matches!(p, Purpose::Around { .. }), Rows::Messages(around));
        model
    });
    snapshots("add_contact", |size| {
        let mut model = alone(size);
        press(&mut model, "n");
        model
    });
    snapshots("contact", |size| {
        let mut model = home(size);
        press(&mut model, "alt-d");
        model
    });
    snapshots("why", |size| {
        let mut model = busy(size);
        press(&mut model, "up up up w");
        model
    });
    snapshots("mute", |size| {
        let mut model = home(size);
        press(&mut model, "m");
        model
    });
    snapshots("link", |size| {
        let mut model = chat(size, 1);
        let link = format!("http://bank.example@evil.example/{}", "very/long/".repeat(12));
        model.chat_mut().unwrap().messages[0].text = format!("look at {link}");
        press(&mut model, "up l enter");
        model
    });
    snapshots("settings", |size| {
        let mut model = home(size);
        press(&mut model, "f3");
        model
    });
}

/// Where the styles of a screen change, line by line.
fn styles(model: &Model) -> String {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    terminal.draw(|frame| draw(model, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut out = String::new();
    for y in 0..model.size.1 {
        let mut last = None;
        for x in 0..model.size.0 {
            let cell = &buffer[(x, y)];
            let style = (cell.fg, cell.bg, cell.modifier);
            if last != Some(style) {
                out.push_str(&format!("[{} {} {:?}]", cell.fg, cell.bg, cell.modifier));
                last = Some(style);
            }
            out.push_str(cell.symbol());
        }
        out.push('\n');
    }
    out
}

#[test]
fn themes_differ_in_styles_only_and_nothing_is_told_by_colour_alone() {
    let plain = text(&busy((80, 24)));
    for kind in crate::theme::Kind::ALL {
        let mut model = busy((80, 24));
        model.set_theme(kind);
        assert_eq!(text(&model), plain, "every sign is a letter or a shape: {}", kind.name());
        insta::assert_snapshot!(format!("theme_{}", kind.name()), styles(&model));
        press(&mut model, "esc esc");
        let mut other = busy((80, 24));
        press(&mut other, "esc esc");
        assert_eq!(text(&model), text(&other), "{}", kind.name());
    }
}

#[test]
fn text_of_peers_can_neither_move_the_cursor_nor_break_the_layout() {
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{202e}abc\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{9b}31m\u{200b}\t\u{8}";
    for size in SIZES {
        let mut model = busy(size);
        for message in &mut model.chat_mut().unwrap().messages {
            message.text = evil.repeat(3);
            message.author_name = evil.into();
        }
        model.conversations[0].name = evil.into();
        model.conversations[0].last_text = Some(evil.into());
        model.nearby.get_mut(CLEO).unwrap().name = evil.into();
        model.contacts.get_mut(BEN).unwrap().name = evil.into();
        model.contacts.get_mut(BEN).unwrap().warnings = vec![evil.into()];
        let shown = text(&model);
        assert!(shown.chars().all(|c| c == '\n' || !sanitize::is_unsafe(c)), "{shown}");
        for line in shown.lines() {
            assert!(text::width(line) <= usize::from(size.0), "{line}");
        }
    }
}

/// Counts what is written to a terminal.
struct Counter(std::rc::Rc<std::cell::Cell<usize>>);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Prints figures for `docs/benchmarks.md`: `cargo nextest run -p nexus-tui --release --run-ignored only --no-capture`.
#[test]
#[ignore = "a measurement"]
fn measure_keys_and_pictures() {
    use std::time::Instant;
    let mut model = chat((120, 40), 0);
    model.chat_mut().unwrap().messages = (0..600).map(|n| message(n, "ben")).collect();
    model.chat_mut().unwrap().older = true;
    let written = std::rc::Rc::new(std::cell::Cell::new(0));
    let area = ratatui::layout::Rect::new(0, 0, 120, 40);
    let options = ratatui::TerminalOptions { viewport: ratatui::Viewport::Fixed(area) };
    let backend = CrosstermBackend::new(Counter(std::rc::Rc::clone(&written)));
    let mut terminal = Terminal::with_options(backend, options).unwrap();
    let mut times = Vec::new();
    let mut bytes = Vec::new();
    for n in 600..3_600_u64 {
        let event =
            nexus_node::api::Event::Message { message: Box::new(message(n, "ben")), new: true };
        let view = Box::new(nexus_node::api::EventView { cursor: None, event });
        let start = Instant::now();
        update(&mut model, Message::Event(view));
        press(&mut model, if n % 2 == 0 { "x" } else { "backspace" });
        let before = written.get();
        terminal.draw(|frame| draw(&model, frame)).unwrap();
        times.push(start.elapsed());
        bytes.push(written.get() - before);
    }
    times.sort();
    bytes.sort_unstable();
    println!(
        "a message, a key and a picture: p50 {:?}, p99 {:?}; bytes p50 {}",
        times[1_500], times[2_970], bytes[1_500]
    );
}

fn any_message() -> impl Strategy<Value = Message> {
    let codes = prop_oneof![
        any::<char>().prop_map(Code::Char),
        proptest::sample::select(
            "abdehijkmnoqrtuwcy+/?:gG ".chars().map(Code::Char).collect::<Vec<_>>()
        ),
        proptest::sample::select(vec![
            Code::Enter,
            Code::Esc,
            Code::Tab,
            Code::Backspace,
            Code::Delete,
            Code::Up,
            Code::Down,
            Code::Left,
            Code::Right,
            Code::Home,
            Code::End,
            Code::PageUp,
            Code::PageDown,
            Code::F(1),
            Code::F(2),
            Code::F(3),
        ]),
    ];
    let key = (codes, any::<bool>(), any::<bool>()).prop_map(|(code, ctrl, alt)| Key {
        code,
        ctrl: ctrl && alt != ctrl,
        alt,
        shift: false,
    });
    prop_oneof![
        8 => key.prop_map(Message::Key),
        1 => ".{0,200}".prop_map(Message::Paste),
        1 => (1u16..220, 1u16..70).prop_map(|(w, h)| Message::Resize(w, h)),
        1 => (0u16..220, 0u16..70).prop_map(|(x, y)| Message::Mouse(Mouse::Click(x, y))),
        1 => (0u16..220, 0u16..70, any::<bool>()).prop_map(|(x, y, up)| Message::Mouse(Mouse::Wheel(x, y, if up { -1 } else { 1 }))),
        1 => any::<bool>().prop_map(Message::Focus),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn no_sequence_of_keys_sizes_and_pastes_breaks_anything(
        messages in proptest::collection::vec(any_message(), 1..60),
    ) {
        let mut model = busy((80, 24));
        for message in messages {
            update(&mut model, message);
            let shown = text(&model);
            prop_assert!(shown.chars().all(|c| c == '\n' || !sanitize::is_unsafe(c)));
        }
    }
}
