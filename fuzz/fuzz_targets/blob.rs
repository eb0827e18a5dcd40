//! Frames of a blob stream: what is read is written to the same bytes; a server takes what is asked.
#![no_main]

use nexus_blobs::Serve;
use nexus_blobs::wire::{Message, NoCode, frame_len, parse};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let mut serve = Serve::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let Ok(len) = frame_len(*length) else { break };
        let Some((frame, next)) = after.split_at_checked(len) else { break };
        let Ok(message) = parse(frame) else { break };
        match message {
            Some(Message::Get(get)) => drop(serve.handle_get(get)),
            Some(Message::Stop(request)) => serve.handle_stop(request),
            _ => drop(serve.poll_next()),
        }
        // A reason of a later version is not kept.
        if let Some(message) = message
            && !matches!(message, Message::No { code: NoCode::Refused, .. })
        {
            assert_eq!(message.to_bytes(), rest[..4 + len]);
        }
        rest = next;
    }
    for _ in 0..100 {
        drop(serve.poll_next());
    }
});
