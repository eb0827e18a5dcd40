//! Twelve things that people expect of a chat in a terminal. `docs/testing.md` names the test that shows each; here are
//! those that belong nowhere else, and one that keeps the list true.

use std::path::Path;

use nexus_node::api::{Event, EventView, MessageState};

use crate::message::Message;
use crate::update::testing::{BEN, CLEO, alone, chat, link, message, press};
use crate::update::update;
use crate::view::tests::text;

#[test]
fn who_has_read_a_message_is_seen_beside_it_and_by_name_in_its_details() {
    for size in [(60, 20), (80, 24), (120, 40), (200, 60)] {
        let mut model = chat(size, 1);
        let mut mine = message(5, "me");
        mine.delivered_to = vec![BEN.to_owned()];
        let event = |message, new| {
            let event = Event::Message { message: Box::new(message), new };
            Message::Event(Box::new(EventView { cursor: None, event }))
        };
        update(&mut model, event(mine.clone(), true));
        assert!(text(&model).contains("✓ delivered") && !text(&model).contains("✓✓ read"));
        mine.state = MessageState::Read;
        mine.read_by = vec![BEN.to_owned()];
        update(&mut model, event(mine, false));
        assert!(text(&model).contains("✓✓ read"), "{}", text(&model));
        if size.0 >= 120 {
            press(&mut model, "up");
            let shown = text(&model);
            let after = shown.split("read by").nth(1).unwrap_or_else(|| panic!("{shown}"));
            assert!(after.contains("Ben"), "{shown}");
        }
    }
}

#[test]
fn whether_i_am_online_and_how_is_always_in_the_bar_and_for_each_person_in_the_list() {
    for size in [(60, 20), (80, 24), (200, 60)] {
        let mut model = alone(size);
        let bar = |model: &_| text(model).lines().last().unwrap_or_default().to_owned();
        assert!(bar(&model).contains("Ana · no links"), "{}", bar(&model));
        let up = |who: &str, path: &str| {
            let mut link = link(who);
            path.clone_into(&mut link.path);
            Message::Event(Box::new(EventView { cursor: None, event: Event::LinkUp { link } }))
        };
        update(&mut model, up("ben", "lan"));
        assert!(bar(&model).contains("online: 1 by lan"), "{}", bar(&model));
        update(&mut model, up("cleo", "relay"));
        assert!(bar(&model).contains("online: 1 by lan, 1 by relay"), "{}", bar(&model));
        for (who, id) in [("ben", BEN), ("cleo", CLEO)] {
            let event = Event::LinkDown {
                connect_id: id.to_owned(),
                instance: format!("i-{who}"),
                reason: String::new(),
            };
            update(&mut model, Message::Event(Box::new(EventView { cursor: None, event })));
        }
        assert!(bar(&model).contains("no links"), "{}", bar(&model));
        // Of the other side: in the list and, where it is open, above the conversation.
        let mut model = crate::update::testing::home(size);
        assert!(text(&model).contains("● Ben") && text(&model).contains("lan"));
        model.links.clear();
        assert!(text(&model).contains("○ Ben") && text(&model).contains("away"));
    }
}

/// The rows of the table, and the tests that they name.
#[test]
fn each_of_the_twelve_names_a_test_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/testing.md")).unwrap();
    let table = page.split("## Twelve things").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows: Vec<&str> =
        table.unwrap().lines().filter(|l| l.starts_with("| ") && l.contains('`')).collect();
    assert_eq!(rows.len(), 12, "{rows:#?}");
    for row in rows {
        let mut named = row.split('`').skip(1).step_by(2);
        let mut tests = 0;
        while let (Some(file), Some(test)) = (named.next(), named.next()) {
            let source = std::fs::read_to_string(root.join("crates").join(file)).unwrap();
            assert!(source.contains(&format!("fn {test}(")), "{file} has no {test}");
            tests += 1;
        }
        assert!(tests > 0, "{row}");
    }
}
