//! What a node is told before it starts: typed, checked elsewhere (the config room reads the environment).

use std::time::Duration;

use super::nats_target::NatsTarget;
use super::node_id::NodeId;
use super::shared::transport::LocalBus;
pub use crate::config::{Bulkhead, NodeSettings, Protocols, RetryPolicy, SerializerKind, Strategy};

/// The other nodes' INFO packets are waited for this long after joining, as Moleculer does.
pub const DEFAULT_JOIN_DELAY: Duration = Duration::from_millis(500);
/// An offline node is forgotten after this time (Moleculer's `cleanOfflineNodesTimeout`).
pub const DEFAULT_FORGET_AFTER: Duration = Duration::from_secs(10 * 60);
/// Events that wait for the dispatcher, in bytes of packets: at 2 KiB an event this is half a minute of a very busy
/// workspace (1,000 events a second); whoever is further behind will not catch up by remembering more.
pub const DEFAULT_EVENT_QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Packets that wait to be handed to NATS, in bytes. NATS takes them as fast as the socket does; what piles up here is
/// what a frozen server does not take until its silence is noticed.
pub const DEFAULT_OUTBOX_BYTES: usize = 32 * 1024 * 1024;

/// What a node must know to join.
#[derive(Debug, Clone)]
pub struct MeshConfig {
    /// The own name: unique in the mesh.
    pub node_id: NodeId,
    /// Where the others are.
    pub transporter: Transporter,
    /// How it behaves among them.
    pub node: NodeSettings,
    /// Services that are never waited for: their absence is normal.
    pub never_wait_for: Vec<String>,
    /// Wait for the others' INFO after joining.
    pub join_delay: Duration,
    /// Offline nodes are forgotten after this time.
    pub forget_after: Duration,
    /// Bound of the queue before the event listener, bytes.
    pub event_queue_bytes: usize,
    /// Bound of the queue before the transport, bytes.
    pub outbox_bytes: usize,
}

impl MeshConfig {
    /// Everything as Rocket.Chat's services have it by default.
    pub fn new(node_id: NodeId, transporter: Transporter) -> Self {
        Self {
            node_id,
            transporter,
            node: NodeSettings::default(),
            never_wait_for: vec!["ee-settings".to_owned()],
            join_delay: DEFAULT_JOIN_DELAY,
            forget_after: DEFAULT_FORGET_AFTER,
            event_queue_bytes: DEFAULT_EVENT_QUEUE_BYTES,
            outbox_bytes: DEFAULT_OUTBOX_BYTES,
        }
    }
}

/// Where packets go.
#[derive(Debug, Clone)]
pub enum Transporter {
    /// A NATS server or cluster.
    Nats(NatsTarget),
    /// Nodes of the same process.
    Local(LocalBus),
    /// A NATS server or cluster on which the nodes speak the plain broker of 8.x instead of Moleculer's protocol. Of the
    /// other settings only [`request_timeout`](NodeSettings::request_timeout), [`bulkhead`](NodeSettings::bulkhead),
    /// [`join_delay`](MeshConfig::join_delay), [`never_wait_for`](MeshConfig::never_wait_for), the heartbeat pair (how
    /// often it is looked who is there, and how long silence is borne) and the bounds have a meaning there.
    Plain(NatsTarget),
}
