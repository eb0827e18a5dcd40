//! The bytes of each frame.

use super::{
    DATA_HEADER, FrameError, GROUP, Get, HashList, MAX_FRAME, MAX_GET, MAX_HASHES, Message, NoCode,
    What,
};
use crate::ids::{BlobId, RequestId};

const GET: u8 = 1;
const STOP: u8 = 2;
const GROUP_CODE: u8 = 3;
const HASHES: u8 = 4;
const END: u8 = 5;
const NO: u8 = 6;
/// Codes from here on are of later versions and passed over.
const FIRST_IGNORED: u8 = 128;

/// Reads the four bytes before a frame: how many follow (code and body).
pub fn frame_len(length: [u8; 4]) -> Result<usize, FrameError> {
    match usize::try_from(u32::from_be_bytes(length)) {
        Ok(len) if (1..=MAX_FRAME - 4).contains(&len) => Ok(len),
        _ => Err(FrameError::Oversized),
    }
}

/// What goes before the bytes of a group: send this, then `len` bytes (at most [`GROUP`]).
pub fn group_header(request: RequestId, index: u64, len: usize) -> [u8; DATA_HEADER] {
    debug_assert!(len <= GROUP);
    data_header(GROUP_CODE, request, index, len)
}

/// What goes before a list of hashes: send this, then `count` times 32 bytes (1 to [`MAX_HASHES`]).
pub fn hashes_header(request: RequestId, first: u64, count: usize) -> [u8; DATA_HEADER] {
    debug_assert!((1..=MAX_HASHES).contains(&count));
    data_header(HASHES, request, first, count * 32)
}

fn data_header(code: u8, request: RequestId, index: u64, len: usize) -> [u8; DATA_HEADER] {
    let length = u32::try_from(DATA_HEADER - 4 + len).unwrap_or(u32::MAX).to_be_bytes();
    let [a, b, c, d] = length;
    let [e, f, g, h] = request.0.to_be_bytes();
    let [i, j, k, l, m, n, o, p] = index.to_be_bytes();
    [a, b, c, d, code, e, f, g, h, i, j, k, l, m, n, o, p]
}

impl Message<'_> {
    /// Appends the frame, its length included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Get(get) => {
                put_header(out, GET, 49, get.request);
                out.extend_from_slice(get.blob.as_bytes());
                out.push(get.what as u8);
                out.extend_from_slice(&get.first.to_be_bytes());
                out.extend_from_slice(&get.count.to_be_bytes());
            }
            Self::Stop(request) => put_header(out, STOP, 4, *request),
            Self::Group { request, index, bytes } => {
                out.extend_from_slice(&group_header(*request, *index, bytes.len()));
                out.extend_from_slice(bytes);
            }
            Self::Hashes { request, first, hashes } => {
                out.extend_from_slice(&hashes_header(*request, *first, hashes.len()));
                out.extend_from_slice(hashes.as_bytes());
            }
            Self::End(request) => put_header(out, END, 4, *request),
            Self::No { request, code } => {
                put_header(out, NO, 5, *request);
                out.push(*code as u8);
            }
        }
    }

    /// The frame, its length included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

fn put_header(out: &mut Vec<u8>, code: u8, body: u32, request: RequestId) {
    out.extend_from_slice(&(body + 1).to_be_bytes());
    out.push(code);
    out.extend_from_slice(&request.0.to_be_bytes());
}

/// Reads a frame without its length: code and body.
///
/// `Ok(None)` is a frame of a later version (code 128 and above), to be passed over.
pub fn parse(frame: &[u8]) -> Result<Option<Message<'_>>, FrameError> {
    let (&code, body) = frame.split_first().ok_or(FrameError::Malformed)?;
    if frame.len() > MAX_FRAME - 4 {
        return Err(FrameError::Oversized);
    }
    if code >= FIRST_IGNORED {
        return Ok(None);
    }
    if !(GET..=NO).contains(&code) {
        return Err(FrameError::Unknown);
    }
    let (request, rest) = body.split_first_chunk::<4>().ok_or(FrameError::Malformed)?;
    let request = RequestId(u32::from_be_bytes(*request));
    let message = match code {
        GET => parse_get(request, rest),
        STOP if rest.is_empty() => Some(Message::Stop(request)),
        GROUP_CODE => parse_group(request, rest),
        HASHES => parse_hashes(request, rest),
        END if rest.is_empty() => Some(Message::End(request)),
        NO => match rest {
            [code] => Some(Message::No { request, code: NoCode::from_byte(*code) }),
            _ => None,
        },
        _ => None,
    };
    message.map(Some).ok_or(FrameError::Malformed)
}

fn parse_get(request: RequestId, rest: &[u8]) -> Option<Message<'_>> {
    let (blob, rest) = rest.split_first_chunk::<32>()?;
    let (what, rest) = rest.split_first()?;
    let (first, count) = rest.split_first_chunk::<8>()?;
    let what = match what {
        0 => What::Content,
        1 => What::Hashes,
        _ => return None,
    };
    let (first, count) = (u64::from_be_bytes(*first), u32::from_be_bytes(count.try_into().ok()?));
    let blob = BlobId::from_bytes(*blob);
    (1..=MAX_GET).contains(&count).then_some(Message::Get(Get {
        request,
        blob,
        what,
        first,
        count,
    }))
}

fn parse_group(request: RequestId, rest: &[u8]) -> Option<Message<'_>> {
    let (index, bytes) = rest.split_first_chunk::<8>()?;
    let index = u64::from_be_bytes(*index);
    (bytes.len() <= GROUP).then_some(Message::Group { request, index, bytes })
}

fn parse_hashes(request: RequestId, rest: &[u8]) -> Option<Message<'_>> {
    let (first, list) = rest.split_first_chunk::<8>()?;
    let (hashes, odd) = list.as_chunks::<32>();
    let right = odd.is_empty() && (1..=MAX_HASHES).contains(&hashes.len());
    let first = u64::from_be_bytes(*first);
    right.then_some(Message::Hashes { request, first, hashes: HashList(hashes) })
}
