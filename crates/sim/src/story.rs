//! Stories: plans that people wrote down, one line for each thing that happens, with what devices are to show.
//!
//! ```text
//! device a of anna
//! device b of ben
//! friends anna ben
//!
//! 0s  a says "one" to ben
//! 1h  b shows "one" with anna
//! 1h  b leaves for 200d
//! ```
//!
//! A line is `device NAME of PERSON [later]`, `clock NAME 1970|±TIME`, `clock NAME gains|loses TIME` (each day), `friends PERSON PERSON`,
//! `strangers PERSON PERSON`, or a time and a deed; `#` begins a remark. Devices are all in reach of each other. Times are a number and one of `s m h d`,
//! and never fall. Deeds, of a device towards a person:
//! `says TEXT to`, `answers TEXT with TEXT to`, `edits TEXT to TEXT for`, `retracts TEXT for`, `reacts TEXT to TEXT for`,
//! `sets timer TIME|off with`, `asks`, `accepts`, `blocks`, `unblocks`, `shows TEXT… with`; of a device alone: `backs up`,
//! `restores DEVICE`, `copies DEVICE`, `crashes for TIME`, `leaves for TIME`, `remembers`, `forgets`, `jumps ±TIME`.
//!
//! `shows` wants exactly these texts, oldest first: a reaction stands behind its text, what was taken back is `(retracted)`,
//! what can't be read `(unreadable)`, and a timer `(timer)`. After the last line comes the quiet time of every run, and then
//! all promises are looked at; what is shown `finally` instead of at a time is looked at there.

use std::collections::BTreeMap;

use crate::plan::{
    Act, ClockPlan, ContactAct, DAY, Fault, HOUR, Line, Ms, NetPlan, NodePlan, Plan, SECOND, Step,
};

/// How long after the last deed everything that was wrong is put right.
const PAUSE: Ms = HOUR;
/// How long after that `finally` is.
const FINALLY: Ms = 30 * DAY;

/// Why a story can't be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct StoryError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

#[derive(Default)]
struct Telling {
    people: Vec<String>,
    devices: BTreeMap<String, usize>,
    nodes: Vec<NodePlan>,
    friends: Vec<(usize, usize)>,
    strangers: Vec<(usize, usize)>,
    steps: Vec<Step>,
    last: Vec<Act>,
    now: Ms,
}

/// Reads a story. `seed` draws what a story leaves open: keys, and how long wires and disks take.
///
/// # Errors
/// When a line is none of those above.
pub fn read(text: &str, seed: u64) -> Result<Plan, StoryError> {
    let mut telling = Telling::default();
    for (at, line) in text.lines().enumerate() {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        telling.line(&words).map_err(|what| StoryError { line: at + 1, what })?;
    }
    Ok(telling.plan(seed))
}

/// Words, and texts in quotation marks as one word each; nothing from `#` on.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
            continue;
        }
        let (before, remark) = part.split_once('#').map_or((part, false), |(b, _)| (b, true));
        words.extend(before.split_whitespace().map(str::to_owned));
        if remark {
            break;
        }
    }
    words
}

/// `12h` and the like.
fn span(word: &str) -> Result<Ms, String> {
    let wrong = || format!("{word:?} is no time: 10s, 5m, 3h, 2d");
    let unit = match word.chars().last() {
        Some('s') => SECOND,
        Some('m') => 60 * SECOND,
        Some('h') => HOUR,
        Some('d') => DAY,
        _ => return Err(wrong()),
    };
    let number: u64 = word[..word.len() - 1].parse().map_err(|_| wrong())?;
    Ok(number * unit)
}

fn shift(word: &str) -> Result<i64, String> {
    let (sign, rest) = match word.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(format!("{word:?} is neither +TIME nor -TIME")),
    };
    Ok(sign * i64::try_from(span(rest)?).unwrap_or(i64::MAX))
}

