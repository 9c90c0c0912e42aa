//! What others may hold of a client: a cheap handle, never the socket.
//!
//! A [`Client`] is the part of a session that the hub, the methods and the teardown share: its [`Outbox`] (bounded in
//! bytes, pushed without waiting), its identity, its publications, the way to close it. The session's task owns the
//! socket; what many get at once a [`Flusher`] may write for it, through the [`Writer`] that both lock. The
//! [`Directory`] finds clients by session and by user; [`Handler`] is what a session asks of the rest of the house, or [`Server`] and
//! [`Leg`] where everything is relayed to a server instead.

mod directory;
mod flusher;
mod handle;
mod handler;
mod identity;
mod lag;
mod leg;
mod outbox;
mod places;
mod publication;
mod revocations;
mod secure;
mod socket;
mod writer;

pub use directory::{Directory, Listed, give_back};
pub use flusher::Flusher;
pub use handle::{Client, ClientSeed, Doubt};
pub use handler::{After, Handler, Reply, SubOutcome};
pub use identity::{Connection, Identity, SessionId, UserId};
pub use lag::Buffered;
pub use leg::{Leg, Server};
pub use outbox::{Outbox, Taken};
pub use places::Places;
pub use publication::{Publication, Publications, Topic};
pub use secure::Secure;
pub use socket::Socket;
pub use writer::Writer;
