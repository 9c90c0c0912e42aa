//! How a node stands at one moment: its state, whom it knows, what it counted.

use std::time::Duration;

use tokio::time::Instant;

use super::node_id::NodeId;
use super::packet_kind::PacketKind;

/// Where the node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshState {
    /// Not yet connected, or the others' INFO packets are awaited.
    Joining,
    /// Part of the mesh.
    Joined,
    /// The transport is away.
    Away {
        /// Since when.
        since: Instant,
    },
    /// It left, or was stopped.
    Left,
    /// It cannot go on: the reason is for the operator.
    Failed(String),
}

/// What is known of a node.
#[derive(Debug, Clone)]
pub struct NodeSnapshot {
    /// Its name.
    pub id: NodeId,
    /// The own node.
    pub local: bool,
    /// It is there.
    pub available: bool,
    /// Its host.
    pub hostname: Option<String>,
    /// What runs it, such as `nodejs 0.14.35`.
    pub client: String,
    /// Full names of its services.
    pub services: Vec<String>,
    /// CPU percent of its host, as it last told.
    pub cpu: Option<f32>,
    /// Time since it was last heard.
    pub silent_for: Duration,
    /// Version of its service list.
    pub seq: u64,
}

/// A node's counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MeshStats {
    /// Packets sent.
    pub published: u64,
    /// Packets received, malformed ones included.
    pub received: u64,
    /// The same by kind.
    pub published_by_kind: Vec<(PacketKind, u64)>,
    /// The same by kind.
    pub received_by_kind: Vec<(PacketKind, u64)>,
    /// Events not sent: the transport was away, or they were too large.
    pub events_lost_out: u64,
    /// Events that came and found the queue full.
    pub events_lost_in: u64,
    /// Packets that the NATS client dropped: at least so many.
    pub packets_lost_at_nats: u64,
    /// Packets over the server's `max_payload`.
    pub too_large: u64,
    /// Payloads that are no packets.
    pub malformed: u64,
    /// Packets of another protocol.
    pub foreign_version: u64,
    /// Answers that nobody waited for.
    pub orphans: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Panics of listeners and handlers: bugs.
    pub panics: u64,
    /// Bytes of events that wait for the listener.
    pub queued_event_bytes: usize,
    /// Bytes that wait for the transport.
    pub outbox_bytes: usize,
    /// Calls that wait for their answers.
    pub pending_calls: usize,
}
