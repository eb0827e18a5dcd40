//! A quiet day of eight devices, to see how fast the simulator is.

use nexus_sync::limits::WINDOW;

use super::{Act, ClockPlan, DAY, NetPlan, NodePlan, Plan, Say, Step};

const PEOPLE: usize = 4;
const DEVICES: usize = 2;
const MESSAGES: u64 = 1_000;

pub(super) fn pace() -> Plan {
    let count = PEOPLE * DEVICES;
    let node = |at: usize| NodePlan {
        person: at / DEVICES,
        later: false,
        clock: ClockPlan::Right,
        lies: Vec::new(),
    };
    let pairs = |n: usize| (0..n).flat_map(move |a| (a + 1..n).map(move |b| (a, b)));
    let step = |number: u64| {
        let node = usize::try_from(number).unwrap_or(0) % count;
        let to = (node / DEVICES + 1 + usize::try_from(number / 8).unwrap_or(0) % 3) % PEOPLE;
        let act = Act::Say { node, to, what: Say::Text(100), pick: number };
        Step { at: DAY / MESSAGES * number, act }
    };
    Plan {
        seed: 8,
        people: PEOPLE,
        nodes: (0..count).map(node).collect(),
        edges: pairs(count).collect(),
        friends: pairs(PEOPLE).collect(),
        strangers: Vec::new(),
        net: NetPlan {
            delay: 20,
            rate: 10_000_000,
            cuts: 0,
            cut_within: 1,
            half_open: 0,
            double: 0,
            window: WINDOW,
        },
        commit: 5,
        span: DAY,
        steps: (0..MESSAGES).map(step).collect(),
    }
}
