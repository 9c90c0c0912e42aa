//! The deployment without a mesh: each session is relayed to one Rocket.Chat server over DDP (reference/relay.md).
//!
//! [`Relay`] is what the sessions have behind them: it makes each its [`leg`], a connection of its own that the session's
//! task polls beside the client's socket. A leg is made by
//! [`dial`] (name, TCP, TLS, upgrade, DDP handshake), few at a
//! time, so that clients that all come back are let in at the server's own pace; what it carries passes as it came:
//!
//! ```text
//! client → session: frame → ddp::glance → leg: calls (counted, bounded) → outward (masked) → server
//! server → leg: frames of one read, as they lie in the buffer → client's socket, one write; what it does not take: outbox
//! ```
//!
//! [`standing`] knows whether the server is there, and asks while it is not; [`losses`] spreads the closes when many legs
//! are lost at once; [`http`] passes plain requests (`RELAY_HTTP`); [`traced`] is what traces see of a request;
//! [`subs`] counts publications.

mod calls;
mod dial;
mod forwarded;
mod http;
mod leg;
mod link;
mod losses;
mod names;
mod outward;
mod server;
mod standing;
mod subs;
mod survey;
mod target;
#[cfg(test)]
mod tests;
mod traced;

pub use names::Names;
pub use server::{Relay, RelaySeed};
pub use standing::Standing;
pub use survey::{Info, ServerSeen, look};
