//! Host names in addresses: looked up beside everything else, each within a time, and again when asked to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use nexus_identity::ConnectId;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// One name may take so long.
const LONGEST: Duration = Duration::from_secs(5);
/// Names are looked up anew so often: what failed may work, and hosts move.
pub(crate) const AGAIN: Duration = Duration::from_secs(300);
/// Addresses of one name that are used.
const MAX_ADDRESSES: usize = 4;

/// Addresses at which somebody may be.
pub(crate) type Found = (ConnectId, Vec<SocketAddr>);

/// What looks up one `host:port`.
pub(crate) type Look = Arc<dyn Fn(String) -> BoxFuture<'static, Vec<SocketAddr>> + Send + Sync>;

/// Asks the system.
pub(crate) fn system() -> Look {
    Arc::new(|name| {
        Box::pin(async move {
            match tokio::net::lookup_host(&name).await {
                Ok(found) => found.take(MAX_ADDRESSES).collect(),
                Err(error) => {
                    tracing::debug!(%name, %error, "an address can't be looked up");
                    Vec::new()
                }
            }
        })
    })
}

/// The names that are being looked up.
pub(crate) struct Lookups {
    look: Look,
    found: mpsc::UnboundedSender<Found>,
    running: BTreeMap<ConnectId, AbortHandle>,
}

impl Lookups {
    /// With where to read what is found.
    pub(crate) fn new(look: Look) -> (Self, mpsc::UnboundedReceiver<Found>) {
        let (found, receiver) = mpsc::unbounded_channel();
        (Self { look, found, running: BTreeMap::new() }, receiver)
    }

    /// Looks up the names of one peer, one after the other, in place of what still runs for it.
    pub(crate) fn start(&mut self, peer: ConnectId, names: Vec<String>) {
        if let Some(before) = self.running.remove(&peer) {
            before.abort();
        }
        if names.is_empty() {
            return;
        }
        let (look, found) = (Arc::clone(&self.look), self.found.clone());
        let task = tokio::spawn(async move {
            for name in names {
                let addresses = timeout(LONGEST, look(name)).await.unwrap_or_default();
                if !addresses.is_empty() && found.send((peer, addresses)).is_err() {
                    return;
                }
            }
        });
        self.running.insert(peer, task.abort_handle());
    }
}

impl Drop for Lookups {
    fn drop(&mut self) {
        self.running.values().for_each(AbortHandle::abort);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const ANA: ConnectId = ConnectId::from_bytes([1; 32]);
    const BOB: ConnectId = ConnectId::from_bytes([2; 32]);

    fn address() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 7))
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_never_answers_holds_nobody_up() {
        let look: Look = Arc::new(|name| {
            Box::pin(async move {
                if name.starts_with("slow") {
                    std::future::pending::<()>().await;
                }
                vec![address()]
            })
        });
        let (mut lookups, mut found) = Lookups::new(look);
        lookups.start(ANA, vec!["slow.test:7".into(), "fast.test:7".into()]);
        lookups.start(BOB, vec!["fast.test:7".into()]);
        assert_eq!(found.recv().await, Some((BOB, vec![address()])));
        assert_eq!(found.recv().await, Some((ANA, vec![address()])), "after its time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_failed_is_looked_up_again() {
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let look: Look = Arc::new(move |_| {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            Box::pin(async move { if first { Vec::new() } else { vec![address()] } })
        });
        let (mut lookups, mut found) = Lookups::new(look);
        lookups.start(ANA, vec!["later.test:7".into()]);
        while tries.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        lookups.start(ANA, vec!["later.test:7".into()]);
        assert_eq!(found.recv().await, Some((ANA, vec![address()])));
    }
}
