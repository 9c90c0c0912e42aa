//! What both brokers stand on; it knows neither.
//!
//! [`local_node::LocalNode`] is the own node as far as it is the same with both: registry, pending calls, the queues in
//! and out, limits of log lines. A broker's node holds one, adds what is its own, and says by [`protocol::Protocol`]
//! what it does with a connection; [`life`] and [`link`] run it.

pub(crate) mod calls;
pub(crate) mod dispatch;
pub(crate) mod gates;
pub(crate) mod host;
pub(crate) mod incoming;
pub(crate) mod json;
pub(crate) mod life;
pub(crate) mod link;
pub(crate) mod local_node;
pub(crate) mod membership;
pub(crate) mod outgoing;
pub(crate) mod pattern;
pub(crate) mod pending;
pub(crate) mod protocol;
pub(crate) mod publish;
pub(crate) mod queue;
pub(crate) mod registry;
pub(crate) mod server;
pub(crate) mod services;
pub(crate) mod stats;
pub(crate) mod tap;
pub(crate) mod transport;
