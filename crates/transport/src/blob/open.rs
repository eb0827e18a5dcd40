//! How a blob connection comes up: at the side that dialled the link, and at the one that was dialled.
//!
//! | step | who dialled the link | the other |
//! | --- | --- | --- |
//! | 1 | connects to where it dialled the link, sends the gate | lets nobody in who has it not |
//! | 2 | TLS as client, for the key of the link only | as server; the key must be the link's |
//! | 3 | who asks on it (1 byte), number (4 bytes) | answers with one byte: 0, or a close code |

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use nexus_identity::InstanceKey;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::ahead::Ahead;
use super::table::{Answer, Asker, Blobs};
use super::{BLOB_BUFFER, BLOB_STALL, BlobError, BlobInfo, BlobStream, rate};
use crate::code::{CloseCode, RefusedCode};
use crate::event::{LinkId, PathInfo, PathKind, Side, TransportEvent};
use crate::frame::{Frame, control};
use crate::hub::{Hub, Wish};
use crate::streams::End;
use crate::tls::{self, Negotiated};

/// Who opened the connection asks on it; the number is 0.
pub(crate) const I_ASK: u8 = 0;

/// The other side asks on it, and for it, with this number.
pub(crate) const YOU_ASKED: u8 = 1;

/// Who opened the connection measures on it how fast bytes go; the number is 0.
pub(crate) const I_MEASURE: u8 = 2;

/// The answer to the first bytes, where it is no close code.
pub(crate) const WELCOME: u8 = 0;

/// What a blob connection is for; the number is its byte in `BLOB_OPEN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    /// To ask on it.
    Ask = 0,
    /// To measure; the transport answers by itself.
    Measure = 1,
}

/// Opens a blob connection beside a link.
pub(crate) async fn open(hub: &Arc<Hub>, link: LinkId, purpose: Purpose) -> Answer {
    let wish = hub.wish_blob(link, Asker::Me)?;
    let ended = Arc::clone(wish.lease.ended());
    let opening = async {
        match wish.side {
            Side::Dialler if purpose == Purpose::Measure => dial(hub, wish, I_MEASURE, 0).await,
            Side::Dialler => dial(hub, wish, I_ASK, 0).await,
            Side::Listener => ask(hub, wish, purpose).await,
        }
    };
    tokio::select! {
        opened = tokio::time::timeout(hub.timing.blob_open, opening) => {
            opened.unwrap_or(Err(BlobError::TimedOut))
        }
        () = ended.token.cancelled() => Err(BlobError::NoLink),
    }
}

/// Asks who dialled the link for one.
async fn ask(hub: &Arc<Hub>, wish: Wish, purpose: Purpose) -> Answer {
    struct Asking {
        blobs: Blobs,
        instance: InstanceKey,
        number: u32,
    }
    impl Drop for Asking {
        fn drop(&mut self) {
            drop(self.blobs.answered(&self.instance, self.number));
        }
    }
    let blobs = hub.state().blobs.clone();
    let (link, instance) = (wish.link, wish.instance);
    let (number, answered) = blobs.ask(instance, wish.lease);
    let _asking = Asking { blobs, instance, number };
    let [a, b, c, d] = number.to_be_bytes();
    let frame = Frame::new(control::BLOB_OPEN, [a, b, c, d, purpose as u8]);
    if !hub.send_control(link, frame) {
        return Err(BlobError::NoLink);
    }
    answered.await.unwrap_or(Err(BlobError::NoLink))
}

/// Handles the frames of blob connections on a link's control stream; gives others back.
pub(crate) fn handle(
    hub: &Arc<Hub>,
    link: LinkId,
    side: Side,
    frame: Frame,
) -> Result<Option<Frame>, End> {
    match (frame.code, side, frame.body.as_slice()) {
        (control::BLOB_OPEN, Side::Dialler, &[a, b, c, d, purpose @ 0..=1]) => {
            let purpose = if purpose == 0 { Purpose::Ask } else { Purpose::Measure };
            asked(hub, link, u32::from_be_bytes([a, b, c, d]), purpose);
            Ok(None)
        }
        (control::BLOB_NO, Side::Listener, &[a, b, c, d, code]) => {
            refused(hub, link, u32::from_be_bytes([a, b, c, d]), code);
            Ok(None)
        }
        (control::BLOB_OPEN | control::BLOB_NO, _, _) => Err(End::here(CloseCode::BadFrame)),
        _ => Ok(Some(frame)),
    }
}

