//! From a TCP connection to a link: gate, TLS, streams, `Hello`.

use std::net::SocketAddr;
use std::sync::Arc;

use nexus_identity::kdf::Secret32;
use nexus_identity::{ConnectId, VerifiedCard};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;

use crate::blob::{self, open::Arrived};
use crate::code::{CloseCode, RefusedCode};
use crate::config::Visibility;
use crate::dial::{AttemptId, Knock};
use crate::event::{DialError, Side};
use crate::frame::{Frame, control};
use crate::gate::{GATE_BYTES, Gate};
use crate::hello::{CheckedHello, Hello};
use crate::hub::{Admitted, Door, Hub};
use crate::limits::InboundId;
use crate::mux::{Mode, Mux, Stream};
use crate::question;
use crate::tls::{self, Negotiated};
use crate::watched::{LastRead, Watched};

/// First byte of the control stream.
pub(crate) const CONTROL_STREAM: u8 = 0;

/// First byte of the sync stream.
pub(crate) const SYNC_STREAM: u8 = 1;

/// A connection whose handshake is over.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) side: Side,
    pub(crate) hello: CheckedHello,
    pub(crate) negotiated: Negotiated,
    pub(crate) exporter: Secret32,
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) control: Stream,
    pub(crate) mux: Mux,
    pub(crate) last_read: LastRead,
    pub(crate) why: String,
}

/// One dial, as asked for by the dial machine.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    pub(crate) attempt: AttemptId,
    pub(crate) peer: ConnectId,
    pub(crate) address: SocketAddr,
    pub(crate) knock: Knock,
    pub(crate) why: String,
}

/// Why there is no link.
#[derive(Debug)]
pub(crate) enum DialEnd {
    /// To be reported and tried again later.
    Failed(DialError),
    /// No longer needed.
    Needless,
}

impl From<DialError> for DialEnd {
    fn from(error: DialError) -> Self {
        Self::Failed(error)
    }
}

pub(crate) fn io_error(error: &std::io::Error) -> DialError {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => DialError::ConnectionRefused,
        Kind::TimedOut => DialError::TimedOut,
        Kind::NetworkUnreachable | Kind::HostUnreachable | Kind::AddrNotAvailable => {
            DialError::Unreachable
        }
        Kind::UnexpectedEof
        | Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe => DialError::ClosedEarly,
        Kind::InvalidData => DialError::Tls,
        _ => DialError::Other,
    }
}

/// Sets what a link's socket needs; what the system does not know is left out.
fn tune(hub: &Hub, socket: &TcpStream) {
    let _unsupported = socket.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _unsupported = SockRef::from(socket).set_tcp_user_timeout(Some(hub.timing.dead_after));
}

/// The connection alone.
pub(crate) async fn connect(hub: &Hub, dial: &Dial) -> Result<TcpStream, DialError> {
    let connecting =
        tokio::time::timeout(hub.timing.connect_timeout, TcpStream::connect(dial.address));
    let socket =
        connecting.await.map_err(|_| DialError::TimedOut)?.map_err(|error| io_error(&error))?;
    tune(hub, &socket);
    Ok(socket)
}

/// Dials: connection, handshake, checks.
pub(crate) async fn dial(hub: &Arc<Hub>, dial: &Dial) -> Result<(Established, Admitted), DialEnd> {
    let asked = if hub.must_ask(&dial.peer) {
        let asked = question::ask(hub, dial).await;
        Some(asked.inspect_err(|error| match error {
            DialError::Ended(code) if is_fault(*code) => {
                hub.refuse(RefusedCode::Link(*code), dial.address);
            }
            _ => {}
        })?)
    } else {
        None
    };
    let socket = connect(hub, dial).await?;
    let shaking =
        tokio::time::timeout(hub.timing.handshake_timeout, dial_over(hub, dial, socket, asked));
    shaking.await.map_err(|_| DialError::TimedOut)?
}

