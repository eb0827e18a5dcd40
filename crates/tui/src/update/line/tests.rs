use proptest::prelude::*;

use nexus_node::api::{Command, ContactState, Event, EventView, HappenedView, MessageState};

use crate::keymap::Action;
use crate::message::{Effect, Message, Purpose, Rows};
use crate::model::Model;
use crate::model::linear::Linear;
use crate::spoken::{SIZE, Teller};
use crate::update::testing::{self, BEN, CLEO, answer, commands};
use crate::update::update;

/// A conversation with Ben, heard instead of seen.
fn heard() -> (Model, Teller) {
    let mut model = testing::chat(SIZE, 9);
    model.linear = Some(Linear::default());
    model.config.keymap = model.config.keymap.by_name();
    let mut teller = Teller::default();
    teller.tell(&model);
    (model, teller)
}

/// Types a line: what is told of it, and what is wanted.
fn types(model: &mut Model, teller: &mut Teller, line: &str) -> (Vec<String>, Vec<Effect>) {
    let message = Message::Line(line.to_owned());
    teller.hears(model, &message);
    let effects = update(model, message);
    let mut told = Vec::new();
    for effect in &effects {
        teller.wants(effect);
        if let Effect::Tell(lines) = effect {
            told.extend(lines.clone());
        }
    }
    told.extend(teller.tell(model));
    (told, effects)
}

fn event(model: &mut Model, teller: &mut Teller, event: Event) -> Vec<String> {
    let message = Message::Event(Box::new(EventView { cursor: None, event }));
    teller.hears(model, &message);
    update(model, message);
    teller.tell(model)
}

#[test]
fn every_action_of_the_key_map_is_there_by_its_name_and_something_comes_of_it() {
    for action in Action::ALL {
        let (mut model, mut teller) = heard();
        let (told, effects) = types(&mut model, &mut teller, &format!("/{}", action.name()));
        let told = told.join("\n");
        assert!(!told.contains("There is no /"), "{action:?}: {told}");
        // Pages wait for what the node says.
        let asked = !commands(&effects).is_empty() || !effects.is_empty();
        assert!(!told.is_empty() || asked || !model.windows.is_empty(), "{action:?}: nothing");
    }
}

#[test]
fn what_is_typed_is_sent_and_a_draft_stays() {
    let (mut model, mut teller) = heard();
    let (told, _) = types(&mut model, &mut teller, "/draft half a thou");
    assert_eq!(told, ["Draft: \"half a thou\". /send sends it."]);
    let (_, effects) = types(&mut model, &mut teller, "hello");
    let sent: Vec<Command> =
        commands(&effects).into_iter().filter(|c| matches!(c, Command::Send { .. })).collect();
    assert!(matches!(&sent[..], [Command::Send { text, .. }] if text == "hello"), "{sent:?}");
    assert_eq!(model.chat().unwrap().composer.text(), "half a thou");
    let (_, effects) = types(&mut model, &mut teller, "//slash");
    assert!(matches!(&commands(&effects)[..], [Command::Send { text, .. }] if text == "/slash"));
    types(&mut model, &mut teller, "/paste");
    types(&mut model, &mut teller, "/one");
    types(&mut model, &mut teller, "  two");
    let (_, effects) = types(&mut model, &mut teller, ".");
    assert!(
        matches!(&commands(&effects)[..], [Command::Send { text, .. }] if text == "/one\n  two")
    );
}

