//! A node of the mesh, and everything that is told about the mesh to the rooms above.
//!
//! Two brokers stand behind one face, [`Mesh`]: Moleculer (protocol 4), and the plain NATS broker of 8.x (`plain`). What
//! their nodes share is `base` (state, registry, pending calls, the queues in and out) and `life` (connect, lose the
//! connection, connect again, leave); neither knows the other.
//!
//! Ways through the Moleculer node; `plain` tells its own:
//!
//! - **Events in**: `transport` → a task that only drains (`link`) → a queue bounded in bytes → one dispatcher
//!   (`dispatch`) → the [`EventListener`], with `data` borrowed from the payload.
//! - **Calls out**: [`Mesh::call`] → `calls`: bulkhead, registry, balancer, pending table → outbox → `transport`; the
//!   answer comes on a way of its own and never waits behind events.
//! - **Everything else** (`discovery`, `requests`): INFO, heartbeats, pings, calls to this node.
//!
//! Rules of the room: the wire is `reference/mesh.md`; raw JSON is never parsed deeper than the envelope; whatever a
//! foreign node sends costs at most its packet; while the transport is away calls fail at once, events are counted as
//! lost, and nothing is kept to be sent later. The room knows nothing of DDP.

mod balancer;
mod base;
mod broadcast;
mod calls;
mod config;
mod discovery;
mod dispatch;
mod error;
mod event;
mod handle;
mod host;
mod life;
mod link;
mod moleculer;
mod node_id;
mod node_service;
mod packet;
mod plain;
mod publish;
mod queue;
mod registry;
mod release;
mod remote_error;
mod requests;
mod serializer;
mod service;
mod stats;
mod subject;
mod survey;
mod transport;

#[cfg(test)]
mod tests;

pub use calls::Call;
pub use config::{
    Bulkhead, DEFAULT_EVENT_QUEUE_BYTES, DEFAULT_FORGET_AFTER, DEFAULT_HEARTBEAT_INTERVAL,
    DEFAULT_HEARTBEAT_TIMEOUT, DEFAULT_JOIN_DELAY, DEFAULT_OUTBOX_BYTES, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_WAIT_FOR_SERVICES, MeshConfig, RetryPolicy, Strategy, Transporter,
};
pub use error::{CallError, MeshError};
pub use event::{Event, EventListener};
pub use handle::{Mesh, MeshState, NodeSnapshot};
pub use node_id::{InvalidNodeId, NodeId};
pub use packet::PacketKind;
pub use release::{Listed, Release};
pub use remote_error::{Code, MeteorError, RemoteError};
pub use serializer::{SerializeError, SerializerKind};
pub use service::{Answer, BoxFuture, Handler, Request, ServiceSpec};
pub use stats::MeshStats;
pub use survey::{NodeSeen, ServerFacts, ServerSeen, ServerTrouble, Survey, survey};
pub use transport::{LocalBus, NatsTarget, NatsTls};

/// Reads a payload, and says whether it is a packet of this kind: [`crate::internals`].
#[cfg(feature = "internals")]
pub(crate) fn read_packet(
    serializer: SerializerKind,
    kind: PacketKind,
    payload: bytes::Bytes,
) -> bool {
    serializer
        .decode(kind, payload)
        .is_ok_and(|json| packet::Packet::read(kind, &json).is_ok())
}