/// The peer asks for one: dials it, beside the link's own work.
fn asked(hub: &Arc<Hub>, link: LinkId, number: u32, purpose: Purpose) {
    let no = move |hub: &Hub, error: &BlobError| {
        let code = match error {
            BlobError::TooMany => CloseCode::Busy,
            BlobError::TimedOut => CloseCode::Timeout,
            BlobError::NoLink | BlobError::Refused | BlobError::Io(_) => CloseCode::Internal,
        };
        let [a, b, c, d] = number.to_be_bytes();
        hub.send_control(link, Frame::new(control::BLOB_NO, [a, b, c, d, code.to_byte()]));
    };
    let wish = match hub.wish_blob(link, Asker::Peer) {
        Ok(wish) => wish,
        Err(error) => return no(hub, &error),
    };
    let ended = Arc::clone(wish.lease.ended());
    let dialler = Arc::clone(hub);
    hub.tasks.spawn(async move {
        let dialling = dial(&dialler, wish, YOU_ASKED, number);
        let dialled = tokio::select! {
            dialled = tokio::time::timeout(dialler.timing.blob_open, dialling) => dialled,
            () = ended.token.cancelled() => return,
        };
        match dialled.unwrap_or(Err(BlobError::TimedOut)) {
            Ok(stream) => serve(&dialler, stream, purpose).await,
            Err(error) => no(&dialler, &error),
        }
    });
}

/// The peer does not open the one that it was asked for.
fn refused(hub: &Hub, link: LinkId, number: u32, code: u8) {
    let blobs = hub.state().blobs.clone();
    let Some(instance) = hub.instance_of(link) else { return };
    let Some((lease, answer)) = blobs.answered(&instance, number) else { return };
    drop(lease);
    let _gone = answer.send(Err(refusal(code)));
}

pub(super) fn refusal(code: u8) -> BlobError {
    match CloseCode::from_byte(code) {
        CloseCode::Busy => BlobError::TooMany,
        CloseCode::Timeout => BlobError::TimedOut,
        _ => BlobError::Refused,
    }
}

/// What this side does with one that the peer wanted.
async fn serve(hub: &Arc<Hub>, stream: BlobStream, purpose: Purpose) {
    match purpose {
        Purpose::Ask => tell(hub, stream).await,
        Purpose::Measure => rate::serve(hub, stream).await,
    }
}

/// Hands one to the caller, on which the peer asks. One for which there is no room in time is dropped.
async fn tell(hub: &Hub, stream: BlobStream) {
    let Some((link, peer, instance)) =
        stream.info().map(|info| (info.link, info.peer, info.instance))
    else {
        return;
    };
    let event = TransportEvent::Blob { link, peer, instance, stream };
    let _full = tokio::time::timeout(hub.timing.blob_open, hub.events.send(event)).await;
}

/// Dials one: as [`open`], but for the time limit.
async fn dial(hub: &Arc<Hub>, wish: Wish, asker: u8, number: u32) -> Answer {
    let Wish { lease, link, peer, instance, address, gate, .. } = wish;
    let mut socket = connect(hub, address).await?;
    let local = socket.local_addr()?;
    socket.write_all(&gate).await.map_err(early)?;
    let connector = TlsConnector::from(hub.tls.blob_client(instance));
    let connecting = connector.connect(tls::server_name(), Ahead::new(socket)).await;
    let mut tls = connecting.map_err(|error| {
        if tls::is_other_key(&error) {
            hub.refuse(RefusedCode::Blob, address);
        }
        early(error)
    })?;
    let negotiated = tls::negotiated(tls.get_ref().1, tls::BLOB_ALPN).ok_or(BlobError::Refused)?;
    let [a, b, c, d] = number.to_be_bytes();
    tls.write_all(&[asker, a, b, c, d]).await.map_err(early)?;
    tls.flush().await.map_err(early)?;
    match tls.read_u8().await.map_err(early)? {
        WELCOME => {}
        code => return Err(refusal(code)),
    }
    let path = path(negotiated, address, local, "beside the link, to where it was dialled");
    Ok(BlobStream::over(tls.into(), BlobInfo { link, peer, instance, path }, lease))
}

fn path(negotiated: Negotiated, address: SocketAddr, local: SocketAddr, why: &str) -> PathInfo {
    let Negotiated { cipher, group, .. } = negotiated;
    PathInfo { kind: PathKind::Lan, address, local, cipher, group, why: why.to_owned() }
}

/// A connection that ends before it is open was refused.
fn early(error: io::Error) -> BlobError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::UnexpectedEof
        | Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::InvalidData => BlobError::Refused,
        _ => BlobError::Io(error),
    }
}

