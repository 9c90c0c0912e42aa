//! One client's task, and what all of them share.
//!
//! [`Sessions`] is handed a socket that has become a WebSocket and makes a [`Session`] of it: one future, the only owner
//! of the socket. Each time it is polled it looks at its clock, reads, works on the request at hand and writes, in rounds
//! that none of the four can fill alone, so that a client that floods is still written to and one that does not read is
//! still heard.
//!
//! ```text
//! socket → intake, reader (RFC 6455) → inbox (framing, DDP table) → requests (one at a time, the rest waits, bounded)
//!                                     │ pong, errors                 │ result, updated, ready, nosub
//! everybody else → client::Outbox ←───┴──────────────────────────────┘
//! outbox → outflow, writer (the queued shared frames, vectored) → socket
//! ```
//!
//! How a session ends stands in [`ending`], and nowhere else.

mod clock;
mod config;
mod drain;
mod ending;
mod guard;
mod inbox;
mod intake;
mod outflow;
mod reader;
mod requests;
mod sessions;
mod task;
mod throttle;
mod writer;

#[cfg(test)]
mod tests;

pub use sessions::{Arrival, Sessions};
pub use task::Session;
pub(crate) use throttle::Throttle;

/// Decodes bytes as a session does, and hands over each message: a door for the fuzz targets.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(data: &[u8], mut message: impl FnMut(&str)) {
    let mut reader = reader::Reader::new(1 << 20);
    let mut bytes = data.to_vec();
    let mut rest = bytes.as_mut_slice();
    while let Ok(Some((taken, incoming))) = reader.next(rest) {
        if let reader::Incoming::Text(text) = incoming {
            message(&text);
        }
        rest = rest.split_at_mut(taken).1;
    }
    // What is no frame may still be a message.
    if let Ok(text) = std::str::from_utf8(data) {
        message(text);
    }
}
