//! What a writer knows of its messages, kept out here where no kill of a node can reach it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::person::Control;

/// Sends on their way at once.
const WINDOW: usize = 32;

/// What became of what one person wrote.
#[derive(Default)]
pub struct Written {
    /// Texts that were answered `queued`, and the entry's id.
    pub confirmed: BTreeMap<String, String>,
    /// Asked for, and the node died before it answered.
    pub unknown: BTreeSet<String>,
    /// Answered with an error. Like the unknown ones these may be there or not, but on both sides alike.
    pub refused: BTreeMap<String, Value>,
    number: usize,
}

impl Written {
    /// The next text by `name`, unlike all others.
    pub fn next_text(&mut self, name: &str, words: usize) -> String {
        self.number += 1;
        format!("{name} {:06} {}.", self.number, "word ".repeat(words))
    }

    /// Sends what `next` gives, until it gives nothing more and all of it was answered; `next` is told how many wait for
    /// an answer. `false`: the node went away meanwhile.
    pub fn send(
        &mut self,
        control: &mut Control,
        to: &str,
        mut next: impl FnMut(&mut Self, usize) -> Option<String>,
    ) -> bool {
        let mut waiting: BTreeMap<u64, String> = BTreeMap::new();
        loop {
            while waiting.len() < WINDOW
                && let Some(text) = next(self, waiting.len())
            {
                let asked = control.ask(json!({"command": "send", "to": to, "text": text}));
                // A write to a dead node's socket fails or not, by chance; the read tells.
                waiting.insert(asked.unwrap_or(u64::MAX - self.number as u64), text);
            }
            if waiting.is_empty() {
                return true;
            }
            let Ok(answer) = control.answer() else { break };
            let asked = answer["request"].as_u64().unwrap();
            if answer["answer"] == "row" {
                let text = waiting.remove(&asked).expect("asked once");
                let id = answer["row"]["entry_id"].as_str().expect("an id").to_owned();
                self.confirmed.insert(text, id);
            } else if answer["answer"] == "error" {
                let text = waiting.remove(&asked).expect("asked once");
                self.refused.insert(text, answer["error"].clone());
            }
        }
        self.unknown.extend(waiting.into_values());
        false
    }

    fn knows(&self, text: &String) -> bool {
        self.confirmed.contains_key(text)
            || self.unknown.contains(text)
            || self.refused.contains_key(text)
    }
}

/// These texts are one side's whole history: each once, none that nobody wrote, and every confirmed one.
pub fn assert_whole(texts: &[String], written: &[&Written]) {
    let mut seen = BTreeSet::new();
    for text in texts {
        assert!(seen.insert(text), "doubled: {text}");
        assert!(written.iter().any(|side| side.knows(text)), "nobody wrote: {text}");
    }
    for text in written.iter().flat_map(|side| side.confirmed.keys()) {
        assert!(seen.contains(text), "lost: {text}");
    }
}
