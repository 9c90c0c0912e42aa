//! One client's task, and what all of them share.
//!
//! [`Sessions`] is handed a socket that has become a WebSocket and makes a [`Session`] of it: one future, the owner of the
//! socket; what goes to many, a [`crate::client::Flusher`] writes for it while the socket takes it. Each time it is polled it looks at its clock, reads, works on the request at hand and writes, in rounds
//! that none of the four can fill alone, so that a client that floods is still written to and one that does not read is
//! still heard.
//!
//! ```text
//! socket → intake, reader (RFC 6455) → inbox (framing, DDP table) → requests (one at a time, the rest waits, bounded)
//!                                     │ pong, errors                 │ result, updated, ready, nosub
//! everybody else → client::Outbox ←───┴──────────────────────────────┘
//! outbox → outflow, client::Writer (the queued shared frames, vectored) → socket
//! ```
//!
//! A session that is relayed to a server ([`relayed`]) has a [`crate::client::Leg`] in place of its requests, and polls it as
//! it polls its own socket.
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
mod relayed;
mod requests;
mod sessions;
mod task;
mod unheard;
mod wire;

#[cfg(test)]
mod tests;

pub use config::OVERSLEPT;
pub use reader::{Incoming, Reader, mask};
pub use sessions::{Arrival, Behind, Sessions};
pub use task::Session;
pub use wire::Wire;

/// Decodes the frames in `bytes`, in place, and hands over each message: [`crate::internals`].
#[cfg(feature = "internals")]
pub(crate) fn read_frames(bytes: &mut [u8], mut message: impl FnMut(&str)) {
    let mut reader = Reader::<true>::new(1 << 20);
    let mut rest = bytes;
    while let Ok(Some((taken, incoming))) = reader.next(rest) {
        if let Incoming::Text(text) = incoming {
            message(&text);
        }
        rest = rest.split_at_mut(taken).1;
    }
}
