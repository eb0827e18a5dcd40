//! SIGINT and SIGTERM.

use std::future::pending;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both, listened to from now on: they no longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Signals {
    /// Begins to listen. Where that is impossible signals keep their usual effect.
    pub(crate) fn listen() -> Self {
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    /// The number of the next signal. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> u8 {
        let interrupt = async {
            match &mut self.interrupt {
                Some(s) => s.recv().await,
                None => pending().await,
            }
        };
        let terminate = async {
            match &mut self.terminate {
                Some(s) => s.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = interrupt => 2,
            _ = terminate => 15,
        }
    }
}
