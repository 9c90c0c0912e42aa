//! A node of the mesh, and everything that is told about the mesh to the rooms above.
//!
//! Two brokers stand behind one face, [`Mesh`], each in a room of its own: Moleculer (`moleculer`), and the plain NATS
//! broker of 8.x (`plain`). Neither knows the other; `broker` picks, and is the only file that knows both. What both
//! stand on is `shared`, below them, which knows neither. The files beside this one are the face: what other rooms know
//! of a node (`node`, `snapshot`), of calls and events, of errors, configuration and the cores' release, and how a mesh
//! is looked at (`survey`) and listened to (`overheard`) from outside.
//!
//! What comes in goes from the transport to a task that only drains, then, if it is an event, into a queue bounded in
//! bytes, from which one dispatcher calls the [`EventListener`] (`shared::dispatch`). What goes out waits in a queue that
//! is open only while there is a connection (`shared::publish`). `shared::life` connects, loses the connection, connects
//! again, leaves.
//!
//! Rules of the room: the wire is `reference/mesh.md`; raw JSON is never parsed deeper than the envelope; whatever a
//! foreign node sends costs at most its packet; while the transport is away calls fail at once, events are counted as
//! lost, and nothing is kept to be sent later. The room knows nothing of DDP.

mod broker;
mod call;
mod config;
mod error;
mod event;
mod moleculer;
mod nats_target;
mod node;
mod node_id;
mod overheard;
mod packet_kind;
mod plain;
mod release;
mod remote_error;
mod service;
mod shared;
mod snapshot;
mod survey;

#[cfg(test)]
mod tests;

pub use broker::{overhear, survey};
pub use call::Call;
pub use config::{
    Bulkhead, DEFAULT_EVENT_QUEUE_BYTES, DEFAULT_FORGET_AFTER, DEFAULT_JOIN_DELAY,
    DEFAULT_OUTBOX_BYTES, MeshConfig, NodeSettings, Protocols, RetryPolicy, SerializerKind,
    Strategy, Transporter,
};
pub use error::{CallError, MeshError};
pub use event::{Event, EventListener};
pub use moleculer::SerializeError;
pub use nats_target::{NatsTarget, NatsTls};
pub use node::Mesh;
pub use node_id::{InvalidNodeId, NodeId};
pub use overheard::{Body, ListenError, Overheard, Packet, ServiceHeard};
pub use packet_kind::PacketKind;
pub use release::{Listed, Release};
pub use remote_error::{Code, MeteorError, RemoteError};
pub use service::{Answer, BoxFuture, Handler, Request, ServiceSpec};
pub use shared::transport::LocalBus;
pub use snapshot::{MeshState, MeshStats, NodeSnapshot};
pub use survey::{NodeSeen, ServerFacts, ServerSeen, ServerTrouble, Survey};

/// Reads a payload, and says whether it is a packet of this kind: [`crate::internals`].
#[cfg(feature = "internals")]
pub(crate) fn read_packet(
    serializer: SerializerKind,
    kind: PacketKind,
    payload: bytes::Bytes,
) -> bool {
    serializer
        .decode(kind, payload)
        .is_ok_and(|json| moleculer::packet::Packet::read(kind, &json, Protocols::Four).is_ok())
}
