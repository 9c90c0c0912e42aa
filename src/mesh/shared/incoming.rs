//! What waits for the dispatcher.

use bytes::Bytes;
use tokio::time::Instant;

use crate::telemetry::traces::TraceContext;

/// An event on its way to the listener.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// As it came; its broker reads it when its turn comes.
    Received(Received),
    /// An event of this node.
    Local {
        name: String,
        args: String,
        meta: Option<String>,
        broadcast: bool,
    },
}

/// A payload that came from others.
#[derive(Debug)]
pub(crate) struct Received {
    /// The event, where its subject tells it (the plain broker's does); else empty.
    pub(crate) name: String,
    /// To everybody who listens, where its subject tells it.
    pub(crate) broadcast: bool,
    pub(crate) payload: Bytes,
    /// When it came, if somebody counts.
    pub(crate) arrived: Option<Instant>,
    /// Its sender's context, where that stands beside the payload (the plain broker's does).
    pub(crate) sender: Option<TraceContext>,
}