#[test]
fn answers_edits_and_reactions_mean_the_newest_that_fits_or_the_one_with_the_number() {
    let (mut model, mut teller) = heard();
    let id = |n: u64| testing::message(n, "me").entry_id;
    let (_, effects) = types(&mut model, &mut teller, "/reply yes");
    assert!(
        matches!(&commands(&effects)[..], [Command::Send { reply: Some(to), .. }] if *to == id(8))
    );
    let (_, effects) = types(&mut model, &mut teller, "/edit better");
    assert!(
        matches!(&commands(&effects)[..], [Command::Edit { id: of, text }] if *of == id(6) && text == "better")
    );
    let (_, effects) = types(&mut model, &mut teller, "/react #3 👍");
    assert!(
        matches!(&commands(&effects)[..], [Command::React { id: of, emoji }] if *of == id(6) && emoji == "👍")
    );
    let (told, _) = types(&mut model, &mut teller, "/retract");
    assert!(told.iter().any(|l| l.contains("Type yes or no")), "{told:?}");
    let (_, effects) = types(&mut model, &mut teller, "yes");
    assert!(matches!(&commands(&effects)[..], [Command::Retract { id: of }] if *of == id(6)));
    let (told, _) = types(&mut model, &mut teller, "/reply #99 no");
    assert_eq!(told, ["There is no such message: /read reads the newest with their numbers."]);
}

#[test]
fn people_are_named_by_name_number_or_the_beginning_of_their_connect_id() {
    let (mut model, mut teller) = heard();
    for words in ["/ask", "/ask cleo", "/ask CLE", "/ask nx1qcleo00", "/ask cleo0000"] {
        let (told, effects) = types(&mut model, &mut teller, words);
        let asked = commands(&effects);
        assert!(
            matches!(&asked[..], [Command::ContactAdd { who, .. }] if who == CLEO),
            "{words}: {told:?}"
        );
    }
    types(&mut model, &mut teller, "/list");
    let (_, effects) = types(&mut model, &mut teller, "/ask 2");
    assert_eq!(commands(&effects).len(), 1);
    let (told, effects) = types(&mut model, &mut teller, "/ask somebody else");
    assert!(commands(&effects).is_empty() && told[0].starts_with("There is no somebody else"));
    // Of two with one name neither is taken.
    let double = nexus_node::api::NearbyView {
        connect_id: CLEO.replace("cleo", "clea"),
        ..testing::nearby("cleo", "Cleo")
    };
    model.nearby.insert(double.connect_id.clone(), double);
    let (told, effects) = types(&mut model, &mut teller, "/ask Cleo");
    assert!(commands(&effects).is_empty());
    assert!(told.iter().any(|l| l.starts_with("Which one: cleo (nx1qclea0000)")), "{told:?}");
}

#[test]
fn what_happens_is_told_in_words() {
    let (mut model, mut teller) = heard();
    types(&mut model, &mut teller, "mine");
    let mine = nexus_node::api::MessageView {
        text: "mine".into(),
        state: MessageState::Queued,
        ..testing::message(20, "me")
    };
    let told = event(
        &mut model,
        &mut teller,
        Event::Message { message: Box::new(mine.clone()), new: true },
    );
    assert!(told.is_empty(), "what I typed is not read out to me: {told:?}");
    let state = |state| Event::State {
        entry_id: mine.entry_id.clone(),
        conversation: mine.conversation.clone(),
        state,
    };
    assert!(event(&mut model, &mut teller, state(MessageState::Sent)).is_empty());
    assert_eq!(event(&mut model, &mut teller, state(MessageState::Delivered)), ["Delivered."]);
    assert_eq!(event(&mut model, &mut teller, state(MessageState::Read)), ["Read."]);
    let theirs = testing::message(21, "ben");
    let told = event(
        &mut model,
        &mut teller,
        Event::Message { message: Box::new(theirs.clone()), new: true },
    );
    assert_eq!(told, ["Ben, 17:51: message 21"]);
    let edited = nexus_node::api::MessageView { text: "better".into(), edited: true, ..theirs };
    let told =
        event(&mut model, &mut teller, Event::Message { message: Box::new(edited), new: false });
    assert_eq!(told, ["Ben edited: message 21", "Ben, 17:51, edited: better"]);
    let gone =
        Event::LinkDown { connect_id: BEN.into(), instance: "i-ben".into(), reason: String::new() };
    assert_eq!(event(&mut model, &mut teller, gone), ["Ben is away."]);
    let asks = testing::contact("cleo", "Cleo", ContactState::Incoming);
    let told = event(&mut model, &mut teller, Event::Contact { contact: asks });
    assert_eq!(told, ["Cleo asks to be a contact. /accept, /decline or /block"]);
}

