//! A look at the mesh from outside: which servers answer, who is there, whose clock is off.
//!
//! Who looks is no node. It publishes DISCOVER and PING (with the plain broker `$SRV.PING`), which every node answers to whoever asks, and never an INFO or a
//! heartbeat: nobody takes it into a registry, no `$node.connected` fires anywhere, and nothing is left when it goes.

use std::collections::BTreeSet;
use std::time::Duration;

use super::node_id::NodeId;
use super::release::Release;
pub use super::shared::server::{ServerFacts, ServerSeen, ServerTrouble};

/// What a look found.
#[derive(Debug, Default)]
pub struct Survey {
    /// Every server that the transporter names, in its order.
    pub servers: Vec<ServerSeen>,
    /// Every node that told of itself, by name.
    pub nodes: Vec<NodeSeen>,
    /// Which release the cores among them are.
    pub release: Release,
    /// Nodes that were heard and did not answer.
    pub mute: BTreeSet<NodeId>,
    /// Packets of this namespace that could not be read.
    pub unreadable: usize,
    /// Packets of this namespace that are of protocol 5, where that is not taken.
    pub of_protocol_5: usize,
    /// Other namespaces that were heard; the empty text is none.
    pub strangers: BTreeSet<String>,
}

/// A node that told of itself.
#[derive(Debug, Clone)]
pub struct NodeSeen {
    /// Its name.
    pub id: NodeId,
    /// Its host.
    pub hostname: Option<String>,
    /// What runs it, such as `nodejs 0.14.35`.
    pub client: String,
    /// Full names of its services, sorted, Moleculer's own (`$…`) left out.
    pub services: Vec<String>,
    /// The quickest of its answers.
    pub round_trip: Option<Duration>,
    /// How many milliseconds its clock was ahead of ours then; `None` where the broker does not tell.
    pub ahead_ms: Option<i64>,
}
