//! Starting the transport for an instance.

use nexus_transport::{LocalHello, StartError, Transport, TransportEvent};
use tokio::sync::mpsc;

use crate::api::{ErrorBody, ErrorCode};
use crate::config::{Config, Visibility};
use crate::error::{self, Answered};
use crate::me::Me;

/// What `Hello` says of this instance.
pub(crate) fn hello(me: &Me) -> LocalHello {
    LocalHello { card: me.card.clone(), record: me.record.clone(), capabilities: 0 }
}

/// Visibility as the transport calls it.
pub(crate) const fn visibility(visibility: Visibility) -> nexus_transport::Visibility {
    match visibility {
        Visibility::Everyone => nexus_transport::Visibility::Everyone,
        Visibility::Contacts => nexus_transport::Visibility::Contacts,
        Visibility::Hidden => nexus_transport::Visibility::Hidden,
    }
}

/// Starts the transport as configured.
///
/// # Errors
/// `bad_config` when an address can't be listened on.
pub(crate) async fn start(
    config: &Config,
    me: &Me,
    enabled: bool,
) -> Answered<(Transport, mpsc::Receiver<TransportEvent>)> {
    let mut settings =
        nexus_transport::Config::new(me.connect_id(), me.instance.clone(), hello(me));
    settings.listen.clone_from(&config.listen);
    settings.discovery_port = config.discovery_port;
    settings.loopback_only = config.loopback_only;
    settings.enabled = enabled;
    settings.visibility = visibility(config.visibility);
    Transport::start(settings).await.map_err(|e| match e {
        StartError::Listen { address, source } => ErrorBody::new(
            ErrorCode::BadConfig,
            format!("can't listen on {address}: {source}"),
            "another program has that port, or the address is not of this machine: change `listen` in config.toml",
        ),
        other => error::failed(other),
    })
}
