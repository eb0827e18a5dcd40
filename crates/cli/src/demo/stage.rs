//! What the demo leaves nothing of: a temporary directory and the processes in it.

use std::net::UdpSocket;

use nexus_node::error;
use tempfile::TempDir;

use super::person::Person;
use crate::stop::Stop;

/// The directory and the people.
pub(super) struct Stage {
    dir: TempDir,
    pub(super) people: Vec<Person>,
}

impl Stage {
    pub(super) fn new() -> Result<Self, Stop> {
        let dir = tempfile::Builder::new()
            .prefix("nexus-demo-")
            .tempdir()
            .map_err(|e| error::io("can't make a directory in", &std::env::temp_dir(), &e))?;
        Ok(Self { dir, people: Vec::new() })
    }

    /// Makes the people, each with a configuration that keeps it on loopback and apart from real nodes.
    pub(super) async fn enter(&mut self, names: [&'static str; 2]) -> Result<(), String> {
        let port = free_port().map_err(|e| format!("no free port on loopback: {e}"))?;
        for name in names {
            self.people.push(Person::make(name, self.dir.path(), port).await?);
        }
        Ok(())
    }

    /// Ends the processes in good order and removes the directory; says what was not in order.
    pub(super) async fn end(self) -> Result<String, String> {
        let mut trouble = Vec::new();
        for person in self.people {
            trouble.extend(person.end().await.err());
        }
        let path = self.dir.path().to_owned();
        if let Err(e) = self.dir.close() {
            trouble.push(format!("{} can't be removed: {e}", path.display()));
        }
        if trouble.is_empty() {
            Ok("both nodes ended in good order, and their files are gone".to_owned())
        } else {
            Err(trouble.join("\n"))
        }
    }
}

/// A UDP port that nobody uses at this moment, so that the two meet each other and no real node.
fn free_port() -> std::io::Result<u16> {
    Ok(UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