async fn connect(hub: &Hub, address: SocketAddr) -> Result<TcpStream, BlobError> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Before it connects, so that the window is scaled for it.
    set_buffers(&SockRef::from(&socket));
    let connecting = tokio::time::timeout(hub.timing.connect_timeout, socket.connect(address));
    let socket = connecting.await.map_err(|_| BlobError::TimedOut)??;
    tune(&socket);
    Ok(socket)
}

/// A blob connection that an inbound one became.
#[derive(Debug)]
pub(crate) struct Arrived {
    stream: BlobStream,
    /// Who asked for it here; else the peer asks on it.
    wanted: Option<oneshot::Sender<Answer>>,
    /// What the peer wants with it else.
    purpose: Purpose,
}

impl Arrived {
    /// Passes it on to who waits for it.
    pub(crate) async fn hand_over(self, hub: &Arc<Hub>) {
        match self.wanted {
            Some(wanted) => drop(wanted.send(Ok(self.stream))),
            None => serve(hub, self.stream, self.purpose).await,
        }
    }
}

/// Takes an inbound connection that came through the gate of this instance's link to where it is a blob connection.
pub(crate) async fn accept(
    hub: &Arc<Hub>,
    instance: InstanceKey,
    socket: TcpStream,
    remote: SocketAddr,
) -> Result<Arrived, Option<RefusedCode>> {
    let local = socket.local_addr().map_err(|_| None)?;
    set_buffers(&SockRef::from(&socket));
    tune(&socket);
    let acceptor = TlsAcceptor::from(Arc::clone(&hub.tls.blob_server));
    let mut tls =
        acceptor.accept(Ahead::new(socket)).await.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Some(RefusedCode::Tls),
            _ => None,
        })?;
    let negotiated =
        tls::negotiated(tls.get_ref().1, tls::BLOB_ALPN).ok_or(Some(RefusedCode::Tls))?;
    if negotiated.peer != instance {
        return Err(Some(RefusedCode::Blob));
    }
    let mut first = [0; 5];
    tls.read_exact(&mut first).await.map_err(|_| None)?;
    let [asker, number @ ..] = first;
    let number = u32::from_be_bytes(number);
    let admitted = match asker {
        I_ASK | I_MEASURE if number == 0 => hub.admit_blob(&instance).map(|place| (place, None)),
        YOU_ASKED => {
            let blobs = hub.state().blobs.clone();
            let asked = blobs.answered(&instance, number).zip(hub.link_to(&instance));
            asked.map_or(Err(BlobError::NoLink), |((lease, wanted), (link, peer))| {
                Ok(((lease, link, peer), Some(wanted)))
            })
        }
        _ => return Err(Some(RefusedCode::Blob)),
    };
    let (code, refused) = match &admitted {
        Ok(_) => (WELCOME, None),
        Err(BlobError::TooMany) => (CloseCode::Busy.to_byte(), Some(RefusedCode::TooManyBlobs)),
        // The wish for it timed out, or the link ended, meanwhile.
        Err(_) => (CloseCode::Unwanted.to_byte(), None),
    };
    tls.write_all(&[code]).await.map_err(|_| refused)?;
    tls.flush().await.map_err(|_| refused)?;
    let Ok(((lease, link, peer), wanted)) = admitted else {
        let _gone = tls.shutdown().await;
        return Err(refused);
    };
    let path = path(negotiated, remote, local, "beside the link, from who dialled it");
    let stream = BlobStream::over(tls.into(), BlobInfo { link, peer, instance, path }, lease);
    let purpose = if asker == I_MEASURE { Purpose::Measure } else { Purpose::Ask };
    Ok(Arrived { stream, wanted, purpose })
}

/// Sets what the system does not know to nothing.
fn tune(socket: &TcpStream) {
    let _unsupported = socket.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _unsupported = SockRef::from(socket).set_tcp_user_timeout(Some(BLOB_STALL));
    #[cfg(not(target_os = "linux"))]
    let _ = BLOB_STALL;
}

/// Sets both buffers to [`BLOB_BUFFER`], unless the system would cut that to less than it gives by itself.
fn set_buffers(socket: &SockRef<'_>) {
    if allows("wmem_max") {
        let _unsupported = socket.set_send_buffer_size(BLOB_BUFFER);
    }
    if allows("rmem_max") {
        let _unsupported = socket.set_recv_buffer_size(BLOB_BUFFER);
    }
}

#[cfg(target_os = "linux")]
fn allows(limit: &str) -> bool {
    let most = std::fs::read_to_string(format!("/proc/sys/net/core/{limit}"));
    most.is_ok_and(|most| most.trim().parse::<usize>().is_ok_and(|most| most >= BLOB_BUFFER))
}

#[cfg(not(target_os = "linux"))]
fn allows(_limit: &str) -> bool {
    true
}