impl Telling {
    fn line(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            [] => Ok(()),
            ["device", name, "of", person] => self.device(name, person, false),
            ["device", name, "of", person, "later"] => self.device(name, person, true),
            ["clock", name, what] => {
                let node = self.node(name)?;
                let off =
                    if *what == "1970" { ClockPlan::Stuck } else { ClockPlan::Off(shift(what)?) };
                self.nodes[node].clock = off;
                Ok(())
            }
            ["clock", name, way @ ("gains" | "loses"), daily] => {
                let millionths = i64::try_from(span(daily)? * 1_000_000 / DAY).unwrap_or(i64::MAX);
                let drift = if *way == "gains" { millionths } else { -millionths };
                let node = self.node(name)?;
                self.nodes[node].clock = ClockPlan::Drifts(drift);
                Ok(())
            }
            ["friends", a, b] => {
                let pair = (self.person(a)?, self.person(b)?);
                self.friends.push(pair);
                Ok(())
            }
            ["strangers", a, b] => {
                let pair = (self.person(a)?, self.person(b)?);
                self.strangers.push(pair);
                Ok(())
            }
            ["finally", deed @ ..] => {
                let act = self.deed(deed)?;
                self.last.push(act);
                Ok(())
            }
            [time, deed @ ..] => {
                let at = span(time)?;
                if at < self.now {
                    return Err(format!("{time} is before the line above"));
                }
                self.now = at;
                let act = self.deed(deed)?;
                self.steps.push(Step { at, act });
                Ok(())
            }
        }
    }

    fn device(&mut self, name: &str, person: &str, later: bool) -> Result<(), String> {
        let known = self.people.iter().position(|one| one == person);
        let owner = known.unwrap_or_else(|| {
            self.people.push(person.to_owned());
            self.people.len() - 1
        });
        let clock = ClockPlan::Right;
        self.nodes.push(NodePlan { person: owner, later, clock, lies: Vec::new() });
        match self.devices.insert(name.to_owned(), self.nodes.len() - 1) {
            None => Ok(()),
            Some(_) => Err(format!("there are two devices {name}")),
        }
    }

    fn node(&self, name: &str) -> Result<usize, String> {
        self.devices.get(name).copied().ok_or_else(|| format!("there is no device {name}"))
    }

    fn person(&self, name: &str) -> Result<usize, String> {
        let place = self.people.iter().position(|one| one == name);
        place.ok_or_else(|| format!("there is nobody called {name}"))
    }

    fn deed(&self, words: &[&str]) -> Result<Act, String> {
        let [name, deed @ ..] = words else { return Err("nothing happens".into()) };
        let node = self.node(name)?;
        let write = |to: &str, line: Line| Ok(Act::Write { node, to: self.person(to)?, line });
        let contact = |who: &str, what| Ok(Act::Contact { node, who: self.person(who)?, what });
        let text = |text: &str| text.to_owned();
        match deed {
            ["says", words, "to", to] => write(to, Line::Text(text(words))),
            ["answers", of, "with", words, "to", to] => {
                write(to, Line::Reply { of: text(of), text: text(words) })
            }
            ["edits", of, "to", words, "for", to] => {
                write(to, Line::Edit { of: text(of), text: text(words) })
            }
            ["retracts", of, "for", to] => write(to, Line::Retract(text(of))),
            ["reacts", emoji, "to", of, "for", to] => {
                write(to, Line::React { of: text(of), emoji: text(emoji) })
            }
            ["sets", "timer", "off", "with", to] => write(to, Line::Timer(None)),
            ["sets", "timer", time, "with", to] => {
                write(to, Line::Timer(Some(span(time)? / SECOND)))
            }
            ["asks", who] => contact(who, ContactAct::Ask),
            ["accepts", who] => contact(who, ContactAct::Accept),
            ["blocks", who] => contact(who, ContactAct::Block),
            ["declines", who] => contact(who, ContactAct::Decline),
            ["removes", who] => contact(who, ContactAct::Remove),
            ["unblocks", who] => contact(who, ContactAct::Unblock),
            ["shows", shows @ .., "with", with] => {
                let shows = shows.iter().map(|one| text(one)).collect();
                Ok(Act::Look { node, with: self.person(with)?, shows })
            }
            ["backs", "up"] => Ok(Act::Backup { node }),
            ["restores", from] => Ok(Act::Restore { node, from: self.node(from)? }),
            other => self.fault(node, other).map(Act::Fault),
        }
    }

    fn fault(&self, node: usize, deed: &[&str]) -> Result<Fault, String> {
        Ok(match deed {
            ["copies", from] => Fault::Clone { node, from: self.node(from)? },
            ["crashes", "for", time] => Fault::Crash { node, writes: None, during: span(time)? },
            ["leaves", "for", time] => Fault::Partition { nodes: vec![node], during: span(time)? },
            ["remembers"] => Fault::Remember { node },
            ["forgets"] => Fault::Forget { node },
            ["jumps", by] => Fault::Clock { node, by: shift(by)? },
            other => return Err(format!("nobody knows how to do this: {}", other.join(" "))),
        })
    }

    fn plan(mut self, seed: u64) -> Plan {
        let span = self.now + PAUSE;
        let at = span + FINALLY;
        self.steps.extend(self.last.into_iter().map(|act| Step { at, act }));
        let count = self.nodes.len();
        let edges = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect();
        let net = NetPlan {
            delay: 20,
            rate: 1 << 20,
            cuts: 0,
            cut_within: 1,
            half_open: 0,
            double: 0,
            window: nexus_sync::limits::WINDOW,
        };
        Plan {
            seed,
            people: self.people.len(),
            nodes: self.nodes,
            edges,
            friends: self.friends,
            strangers: self.strangers,
            net,
            commit: 5,
            span,
            steps: self.steps,
        }
    }
}
