//! The program as somebody has it who can't see a screen: lines in, lines out, through pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::Person;
use super::terminal::NEVER;

/// `nexus --screen-reader` of somebody.
pub struct Spoken {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    /// All that was told so far.
    pub told: Vec<String>,
}

impl Spoken {
    pub fn open(person: &Person) -> Self {
        let mut command = person.command(&["--screen-reader"]);
        command.stdin(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { input: child.stdin.take(), child, lines, told: Vec::new() }
    }

    /// Types a line.
    pub fn types(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for a line with all of these words; those before it are gone then.
    pub fn hears(&mut self, words: &[&str]) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(NEVER) else {
                panic!("never heard {words:?} after:\n{}", self.told.join("\n"))
            };
            self.told.push(line.clone());
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Nothing more is typed: its exit code, and everything that was told.
    pub fn ends(mut self) -> (i32, Vec<String>) {
        drop(self.input.take());
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        while let Ok(line) = self.lines.recv_timeout(NEVER) {
            self.told.push(line);
        }
        (code, std::mem::take(&mut self.told))
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
