//! Frames: how bytes on a stream are cut into messages.
//!
//! `u32 length ‖ u8 code ‖ body`, big-endian; the length counts code and body. The meaning of codes and bodies belongs
//! to the layers above, but for those of the control stream that keep the link itself.

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest value of a frame's length field, code and body together, in bytes.
pub const MAX_FRAME: usize = 72 * 1024;

/// Bytes of the length field.
pub const LENGTH_BYTES: usize = 4;

/// One message on a stream.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is; each stream has its own table.
    pub code: u8,
    /// At most [`MAX_FRAME`] - 1 bytes.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({}, {} bytes)", self.code, self.body.len())
    }
}

/// Codes of frames on the control stream.
pub mod control {
    /// First frame of each side: see [`crate::hello`].
    pub const HELLO: u8 = 1;
    /// A sealed letter; for the caller.
    pub const LETTER: u8 = 2;
    /// The letter with this id is durable at the receiver; for the caller.
    pub const LETTER_OK: u8 = 3;
    /// A card or instance record; for the caller.
    pub const RECORD: u8 = 4;
    /// 8 bytes to be sent back as [`PONG`]; kept by the link.
    pub const PING: u8 = 5;
    /// The 8 bytes of a [`PING`]; kept by the link.
    pub const PONG: u8 = 6;
    /// One byte: a [`crate::CloseCode`]; kept by the link.
    pub const BYE: u8 = 7;
    /// A number, 4 bytes, and a purpose, 1 byte: the dialler of the link is asked for a blob connection; kept by the link.
    pub const BLOB_OPEN: u8 = 8;
    /// The number of a [`BLOB_OPEN`], and one byte: the [`crate::CloseCode`] for which there is none; kept by the link.
    pub const BLOB_NO: u8 = 9;
}

/// A frame that can't be sent or read.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The length is over [`MAX_FRAME`]: end the link.
    #[error("a frame of {0} bytes is over the limit")]
    TooLong(usize),
    /// The length is zero, so there is no code: end the link.
    #[error("a frame without a code")]
    Empty,
    /// The stream ended inside a frame, or failed.
    #[error("the stream failed")]
    Io(#[from] std::io::Error),
}

impl Frame {
    /// A frame with this code and body.
    #[must_use]
    pub fn new(code: u8, body: impl Into<Vec<u8>>) -> Self {
        Self { code, body: body.into() }
    }

    /// Bytes that the frame takes on the wire.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        LENGTH_BYTES + 1 + self.body.len()
    }

    /// Appends the frame to `out`.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] when code and body are over [`MAX_FRAME`]; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let length = 1 + self.body.len();
        let field = u32::try_from(length)
            .ok()
            .filter(|_| length <= MAX_FRAME)
            .ok_or(FrameError::TooLong(length))?;
        out.reserve(self.wire_len());
        out.extend_from_slice(&field.to_be_bytes());
        out.push(self.code);
        out.extend_from_slice(&self.body);
        Ok(())
    }

    /// Reads one frame from the front of `bytes`; `None` when more bytes are needed. Gives the bytes used, too.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] and [`FrameError::Empty`], known from the length field alone.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let Some((field, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = checked_length(*field)?;
        let Some((code, body)) = rest.get(..length).and_then(<[u8]>::split_first) else {
            return Ok(None);
        };
        Ok(Some((Self::new(*code, body), LENGTH_BYTES + length)))
    }

    /// Reads one frame from a stream; `None` when the stream ended between two frames.
    ///
    /// The body grows only as bytes arrive, so a length alone costs the reader nothing.
    ///
    /// # Errors
    /// As [`Frame::decode`], and [`FrameError::Io`].
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Self>, FrameError> {
        let mut field = [0u8; LENGTH_BYTES];
        let first = stream.read(&mut field).await?;
        if first == 0 {
            return Ok(None);
        }
        if let Some(rest) = field.get_mut(first..) {
            stream.read_exact(rest).await?;
        }
        let length = checked_length(field)?;
        let code = stream.read_u8().await?;
        let mut body = Vec::new();
        let want = length - 1;
        let got = stream.take(want as u64).read_to_end(&mut body).await?;
        if got < want {
            return Err(FrameError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(Some(Self { code, body }))
    }
}

fn checked_length(field: [u8; LENGTH_BYTES]) -> Result<usize, FrameError> {
    let length = usize::try_from(u32::from_be_bytes(field)).unwrap_or(usize::MAX);
    match length {
        0 => Err(FrameError::Empty),
        too_long if too_long > MAX_FRAME => Err(FrameError::TooLong(too_long)),
        fine => Ok(fine),
    }
}

#[cfg(test)]
mod tests;