async fn dial_over(
    hub: &Arc<Hub>,
    dial: &Dial,
    mut socket: TcpStream,
    asked: Option<VerifiedCard>,
) -> Result<(Established, Admitted), DialEnd> {
    let local = socket.local_addr().map_err(|error| io_error(&error))?;
    let gate = hub.gate_towards(dial);
    socket.write_all(&gate).await.map_err(|error| io_error(&error))?;
    let (socket, last_read) = Watched::new(socket);
    let connector = TlsConnector::from(hub.client_towards(&dial.peer, asked.as_ref()));
    let tls = connector.connect(tls::server_name(), socket).await.map_err(|error| {
        if tls::is_other_key(&error) {
            hub.refuse(RefusedCode::Link(CloseCode::NotLive), dial.address);
            return DialError::Ended(CloseCode::NotLive);
        }
        if error.kind() == std::io::ErrorKind::InvalidData {
            hub.refuse(RefusedCode::Tls, dial.address);
        }
        io_error(&error)
    })?;
    let negotiated = tls::negotiated(tls.get_ref().1, tls::ALPN).ok_or(DialError::Tls)?;
    let exporter = tls
        .get_ref()
        .1
        .export_keying_material([0; 32], tls::EXPORTER_LABEL, None)
        .map(Secret32::new)
        .map_err(|_| DialError::Tls)?;
    if negotiated.peer == hub.instance {
        return Err(DialError::Ended(CloseCode::Myself).into());
    }
    if !hub.may_greet(&dial.peer, &negotiated.peer) {
        hub.refuse(RefusedCode::Link(CloseCode::NotLive), dial.address);
        return Err(DialError::Ended(CloseCode::NotLive).into());
    }
    if !hub.dial_proven(dial.attempt, negotiated.peer) {
        return Err(DialEnd::Needless);
    }
    let mux = Mux::start(tls, Mode::Client);
    let mut control = mux.open().await.ok_or(DialError::ClosedEarly)?;
    let mut first = vec![CONTROL_STREAM];
    encode(&Frame::new(control::HELLO, hub.hello(local).encode()), &mut first);
    send(&mut control, &first).await.map_err(|error| io_error(&error))?;
    let answer = match Frame::read(&mut control).await {
        Ok(Some(frame)) => frame,
        Ok(None) | Err(_) => return Err(DialError::ClosedEarly.into()),
    };
    let checked = check(hub, &answer, &negotiated, Some(&dial.peer));
    let admitted = checked.and_then(|mut hello| {
        let admitted = hub.admit(
            &mut hello,
            Side::Dialler,
            dial.address,
            local,
            Some(dial.attempt),
            &exporter,
        )?;
        Ok((hello, admitted))
    });
    match admitted {
        Err(code) => {
            if answer.code != control::BYE {
                if is_fault(code) {
                    hub.refuse(RefusedCode::Link(code), dial.address);
                }
                say_bye(control, mux, code).await;
            }
            Err(DialError::Ended(code).into())
        }
        Ok((hello, admitted)) => {
            let (side, remote) = (Side::Dialler, dial.address);
            let why = dial.why.clone();
            let established = Established {
                side,
                hello,
                negotiated,
                exporter,
                remote,
                local,
                control,
                mux,
                last_read,
                why,
            };
            Ok((established, admitted))
        }
    }
}

/// Whether whoever answered a dial is not who was meant, or does not speak the protocol.
const fn is_fault(code: CloseCode) -> bool {
    use CloseCode::{BadFrame, BadHello, NotLive, WrongIdentity};
    matches!(code, BadFrame | BadHello | NotLive | WrongIdentity)
}

/// What an inbound connection became.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A link.
    Link(Box<Established>, Admitted),
    /// A blob connection beside one.
    Blob(Arrived),
}

/// Takes an inbound connection through its handshake. `None`: it ended, and was counted if it should be.
pub(crate) async fn accept(
    hub: &Arc<Hub>,
    id: InboundId,
    socket: TcpStream,
    remote: SocketAddr,
    dropped: &CancellationToken,
) -> Option<Accepted> {
    tune(hub, &socket);
    let shaking =
        tokio::time::timeout(hub.timing.handshake_timeout, accept_over(hub, id, socket, remote));
    let outcome = tokio::select! {
        outcome = shaking => outcome.unwrap_or(Err(Some(RefusedCode::SlowHandshake))),
        () = dropped.cancelled() => Err(Some(RefusedCode::SlowHandshake)),
    };
    match outcome {
        Ok(accepted) => Some(accepted),
        Err(code) => {
            if let Some(code) = code {
                hub.refuse(code, remote);
            }
            None
        }
    }
}