#[test]
fn what_comes_after_an_action_is_a_name_or_what_it_asks_for() {
    let (mut model, mut teller) = heard();
    let (told, effects) = types(&mut model, &mut teller, "/timer 1 hour");
    assert!(
        matches!(&commands(&effects)[..], [Command::Timer { seconds: Some(3_600), .. }]),
        "{told:?}: {effects:?}"
    );
    let (_, effects) = types(&mut model, &mut teller, "/rename Bobby");
    assert!(
        matches!(&commands(&effects)[..], [Command::ContactRename { name, .. }] if name == "Bobby")
    );
    let (told, effects) = types(&mut model, &mut teller, "/remove Ben");
    assert!(commands(&effects).is_empty() && told[0].contains("Type yes or no"), "{told:?}");
    let (told, effects) = types(&mut model, &mut teller, "no");
    assert_eq!((commands(&effects).len(), &told[0][..]), (0, "Nothing was done."));
}

#[test]
fn a_link_is_read_out_whole_and_opened_only_after_a_yes() {
    let (mut model, mut teller) = heard();
    let with = nexus_node::api::MessageView {
        text: "see https://example.org/a?b".into(),
        ..testing::message(30, "ben")
    };
    event(&mut model, &mut teller, Event::Message { message: Box::new(with), new: true });
    types(&mut model, &mut teller, "/links");
    let (told, _) = types(&mut model, &mut teller, "1");
    assert!(told.iter().any(|l| l == "https://example.org/a?b"), "{told:?}");
    assert!(told.iter().any(|l| l.contains("Type yes")), "{told:?}");
    update(&mut model, Message::Heard);
    let (_, effects) = types(&mut model, &mut teller, "yes");
    assert!(effects.contains(&Effect::Follow("https://example.org/a?b".into())), "{effects:?}");
}

#[test]
fn a_flood_is_counted_instead_of_read_out() {
    let (mut model, mut teller) = heard();
    for n in 30..90 {
        let event = Event::Message { message: Box::new(testing::message(n, "ben")), new: true };
        let message = Message::Event(Box::new(EventView { cursor: None, event }));
        teller.hears(&model, &message);
        update(&mut model, message);
    }
    assert_eq!(teller.tell(&model), ["60 messages came at once: /read 60 reads them."]);
    let (told, _) = types(&mut model, &mut teller, "/read 2");
    assert_eq!(told, ["#2 Ben, 18:58: message 88", "#1 Ben, 18:59: message 89"]);
}

#[test]
fn what_takes_longer_than_half_a_second_is_told_and_the_rest_goes_on() {
    let (mut model, mut teller) = heard();
    types(&mut model, &mut teller, "/search mess");
    model.now.at += jiff::SignedDuration::from_millis(600);
    assert_eq!(teller.tell(&model), ["One moment: searching."]);
    let (told, _) = types(&mut model, &mut teller, "/status");
    assert_eq!(told, ["You are Ana, online: 1 by lan."]);
    types(&mut model, &mut teller, "/search mess");
    let found = vec![testing::message(3, "me")];
    model.pending.retain(|_, p| matches!(p.purpose, Purpose::Search { .. }));
    answer(&mut model, |p| matches!(p, Purpose::Search { .. }), Rows::Messages(found));
    model.pending.clear();
    let told = teller.tell(&model);
    assert!(told.contains(&"1: You, in Ben, 17:33: message 3".to_owned()), "{told:?}");
}

