//! The terminal UI in a terminal, with its node in the same process: what somebody waits for, and what it costs.

use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde_json::json;

use crate::driver::{Control, Person, cpu, memory, until};
use crate::measures::{become_contacts, mebibytes, messages, per_second, percentile, port, text};
use crate::table::{Table, Target};
use crate::terminal::Terminal;

/// The size of the terminal: three panes.
const ROWS: NonZeroU16 = NonZeroU16::new(40).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(120).unwrap();
/// Starts of the program.
const STARTS: usize = 10;
/// Switches to and fro.
const SWITCHES: usize = 40;
/// Keys whose time is taken.
const KEYS: usize = 1_000;
/// Messages a second that arrive while keys are pressed,
const CROWD: usize = 1_000;
/// so many at once,
const BURST: usize = 10;
/// and of single ones whose bytes are counted.
const SINGLE: usize = 100;
/// How long it is watched while nothing happens.
const IDLE: Duration = Duration::from_secs(60);

/// Whether the messages of the big conversation fill the pane.
fn big(screen: &str) -> bool {
    screen.matches("some more words").count() > 10
}

/// Whether those of the small one do, and nothing of the other.
fn small(screen: &str) -> bool {
    screen.matches("a short note").count() >= 3 && !big(screen)
}

/// All that is measured of the UI, with so many messages in one conversation of somebody who has another one, too.
pub(crate) fn screen(program: &Path, size: usize, table: &mut Table) -> Result<()> {
    let port = port()?;
    let alice = Person::new(program, "Alice", port)?;
    let bob = Person::new(program, "Bob", port)?;
    let carol = Person::new(program, "Carol", port)?;
    let (node_a, _) = alice.start()?;
    let mut a = node_a.control()?;
    prepare(&bob, [(&alice, &mut a), (&carol, &mut carol.start()?.0.control()?)], size)?;

    first_frames(&bob, size, table)?;
    let mut ui = Terminal::open(bob.screen(), ROWS, COLUMNS)?;
    ui.until("the list", |s| s.contains("Alice") && s.contains("Carol"))?;
    switches(&mut ui, size, table)?;
    to_the_end(&mut ui, size)?;
    keys(&mut ui, "no messages arriving", size, table)?;

    let crowd = Crowd::begin(a, bob.id.clone());
    let (began, before, bytes) = (Instant::now(), crowd.sent(), ui.bytes());
    keys(&mut ui, "many messages arriving", size, table)?;
    let arrived = crowd.sent() - before;
    let rate = per_second(arrived, began.elapsed());
    let each = messages(usize::try_from(ui.bytes() - bytes)?) / messages(arrived);
    let mut add = |what: &str, figure, unit, target| table.add(what, size, figure, unit, target);
    add("… messages that arrived meanwhile", rate, "/s", Target::AtLeast(1_000.0));
    add("… bytes to the terminal for each, keys included", each, "B", Target::None);
    let mut a = crowd.end()?;
    std::thread::sleep(Duration::from_secs(2));
    singles(&mut ui, &mut a, &bob, size, table)?;

    let used = cpu(ui.process())?;
    let began = Instant::now();
    std::thread::sleep(IDLE);
    let share = (cpu(ui.process())? - used) / began.elapsed().as_secs_f64() * 100.0;
    let mut add = |what: &str, figure, unit, target| table.add(what, size, figure, unit, target);
    add("terminal UI and node, idle: CPU of one core", share, "%", Target::AtMost(0.3));
    let resident = mebibytes(memory(ui.process())?);
    add("… resident memory, after all of the above", resident, "MiB", Target::AtMost(80.0));
    ui.close()
}

/// Bob knows both, and holds what they wrote.
fn prepare(bob: &Person, mut others: [(&Person, &mut Control); 2], size: usize) -> Result<()> {
    let (node, _) = bob.start()?;
    let mut b = node.control()?;
    for (person, control) in &mut others {
        become_contacts(person, bob, control, &mut b)?;
    }
    let [(_, a), (_, c)] = others;
    for number in 0..5 {
        let note = format!("a short note {number}");
        c.rows(json!({"command": "send", "to": bob.id, "text": note, "wait": "delivered"}))?;
    }
    a.send_many(&bob.id, size, text)?;
    let limit = Duration::from_secs(60 + size as u64 / 500);
    until("Bob has everything in his view", limit, || {
        let rows = b.rows(json!({"command": "conversations"}))?;
        Ok(rows.iter().any(|row| row["unread"].as_u64() >= Some(size as u64)))
    })?;
    drop(b);
    node.stop()
}

