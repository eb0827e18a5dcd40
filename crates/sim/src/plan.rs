//! What a run does: who there is, who can reach whom, and what happens when. Drawn from a seed, or read from a file.

use serde::{Deserialize, Serialize};

mod draw;
mod faults;
mod pace;
mod topology;
mod workload;

/// Milliseconds.
pub type Ms = u64;
/// A second.
pub const SECOND: Ms = 1_000;
/// An hour.
pub const HOUR: Ms = 3_600 * SECOND;
/// A day.
pub const DAY: Ms = 24 * HOUR;

/// Devices in one run.
pub const MOST_DEVICES: usize = 40;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Everything that is not written down here comes from this.
    pub seed: u64,
    /// How many people there are.
    pub people: usize,
    /// Their devices.
    pub nodes: Vec<NodePlan>,
    /// Which devices can ever reach each other.
    pub edges: Vec<(usize, usize)>,
    /// People who have each other as contacts from the start.
    pub friends: Vec<(usize, usize)>,
    /// … and those who will ask each other.
    pub strangers: Vec<(usize, usize)>,
    /// The wires.
    pub net: NetPlan,
    /// Longest time that a commit takes.
    pub commit: Ms,
    /// How long things happen, before the quiet time at the end.
    pub span: Ms,
    /// What happens, in order of time.
    pub steps: Vec<Step>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlan {
    /// Whose it is.
    pub person: usize,
    /// Not there at the start: a [`Fault::Clone`] or [`Act::Restore`] makes it.
    pub later: bool,
    /// What its clock is wrong by.
    pub clock: ClockPlan,
    /// How it lies, if it does.
    pub lies: Vec<Lie>,
}

/// What is wrong with a clock from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockPlan {
    /// Nothing.
    Right,
    /// It is off by so many milliseconds.
    Off(i64),
    /// It gains so many millionths.
    Drifts(i64),
    /// It says 1970 for ever.
    Stuck,
}

/// The wires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetPlan {
    /// Longest delay.
    pub delay: Ms,
    /// Bytes a second, at least.
    pub rate: u64,
    /// Of a thousand links, so many break after some bytes.
    pub cuts: u64,
    /// … within so many bytes.
    pub cut_within: u64,
    /// Of a thousand links that end, so many are noticed late at one end.
    pub half_open: u64,
    /// Of a thousand links, so many come twice.
    pub double: u64,
    /// RUN bytes that a device lets each other one have outstanding.
    pub window: u32,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Ms,
    /// What.
    pub act: Act,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Somebody says something on a device.
    Say {
        /// The device.
        node: usize,
        /// To whom; oneself is a note to oneself.
        to: usize,
        /// What.
        what: Say,
        /// Chooses a target, or a text.
        pick: u64,
    },
    /// Somebody writes on a device what a story says.
    Write {
        /// The device.
        node: usize,
        /// To whom; oneself is a note to oneself.
        to: usize,
        /// What.
        line: Line,
    },
    /// A device must show exactly this.
    Look {
        /// The device.
        node: usize,
        /// In the conversation with whom.
        with: usize,
        /// Its messages, oldest first.
        shows: Vec<String>,
    },
    /// Something about a contact.
    Contact {
        /// The device.
        node: usize,
        /// Who.
        who: usize,
        /// What.
        what: ContactAct,
    },
    /// Somebody goes by another name from now on: a new card.
    Rename {
        /// The device.
        node: usize,
        /// Makes the name.
        pick: u64,
    },
    /// A device revokes another one of the same person.
    Revoke {
        /// The device.
        node: usize,
        /// The other one.
        other: usize,
    },
    /// A backup is made of a device.
    Backup {
        /// The device.
        node: usize,
    },
    /// A device that is not there yet starts from the last backup made of another.
    Restore {
        /// The new device.
        node: usize,
        /// Whose backup.
        from: usize,
    },
    /// Something goes wrong.
    Fault(Fault),
}

/// What can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Say {
    /// A text of about so many bytes.
    Text(usize),
    /// A reply to a message.
    Reply,
    /// An edit of an own message.
    Edit,
    /// A retraction of an own message.
    Retract,
    /// A reaction.
    React,
    /// Read up to a message.
    Read,
    /// Messages disappear after so many seconds.
    Timer(Option<u64>),
    /// A new name.
    Rename,
    /// Something of a later version.
    Unknown,
}