#[test]
fn what_was_written_around_a_result_is_read_out_on_request() {
    let (mut model, mut teller) = heard();
    types(&mut model, &mut teller, "/search mess");
    let found = [7, 3].map(|n| testing::message(n, "ben")).to_vec();
    answer(&mut model, |p| matches!(p, Purpose::Search { .. }), Rows::Messages(found));
    assert!(teller.tell(&model).iter().any(|l| l.contains("/around and a number")));
    let (told, effects) = types(&mut model, &mut teller, "/around 2");
    assert_eq!((told.len(), commands(&effects).len()), (0, 1), "{told:?}");
    let around = (2..5).map(|n| testing::message(n, "ben")).collect();
    answer(&mut model, |p| matches!(p, Purpose::Around { .. }), Rows::Messages(around));
    let told = teller.tell(&model);
    let expected = ["Ben, 17:32: message 2", "Ben, 17:33: message 3", "Ben, 17:34: message 4"];
    assert_eq!(told[..3], expected, "{told:?}");
    let (told, _) = types(&mut model, &mut teller, "/around");
    assert!(told[0].starts_with("1: Ben") && told[1].starts_with("2: Ben"), "{told:?}");
    let (told, _) = types(&mut model, &mut teller, "/around 9");
    assert!(told.iter().any(|l| l == "There is no result of that number."), "{told:?}");
}

#[test]
fn what_happened_besides_what_was_written_is_told_as_it_happens_and_read_out_where_it_stands() {
    let (mut model, mut teller) = heard();
    let happens = |model: &mut Model, all: Vec<HappenedView>| {
        let purpose = Purpose::Happened { conversation: "c-ben".into() };
        update(model, Message::Answer { serial: 0, purpose, result: Ok(Rows::Happened(all)) });
    };
    let renamed = testing::happened("renamed", 7, 0, "Ben calls themselves Benno now");
    happens(&mut model, vec![renamed.clone()]);
    assert!(
        teller.tell(&model).is_empty(),
        "what was there at the opening is read where it stands"
    );
    let device = testing::happened("device_added", 20, 0, "Ben has a further device\nDelivered");
    let merge = testing::happened("merge", 20, 0, "0 messages arrived while you were apart");
    happens(&mut model, vec![renamed, merge, device]);
    let told = teller.tell(&model);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("Careful, Ben, 17:50: Ben has a further device"), "{told:?}");
    assert!(teller.tell(&model).is_empty());
    let (told, _) = types(&mut model, &mut teller, "/read 2");
    assert_eq!(told[0], "Note, Ben, 17:37: Ben calls themselves Benno now.");
    assert_eq!(told[1], "#2 Ben, 17:37: message 7");
    assert!(told[3].starts_with("Careful, Ben, 17:50") && told.len() == 4, "{told:?}");
}

/// A line as somebody types it: an action with or without something behind it, an answer, anything.
fn any_line() -> impl Strategy<Value = String> {
    let words: Vec<String> = crate::spoken::lists::WORDS
        .iter()
        .map(|(name, _, _)| (*name).to_owned())
        .chain(Action::ALL.iter().map(|a| a.name().to_owned()))
        // They end or leave the program.
        .filter(|name| name != "quit" && name != "suspend")
        .collect();
    let command =
        (prop::sample::select(words), prop::option::of("#?[0-9]{1,3}|\\PC{0,12}|Ben|Cleo"));
    prop_oneof![
        4 => command.prop_map(|(word, rest)| format!("/{word} {}", rest.unwrap_or_default())),
        1 => "yes|no|[0-9]{1,3}|\\.||//x",
        1 => "\\PC{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_lines_that_are_typed_break_anything_and_all_that_is_told_is_plain(
        lines in prop::collection::vec(any_line(), 1..25),
        theirs in "\\PC{0,10}[\u{1b}\u{202e}\u{7}\r\n]\\PC{0,10}",
    ) {
        let (mut model, mut teller) = heard();
        let evil = nexus_node::api::MessageView { text: theirs.clone(), ..testing::message(40, "ben") };
        let mut told = event(&mut model, &mut teller, Event::Message { message: Box::new(evil), new: true });
        for line in &lines {
            told.extend(types(&mut model, &mut teller, line).0);
            // What was asked is answered by nothing.
            model.pending.clear();
            told.extend(teller.tell(&model));
            update(&mut model, Message::Heard);
            let _ = crate::spoken::prompt(&model);
        }
        for line in told {
            prop_assert!(!line.contains(char::is_control), "{line:?} of {lines:?}");
            prop_assert!(!line.contains('\u{202e}'), "{line:?}");
        }
    }
}