async fn accept_over(
    hub: &Arc<Hub>,
    id: InboundId,
    mut socket: TcpStream,
    remote: SocketAddr,
) -> Result<Accepted, Option<RefusedCode>> {
    let local = socket.local_addr().map_err(|_| None)?;
    let mut gate: Gate = [0; GATE_BYTES];
    // Who connects and says nothing (a port scan) is no news.
    socket.read_exact(&mut gate).await.map_err(|_| None)?;
    if let Door::Blob(instance) = hub.pass_gate(id, &gate, remote).map_err(Some)? {
        return blob::open::accept(hub, instance, socket, remote).await.map(Accepted::Blob);
    }
    let (socket, last_read) = Watched::new(socket);
    let acceptor = TlsAcceptor::from(Arc::clone(&hub.tls.server));
    // A dialler that no longer needs the link hangs up; only what rustls objects to is an attack or a mistake.
    let tls = acceptor.accept(socket).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Some(RefusedCode::Tls),
        _ => None,
    })?;
    let negotiated = tls::negotiated(tls.get_ref().1, tls::ALPN).ok_or(Some(RefusedCode::Tls))?;
    let exporter = tls
        .get_ref()
        .1
        .export_keying_material([0; 32], tls::EXPORTER_LABEL, None)
        .map(Secret32::new)
        .map_err(|_| Some(RefusedCode::Tls))?;
    let mut mux = Mux::start(tls, Mode::Server);
    let mut control = mux.accept().await.ok_or(None)?;
    let bad_frame = Some(RefusedCode::Link(CloseCode::BadFrame));
    if control.read_u8().await.map_err(|_| None)? != CONTROL_STREAM {
        return Err(bad_frame);
    }
    let frame = Frame::read(&mut control).await.map_err(|_| bad_frame)?.ok_or(None)?;
    if question::is_asked(&frame) {
        let answered = question::answer(hub, control, mux, local).await;
        return Err((!answered).then_some(RefusedCode::Gate));
    }
    let admitted = check(hub, &frame, &negotiated, None).and_then(|mut hello| {
        let admitted = hub.admit(&mut hello, Side::Listener, remote, local, None, &exporter)?;
        Ok((hello, admitted))
    });
    match admitted {
        Err(code) => {
            // To those who may not know that somebody is here, nothing is said.
            if hub.visibility() == Visibility::Everyone || code == CloseCode::Replaced {
                say_bye(control, mux, code).await;
            }
            let fault =
                !matches!(code, CloseCode::Replaced | CloseCode::Shutdown | CloseCode::Myself);
            Err(fault.then_some(match code {
                CloseCode::Busy => RefusedCode::TooManyStrangers,
                CloseCode::Unwanted => RefusedCode::Gate,
                code => RefusedCode::Link(code),
            }))
        }
        Ok((hello, admitted)) => {
            let mut bytes = Vec::new();
            encode(&Frame::new(control::HELLO, hub.hello(local).encode()), &mut bytes);
            if send(&mut control, &bytes).await.is_err() {
                drop(admitted);
                return Err(None);
            }
            let (side, why) = (Side::Listener, "the peer dialled".to_owned());
            let established = Established {
                side,
                hello,
                negotiated,
                exporter,
                remote,
                local,
                control,
                mux,
                last_read,
                why,
            };
            Ok(Accepted::Link(Box::new(established), admitted))
        }
    }
}

fn check(
    hub: &Hub,
    frame: &Frame,
    negotiated: &Negotiated,
    expected: Option<&ConnectId>,
) -> Result<CheckedHello, CloseCode> {
    match frame.code {
        control::HELLO => {
            let hello = Hello::decode(&frame.body).map_err(|_| CloseCode::BadHello)?;
            let known = hub.known_card(&hello.connect_id);
            hello.check(negotiated.peer, expected, known.as_ref())
        }
        control::BYE => {
            Err(frame.body.first().map_or(CloseCode::Unknown, |byte| CloseCode::from_byte(*byte)))
        }
        _ => Err(CloseCode::BadFrame),
    }
}

pub(crate) fn encode(frame: &Frame, out: &mut Vec<u8>) {
    // A Hello is at most MAX_HELLO, far below the limit of a frame.
    let _fits = frame.encode(out);
}

pub(crate) async fn send(stream: &mut Stream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Says why, and leaves the peer a moment to hear it.
pub(crate) async fn say_bye(mut control: Stream, mux: Mux, code: CloseCode) {
    let mut bytes = Vec::new();
    encode(&Frame::new(control::BYE, [code.to_byte()]), &mut bytes);
    if send(&mut control, &bytes).await.is_ok() {
        let (opener, _inbound) = mux.split();
        let _late = tokio::time::timeout(crate::session::LAST_WORDS, opener.closed()).await;
    }
}

#[cfg(test)]
mod tests;
