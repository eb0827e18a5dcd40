//! The story that most tests begin with: two people find each other and become contacts.

use std::time::{Duration, Instant};

use super::person::Node;
use super::{Person, free_udp_port, until};

/// Long enough for any beacon interval and a slow machine, short enough to fail within a test.
pub const SOON: Duration = Duration::from_secs(30);

/// Two contacts on this machine whose nodes never leave it, and do not run now.
pub fn contacts_on_loopback(names: [&str; 2]) -> [Person; 2] {
    let port = free_udp_port();
    let people = names.map(|name| Person::on_loopback(name, port));
    let nodes = people.each_ref().map(Person::start);
    sees(&people[0], &people[1]);
    become_contacts(&people[0], &people[1]);
    nodes.into_iter().for_each(Node::stop);
    people
}

/// Waits until `who` sees `other` by discovery.
pub fn sees(who: &Person, other: &Person) {
    let began = Instant::now();
    until(&format!("{} discovers {}", who.name, other.name), SOON, || {
        let rows = who.nexus(&["nearby"]).rows();
        match rows.iter().find(|row| row["connect_id"] == other.id.as_str()) {
            Some(row) if row["name"] == other.name.as_str() => Ok(()),
            _ => Err(format!("{rows:?}")),
        }
    });
    eprintln!("{} sees {} after {:?}", who.name, other.name, began.elapsed());
}

/// `asker` asks, `asked` finds the request with its words and accepts; both end `accepted`.
pub fn become_contacts(asker: &Person, asked: &Person) {
    let began = Instant::now();
    let words = format!("hello, {} here", asker.name);
    let row = asker.nexus(&["contact", "add", &asked.id, "--message", &words]).row();
    assert_eq!(row["state"], "requested", "{row}");
    let request = asked.contact_in_state(&asker.id, "incoming", SOON);
    assert_eq!(request["message"], words.as_str(), "{request}");
    let row = asked.nexus(&["contact", "accept", &asker.id]).row();
    assert_eq!(row["state"], "accepted", "{row}");
    asker.contact_in_state(&asked.id, "accepted", SOON);
    eprintln!("{} and {} are contacts after {:?}", asker.name, asked.name, began.elapsed());
}

/// `from` writes, and it must be durable at `to` and readable there.
pub fn delivers(from: &Person, to: &Person, text: &str) {
    let began = Instant::now();
    let rows =
        from.nexus(&["send", &to.id, text, "--wait", "delivered", "--timeout", "30s"]).rows();
    let last = rows.last().expect("a row");
    assert_eq!(last["state"], "delivered", "{rows:?}");
    eprintln!("{} → {} delivered after {:?}", from.name, to.name, began.elapsed());
    let texts = to.texts(&from.id);
    assert_eq!(texts.iter().filter(|found| *found == text).count(), 1, "{texts:?}");
}

/// Both see the same conversation, entry for entry.
pub fn see_the_same(a: &Person, b: &Person) {
    until(&format!("{} and {} converge", a.name, b.name), SOON, || {
        let (left, right) = (a.digest(&b.id), b.digest(&a.id));
        if left == right { Ok(()) } else { Err(format!("{left} / {right}")) }
    });
    assert_eq!(a.texts(&b.id), b.texts(&a.id));
}