/// From the start of the program to its first picture with the conversations, and on to the messages of the big one.
fn first_frames(bob: &Person, size: usize, table: &mut Table) -> Result<()> {
    let (mut frames, mut opened) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut ui = Terminal::open(bob.screen(), ROWS, COLUMNS)?;
        let shown = ui.until("the list", |s| s.contains("Alice") && s.contains("Carol"))?;
        frames.push(shown.saturating_duration_since(began));
        to_alice(&mut ui)?;
        opened.push(ui.answers("\r", "the big conversation", big)?);
        ui.close()?;
    }
    let mut add = |what: &str, times: &mut [Duration], share, most| {
        table.add(what, size, percentile(times, share), "ms", Target::AtMost(most));
    };
    add("terminal UI: start → conversations on the screen, p50", &mut frames, 0.5, 200.0);
    add("… the slowest", &mut frames, 1.0, 200.0);
    add("terminal UI: open a conversation for the first time, p50", &mut opened, 0.5, 50.0);
    add("… the slowest", &mut opened, 1.0, 50.0);
    Ok(())
}

/// Selects the big conversation, wherever the list begins.
fn to_alice(ui: &mut Terminal) -> Result<()> {
    ui.press("\u{1b}[H")?;
    ui.until("the selection", |s| s.contains("Alice")).map(drop)
}

/// Goes to the newest message of the big conversation, to follow what arrives, and back to writing.
fn to_the_end(ui: &mut Terminal, size: usize) -> Result<()> {
    ui.press("\u{1b}[A\u{1b}[F")?;
    ui.until("the newest message", |s| {
        s.matches(&format!("message {} about", size - 1)).count() > 1
    })?;
    ui.answers("\r", "the composer", |s| s.contains("> write")).map(drop)
}

fn switches(ui: &mut Terminal, size: usize, table: &mut Table) -> Result<()> {
    to_alice(ui)?;
    ui.answers("\r", "the big conversation", big)?;
    let mut times = Vec::new();
    for _ in 0..SWITCHES / 2 {
        times.push(ui.answers("\u{1b}[1;3B", "the small conversation", small)?);
        times.push(ui.answers("\u{1b}[1;3A", "the big conversation", big)?);
    }
    let mut add = |what: &str, share| {
        table.add(what, size, percentile(&mut times, share), "ms", Target::AtMost(30.0));
    };
    add("terminal UI: switch conversations, p50", 0.5);
    add("… p99", 0.99);
    Ok(())
}

/// Types words and takes them back; the time of each key until the composer shows it.
fn keys(ui: &mut Terminal, what: &str, size: usize, table: &mut Table) -> Result<()> {
    let mut times = Vec::new();
    let mut word = 0;
    while times.len() < KEYS {
        word += 1;
        let typed = format!("qx{word:04}z");
        for end in 1..=typed.len() {
            let so_far = typed.get(..end).unwrap_or_default();
            let key = so_far.get(end - 1..).unwrap_or_default();
            times.push(ui.answers(key, "what was typed", |s| s.contains(so_far))?);
            // Keys come at their own time, not in step with the pictures.
            std::thread::sleep(Duration::from_millis(11 + (word * 7 + end as u64 * 5) % 17));
        }
        times.push(ui.answers("\u{15}", "an empty line", |s| !s.contains("qx"))?);
    }
    let mut add = |share: f64, name: &str, target| {
        let what = format!("terminal UI: key → screen, {what}, {name}");
        table.add(&what, size, percentile(&mut times, share), "ms", target);
    };
    add(0.5, "p50", Target::None);
    add(0.99, "p99", Target::AtMost(16.0));
    Ok(())
}

/// Messages that arrive one by one in the conversation that is open: what each costs on the line.
fn singles(
    ui: &mut Terminal,
    a: &mut Control,
    bob: &Person,
    size: usize,
    table: &mut Table,
) -> Result<()> {
    let mut costs = Vec::new();
    for number in 0..SINGLE {
        let (before, body) = (ui.bytes(), format!("single number {number} of them"));
        a.rows(json!({"command": "send", "to": bob.id, "text": body}))?;
        ui.until("the message", |s| s.contains(&body))?;
        // The signs of its state and the list follow.
        std::thread::sleep(Duration::from_millis(200));
        costs.push(ui.bytes() - before);
    }
    costs.sort_unstable();
    let middle = costs.get(costs.len() / 2).copied().unwrap_or_default();
    let each = messages(usize::try_from(middle)?);
    table.add("terminal UI: bytes for a message that arrives, p50", size, each, "B", Target::None);
    Ok(())
}

/// Somebody who writes without a pause.
struct Crowd {
    thread: JoinHandle<Result<Control>>,
    sent: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
}

impl Crowd {
    fn begin(mut control: Control, to: String) -> Self {
        let (sent, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop) = (Arc::clone(&sent), Arc::clone(&enough));
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                let done = count.load(Ordering::Relaxed);
                control.send_many(&to, BURST, |n| format!("crowd {}", text(done + n)))?;
                count.fetch_add(BURST, Ordering::Relaxed);
                let due = Duration::from_secs_f64(messages(done + BURST) / messages(CROWD));
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
            Ok(control)
        });
        Self { thread, sent, enough }
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    fn end(self) -> Result<Control> {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the writer panicked"))?
    }
}
