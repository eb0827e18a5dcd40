//! "Who is there?": asked by a node that only contacts may notice, before it shows itself to a peer whose card it has never
//! seen. An empty `HELLO`, under a key made for it, is answered by who is visible to everyone with a `HELLO` of its own.
//!
//! Without it such a node would tell who it is to whatever address claims to be that peer. Nobody else needs to answer: a
//! listener that only contacts may notice takes no stranger's gate.

use std::sync::Arc;

use nexus_identity::{InstanceSecret, VerifiedCard};
use rand::RngExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::code::CloseCode;
use crate::config::Visibility;
use crate::event::DialError;
use crate::frame::{Frame, control};
use crate::gate::Gate;
use crate::handshake::{CONTROL_STREAM, Dial, connect, encode, io_error, say_bye, send};
use crate::hello::Hello;
use crate::hub::Hub;
use crate::mux::{Mode, Mux, Stream};
use crate::tls::{self, TlsConfigs};

/// Whether a frame is the question.
pub(crate) fn is_asked(frame: &Frame) -> bool {
    frame.code == control::HELLO && frame.body.is_empty()
}

/// Answers it, if everyone may know who is here.
pub(crate) async fn answer(
    hub: &Hub,
    mut control: Stream,
    mux: Mux,
    local: std::net::SocketAddr,
) -> bool {
    if hub.visibility() != Visibility::Everyone {
        return false;
    }
    let mut bytes = Vec::new();
    encode(&Frame::new(control::HELLO, hub.hello(local).encode()), &mut bytes);
    if send(&mut control, &bytes).await.is_ok() {
        say_bye(control, mux, CloseCode::Done).await;
    }
    true
}

/// Asks at the address of a dial, and gives the card of who is meant, if it is who is there.
pub(crate) async fn ask(hub: &Arc<Hub>, dial: &Dial) -> Result<VerifiedCard, DialError> {
    let socket = connect(hub, dial).await?;
    let asking = tokio::time::timeout(hub.timing.handshake_timeout, ask_over(dial, socket));
    asking.await.map_err(|_| DialError::TimedOut)?
}

async fn ask_over(dial: &Dial, mut socket: TcpStream) -> Result<VerifiedCard, DialError> {
    let nobody = InstanceSecret::generate(&mut rand::rng());
    let tls = TlsConfigs::new(&nobody).map_err(|_| DialError::Tls)?;
    // A gate that a contact would know tells who asks.
    let gate: Gate = rand::rng().random();
    socket.write_all(&gate).await.map_err(|error| io_error(&error))?;
    let connector = TlsConnector::from(tls.client);
    let tls = connector.connect(tls::server_name(), socket).await.map_err(|e| io_error(&e))?;
    let negotiated = tls::negotiated(tls.get_ref().1, tls::ALPN).ok_or(DialError::Tls)?;
    let mux = Mux::start(tls, Mode::Client);
    let mut control = mux.open().await.ok_or(DialError::ClosedEarly)?;
    let mut first = vec![CONTROL_STREAM];
    encode(&Frame::new(control::HELLO, []), &mut first);
    send(&mut control, &first).await.map_err(|error| io_error(&error))?;
    let frame = match Frame::read(&mut control).await {
        Ok(Some(frame)) => frame,
        Ok(None) | Err(_) => return Err(DialError::ClosedEarly),
    };
    if frame.code == control::BYE {
        let code =
            frame.body.first().map_or(CloseCode::Unknown, |byte| CloseCode::from_byte(*byte));
        return Err(DialError::Ended(code));
    }
    let hello = Hello::decode(&frame.body).map_err(|_| DialError::Ended(CloseCode::BadHello))?;
    let checked = hello.check(negotiated.peer, Some(&dial.peer), None).map_err(DialError::Ended)?;
    Ok(checked.card)
}
