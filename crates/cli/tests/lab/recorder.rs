//! A relay that writes down what both ends of a connection say, to be played back.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// One connection: who said what, in the order in which it went through.
pub type Session = Vec<(Who, Vec<u8>)>;

/// An end of a recorded connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Dialler,
    Listener,
}

/// Relays connections to `to`, one after the other; gives where to connect, and the record of the last as it grows.
pub async fn record(to: SocketAddr) -> (SocketAddr, Arc<Mutex<Session>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let session = Arc::new(Mutex::new(Session::new()));
    let written = Arc::clone(&session);
    tokio::spawn(async move {
        // Whoever hides asks first who is there, over a connection of its own: what counts is the last.
        while let Ok((dialler, _)) = listener.accept().await {
            written.lock().unwrap().clear();
            let Ok(listener) = TcpStream::connect(to).await else { return };
            let (from_dialler, to_dialler) = dialler.into_split();
            let (from_listener, to_listener) = listener.into_split();
            tokio::join!(
                pass(from_dialler, to_listener, Who::Dialler, &written),
                pass(from_listener, to_dialler, Who::Listener, &written),
            );
        }
    });
    (at, session)
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, who: Who, session: &Mutex<Session>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        session.lock().unwrap().push((who, buffer[..length].to_vec()));
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
