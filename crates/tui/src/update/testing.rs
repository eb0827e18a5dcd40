//! Models to test with: a person called Ana, her conversations, a fixed time.

use jiff::ToSpan;
use jiff::tz::TimeZone;
use nexus_node::api::{
    ContactState, ContactView, ConversationView, ErrorBody, ErrorCode, HappenedView, IdentityView,
    LinkView, MessageState, MessageView, NearbyView,
};

use crate::config::Config;
use crate::keymap;
use crate::message::{Effect, Message, Purpose, Rows};
use crate::model::Model;
use crate::time::Now;
use crate::update::update;

/// Ana.
pub(crate) const ANA: &str = "nx1qana00000000000000000000000000000000000000000000000000000000";
/// Ben.
pub(crate) const BEN: &str = "nx1qben00000000000000000000000000000000000000000000000000000000";
/// Cleo.
pub(crate) const CLEO: &str = "nx1qcleo0000000000000000000000000000000000000000000000000000000";

/// Half past six on a Monday.
pub(crate) fn now() -> Now {
    Now { at: "2026-11-23T18:30:00Z".parse().unwrap(), zone: TimeZone::UTC }
}

pub(crate) fn id(who: &str) -> &'static str {
    match who {
        "me" | "ana" => ANA,
        "ben" => BEN,
        _ => CLEO,
    }
}

/// Message number `n` of a conversation, a minute after the one before.
pub(crate) fn message(n: u64, author: &str) -> MessageView {
    let at = now().at.as_millisecond() - 3_600_000 + i64::try_from(n).unwrap() * 60_000;
    MessageView {
        entry_id: format!("{n:064x}"),
        conversation: "c-ben".to_owned(),
        author: id(author).to_owned(),
        author_name: match author {
            "ben" => "Ben".to_owned(),
            "cleo" => "Cleo".to_owned(),
            _ => "Ana".to_owned(),
        },
        kind: "text".to_owned(),
        text: format!("message {n}"),
        time: jiff::Timestamp::from_millisecond(at).unwrap().to_string(),
        state: MessageState::Delivered,
        delivered_to: Vec::new(),
        read_by: Vec::new(),
        edited: false,
        reactions: Vec::new(),
        reply_to: None,
        file: None,
        snippet: None,
        expires: None,
        order: format!("{:032x}", n + 1_000_000),
        flags: Vec::new(),
    }
}

pub(crate) fn contact(who: &str, name: &str, state: ContactState) -> ContactView {
    ContactView {
        connect_id: id(who).to_owned(),
        name: name.to_owned(),
        state,
        verified: false,
        safety_number: Some(["12345"; 12].join(" ")),
        message: None,
        path: None,
        last_seen: Some("2026-11-23T18:02:00.000Z".to_owned()),
        keys_from: None,
        warnings: Vec::new(),
    }
}

pub(crate) fn conversation(who: &str, name: &str, unread: u64) -> ConversationView {
    ConversationView {
        id: format!("c-{who}"),
        kind: "direct".to_owned(),
        name: name.to_owned(),
        members: vec![ANA.to_owned(), id(who).to_owned()],
        unread,
        last_time: Some("2026-11-23T18:20:00.000Z".to_owned()),
        last_text: Some("see you at eight".to_owned()),
        state: ContactState::Accepted,
        muted: None,
        timer: None,
    }
}

pub(crate) fn link(who: &str) -> LinkView {
    LinkView {
        connect_id: id(who).to_owned(),
        name: who.to_owned(),
        instance: format!("i-{who}"),
        path: "lan".to_owned(),
        address: "192.168.1.7:46340".to_owned(),
        rtt_ms: Some(0.4),
        cipher: "TLS_AES_128_GCM".to_owned(),
        age: 12.0,
        why: "first that answered on this network".to_owned(),
        sync_sent: 0,
        sync_received: 0,
    }
}

pub(crate) fn nearby(who: &str, name: &str) -> NearbyView {
    NearbyView {
        connect_id: id(who).to_owned(),
        name: name.to_owned(),
        addresses: vec!["192.168.1.9:46340".to_owned()],
        last_seen: "2026-11-23T18:29:58.000Z".to_owned(),
        contact: None,
    }
}

/// Something that happened just before message number `n`.
pub(crate) fn happened(kind: &str, n: u64, count: u64, detail: &str) -> HappenedView {
    let at = message(n, "ben");
    HappenedView {
        conversation: "c-ben".to_owned(),
        time: at.time,
        kind: kind.to_owned(),
        order: at.order,
        first: (kind == "merge").then_some(at.entry_id),
        count,
        detail: detail.to_owned(),
    }
}