/// What a story has somebody write. What is answered or changed is found by its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Line {
    /// A text.
    Text(String),
    /// An answer.
    Reply {
        /// To what.
        of: String,
        /// The text.
        text: String,
    },
    /// An edit.
    Edit {
        /// Of what.
        of: String,
        /// The new text.
        text: String,
    },
    /// A retraction.
    Retract(String),
    /// A reaction.
    React {
        /// To what.
        of: String,
        /// The emoji.
        emoji: String,
    },
    /// Messages disappear after so many seconds.
    Timer(Option<u64>),
}

/// What can be done about a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContactAct {
    /// Ask them.
    Ask,
    /// Accept what they asked.
    Accept,
    /// Block them.
    Block,
    /// Take that back.
    Unblock,
    /// Decline what they asked.
    Decline,
    /// Want them no longer.
    Remove,
}

/// What can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// The link between two devices breaks.
    Cut {
        /// Place of the edge.
        edge: usize,
        /// Only the first end notices at once.
        half: bool,
    },
    /// Nobody of these reaches anybody else.
    Partition {
        /// The ones.
        nodes: Vec<usize>,
        /// For so long.
        during: Ms,
    },
    /// An edge is not there.
    Away {
        /// Place of the edge.
        edge: usize,
        /// For so long.
        during: Ms,
    },
    /// A device dies.
    Crash {
        /// The device.
        node: usize,
        /// At so many writes from now on, inside a transaction; now, if none.
        writes: Option<u64>,
        /// It is down for so long.
        during: Ms,
    },
    /// A disk has no room any more.
    Full {
        /// The device.
        node: usize,
        /// After so many writes.
        writes: u64,
        /// For so long.
        during: Ms,
    },
    /// From now on nothing that is written lasts …
    Remember {
        /// The device.
        node: usize,
    },
    /// … for the disk is as it was then.
    Forget {
        /// The device.
        node: usize,
    },
    /// A clock is set.
    Clock {
        /// The device.
        node: usize,
        /// By so many milliseconds.
        by: i64,
    },
    /// A device's disk is copied into another device, and both go on.
    Clone {
        /// The new device.
        node: usize,
        /// The copied one.
        from: usize,
    },
    /// A liar begins to show two faces: its own log goes on in two ways, and so do its card and its record.
    Equivocate {
        /// The second face, a device with the same keys.
        node: usize,
        /// The first one.
        from: usize,
        /// Who meets the second face only, from now on for good.
        hidden: Vec<usize>,
    },
    /// A device is gone for good.
    Leave {
        /// The device.
        node: usize,
    },
}

/// How a device lies to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lie {
    /// Does not send some frames.
    Withhold,
    /// Sends frames of before again.
    Replay,
    /// Changes bytes.
    Forge,
    /// Shows heads that are not there.
    Invent,
    /// Sends without end.
    Flood,
    /// Stops in the middle of a run.
    Stall,
    /// Sends what it has in an order of its own: what comes later first, and at times one frame long after all others.
    Reorder,
    /// Writes two branches of its own log, and shows one to some and the other to others.
    Equivocate,
}

impl Lie {
    /// Those that are about frames.
    pub const OF_FRAMES: [Self; 6] =
        [Self::Withhold, Self::Replay, Self::Forge, Self::Invent, Self::Flood, Self::Stall];
}

impl Plan {
    /// The run that a seed names.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        draw::draw(seed)
    }

    /// Eight devices of four people, everybody linked with everybody, 1,000 messages in a day, nothing wrong: how fast is it?
    #[must_use]
    pub fn pace() -> Self {
        pace::pace()
    }

    /// Nodes that are there from the start.
    pub fn first_nodes(&self) -> impl Iterator<Item = usize> + '_ {
        self.nodes.iter().enumerate().filter(|(_, node)| !node.later).map(|(at, _)| at)
    }

    /// Another device of the same person, in the same places as one that is there; not born yet. `None` if there are too many.
    fn beside(&mut self, from: usize) -> Option<usize> {
        let new = self.nodes.len();
        if new >= MOST_DEVICES {
            return None;
        }
        let person = self.nodes[from].person;
        self.nodes.push(NodePlan {
            person,
            later: true,
            clock: ClockPlan::Right,
            lies: Vec::new(),
        });
        let near = self.edges.iter().filter(|(a, b)| *a == from || *b == from);
        let mut edges: Vec<_> =
            near.map(|(a, b)| (if *a == from { *b } else { *a }, new)).collect();
        edges.push((from, new));
        self.edges.extend(edges);
        Some(new)
    }
}
