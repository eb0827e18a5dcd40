//! A wire between two nodes: framed bytes with a rate and a delay, cut where the test says.

use std::time::Duration;

use nexus_sync::LinkId;

/// One direction of a wire.
#[derive(Debug, Default)]
pub struct Lane {
    /// When the last byte handed over will be on the wire.
    pub busy_until: Duration,
    /// Bytes that came out at the far end and are no whole frame yet.
    pub received: Vec<u8>,
    /// Bytes that came out at the far end.
    pub carried: u64,
    /// Bytes that were handed over.
    pub sent: u64,
}

/// A wire; end 0 dialled.
#[derive(Debug)]
pub struct Wire {
    pub nodes: [usize; 2],
    pub links: [LinkId; 2],
    /// `lanes[0]` carries from end 0 to end 1.
    pub lanes: [Lane; 2],
    pub delay: Duration,
    /// Bytes a second.
    pub rate: u64,
    /// The wire breaks when a lane carried that many bytes.
    pub cut_after: [Option<u64>; 2],
    pub up: bool,
}

impl Wire {
    /// The whole frames (code, body) that arrived.
    pub fn frames(&mut self, lane: usize) -> Vec<(u8, Vec<u8>)> {
        let buffer = &mut self.lanes[lane].received;
        let mut frames = Vec::new();
        let mut at = 0;
        while buffer.len() >= at + 4 {
            let len = u32::from_be_bytes(buffer[at..at + 4].try_into().unwrap()) as usize;
            if buffer.len() < at + 4 + len {
                break;
            }
            frames.push((buffer[at + 4], buffer[at + 5..at + 4 + len].to_vec()));
            at += 4 + len;
        }
        buffer.drain(..at);
        frames
    }
}

/// `length 4 ‖ code 1 ‖ body`.
pub fn framed(code: u8, body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32 + 1).to_be_bytes().to_vec();
    out.push(code);
    out.extend_from_slice(body);
    out
}