pub(crate) fn me() -> IdentityView {
    IdentityView {
        connect_id: ANA.to_owned(),
        public_key: "00".repeat(32),
        instance: "11".repeat(32),
        name: "Ana".to_owned(),
        data_dir: "/home/ana/.local/share/nexus".to_owned(),
    }
}

/// Ana on a terminal of this size, alone.
pub(crate) fn alone(size: (u16, u16)) -> Model {
    let mut model = Model::new(now(), size, Config::default(), true);
    update(&mut model, Message::Attached);
    answer(&mut model, |p| *p == Purpose::Me, Rows::Me(Some(me())));
    answer(&mut model, |p| *p == Purpose::Contacts, Rows::Contacts(Vec::new()));
    answer(&mut model, |p| *p == Purpose::Requests, Rows::Contacts(Vec::new()));
    answer(&mut model, |p| *p == Purpose::Conversations, Rows::Conversations(Vec::new()));
    answer(&mut model, |p| *p == Purpose::Nearby, Rows::Nearby(Vec::new()));
    model.pending.clear();
    model
}

/// Ana, who knows Ben, is asked by nobody, and sees Cleo nearby.
pub(crate) fn home(size: (u16, u16)) -> Model {
    let mut model = alone(size);
    model.contacts.insert(BEN.to_owned(), contact("ben", "Ben", ContactState::Accepted));
    model.conversations = vec![conversation("ben", "Ben", 0)];
    model.nearby.insert(CLEO.to_owned(), nearby("cleo", "Cleo"));
    model.links.insert("i-ben".to_owned(), link("ben"));
    update(&mut model, Message::Resize(size.0, size.1));
    crate::model::home::settle(&mut model);
    model
}

/// Ana with Ben's conversation open, with so many messages, every third hers.
pub(crate) fn chat(size: (u16, u16), messages: u64) -> Model {
    let mut model = home(size);
    press(&mut model, "enter");
    let from = |n: u64| if n.is_multiple_of(3) { "me" } else { "ben" };
    let rows = (0..messages).map(|n| message(n, from(n))).collect();
    answer(&mut model, |p| matches!(p, Purpose::Window { .. }), Rows::Messages(rows));
    model.pending.clear();
    model
}

/// Answers the first question that fits.
pub(crate) fn answer(
    model: &mut Model,
    fits: impl Fn(&Purpose) -> bool,
    rows: Rows,
) -> Vec<Effect> {
    let found = model.pending.iter().find(|(_, p)| fits(&p.purpose));
    let (serial, purpose) = found.map(|(s, p)| (*s, p.purpose.clone())).expect("a question");
    update(model, Message::Answer { serial, purpose, result: Ok(rows) })
}

/// Refuses the first question that fits: the disk is full.
pub(crate) fn refuse(model: &mut Model, fits: impl Fn(&Purpose) -> bool) -> Vec<Effect> {
    let found = model.pending.iter().find(|(_, p)| fits(&p.purpose));
    let (serial, purpose) = found.map(|(s, p)| (*s, p.purpose.clone())).expect("a question");
    let error = ErrorBody::new(ErrorCode::DiskFull, "the disk is full", "free some");
    update(model, Message::Answer { serial, purpose, result: Err(error) })
}

/// So many milliseconds pass.
pub(crate) fn later(model: &mut Model, milliseconds: i64) -> Vec<Effect> {
    let now = Now { at: model.now.at + milliseconds.milliseconds(), zone: model.now.zone.clone() };
    update(model, Message::Time(now))
}

/// Presses keys, written as in `config.toml`.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for word in keys.split_whitespace() {
        for key in keymap::parse(word).unwrap() {
            effects.extend(update(model, Message::Key(key)));
        }
    }
    effects
}

/// Types a text.
pub(crate) fn write(model: &mut Model, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for c in text.chars() {
        let key = keymap::Key::plain(keymap::Code::Char(c));
        effects.extend(update(model, Message::Key(key)));
    }
    effects
}

/// What is asked of the node by these effects.
pub(crate) fn commands(effects: &[Effect]) -> Vec<nexus_node::api::Command> {
    let command = |effect: &Effect| match effect {
        Effect::Ask { command, .. } => Some((**command).clone()),
        _ => None,
    };
    effects.iter().filter_map(command).collect()
}
