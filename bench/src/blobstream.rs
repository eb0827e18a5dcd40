//! What a blob connection moves beside plain TCP: two transports in this process, on the loopback interface, so that the time
//! of the CPU is that of both ends and the kernel's together.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nexus_identity::{
    IdentitySecrets, InstanceRecord, InstanceSecret, Millis, Prekeys, Statement, VerifiedCard,
};
use nexus_transport::{BlobStream, Config, LinkId, LocalHello, Peer, Transport, TransportEvent};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::driver::cpu;
use crate::table::{Table, Target};

/// Bytes that each row moves.
const BYTES: u64 = 4 << 30;
/// Sizes of one write.
const WRITES: [usize; 3] = [64 << 10, 256 << 10, 1 << 20];
/// What one read may take.
const READ: usize = 1 << 20;
/// For the two to find each other.
const PATIENCE: Duration = Duration::from_secs(10);

struct Node {
    peer: Peer,
    transport: Transport,
    events: mpsc::Receiver<TransportEvent>,
}

impl Node {
    async fn start() -> Result<Self> {
        let rng = &mut UnwrapErr(SysRng);
        let (identity, instance) = (IdentitySecrets::generate(rng), InstanceSecret::generate(rng));
        let (id, key) = (identity.connect_id(), instance.key());
        let says = [
            Statement::Add { instance: key, created: Millis(1) },
            Statement::Contact { key: identity.contact_key() },
        ];
        let card = VerifiedCard::create(&identity, &says)?;
        let prekeys = Prekeys::generate(Millis(1), rng)?;
        let record =
            InstanceRecord::new(id, key, 1, prekeys.current(), Millis(1)).sign(&instance)?;
        let hello = LocalHello { card: card.clone(), record, capabilities: 0 };
        let mut config = Config::new(id, instance, hello);
        (config.loopback_only, config.discovery_port) = (true, 0);
        let (transport, events) = Transport::start(config).await?;
        let addresses = transport.listen_addresses();
        let peer = Peer { connect_id: id, card: Some(card), pair_secret: None, addresses };
        Ok(Self { peer, transport, events })
    }

    /// The next event that `pick` takes; links that come up are kept, for they end without their user.
    async fn next<T>(
        &mut self,
        kept: &mut Vec<TransportEvent>,
        pick: impl Fn(TransportEvent) -> Result<T, Box<TransportEvent>>,
    ) -> Result<T> {
        let next = async {
            while let Some(event) = self.events.recv().await {
                match pick(event) {
                    Ok(picked) => return Ok(picked),
                    Err(other) => kept.push(*other),
                }
            }
            bail!("the transport stopped")
        };
        tokio::time::timeout(PATIENCE, next).await?
    }
}

/// Moves [`BYTES`]: seconds, and seconds of the CPU.
async fn moved(
    mut from: impl AsyncWrite + Unpin + Send + 'static,
    mut to: impl AsyncRead + Unpin + Send + 'static,
    write: usize,
) -> Result<(f64, f64)> {
    let (spent, began) = (cpu(std::process::id())?, Instant::now());
    let sender = tokio::spawn(async move {
        let bytes = vec![0x5a; write];
        for _ in 0..BYTES / write as u64 {
            from.write_all(&bytes).await?;
        }
        from.flush().await?;
        std::io::Result::Ok(from)
    });
    let receiver = tokio::spawn(async move {
        let (mut buffer, mut got) = (vec![0; READ], 0);
        while got < BYTES {
            let count = to.read(&mut buffer).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            got += count as u64;
        }
        std::io::Result::Ok(to)
    });
    let ends = (sender.await??, receiver.await??);
    let took = (began.elapsed().as_secs_f64(), cpu(std::process::id())? - spent);
    drop(ends);
    Ok(took)
}

async fn plain() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let (from, to) = tokio::join!(TcpStream::connect(listener.local_addr()?), listener.accept());
    let (from, (to, _)) = (from?, to?);
    from.set_nodelay(true)?;
    Ok((from, to))
}

async fn blob(a: &Node, b: &mut Node, link: LinkId) -> Result<(BlobStream, BlobStream)> {
    let mut others = Vec::new();
    let came = b.next(&mut others, |event| match event {
        TransportEvent::Blob { stream, .. } => Ok(stream),
        other => Err(Box::new(other)),
    });
    let (opened, came) = tokio::join!(a.transport.open_blob(link), came);
    Ok((opened?, came?))
}

fn row(table: &mut Table, what: &str, write: usize, (took, cpu): (f64, f64)) {
    let what = format!("{what}, writes of {} KiB", write >> 10);
    let gigabytes = BYTES as f64 / 1e9;
    table.add(&what, 0, gigabytes / took, "GB/s", Target::None);
    let gibibytes = (BYTES >> 30) as f64;
    table.add("… CPU of both ends a GiB", 0, cpu / gibibytes, "s", Target::None);
}

/// Plain TCP and a blob connection, one after the other for each size.
pub(crate) fn blobstream(table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut a, mut b) = (Node::start().await?, Node::start().await?);
        b.transport.want(Peer { addresses: Vec::new(), ..a.peer.clone() });
        a.transport.want(b.peer.clone());
        let (mut kept, mut kept_b) = (Vec::new(), Vec::new());
        let up = a.next(&mut kept, |event| match event {
            TransportEvent::LinkUp(up) => Ok(up),
            other => Err(Box::new(other)),
        });
        let up = up.await.context("no link")?;
        let there = b.next(&mut kept_b, |event| match event {
            TransportEvent::LinkUp(up) => Ok(up),
            other => Err(Box::new(other)),
        });
        let _there = there.await?;
        for write in WRITES {
            let (from, to) = plain().await?;
            row(table, "plain TCP", write, moved(from, to, write).await?);
            let (from, to) = blob(&a, &mut b, up.link).await?;
            row(table, "blob connection", write, moved(from, to, write).await?);
        }
        a.transport.shutdown().await;
        b.transport.shutdown().await;
        Ok(())
    })
}
