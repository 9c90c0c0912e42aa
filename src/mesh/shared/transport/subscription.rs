//! What is listened to, and what comes there.

use bytes::Bytes;
use uuid::Uuid;

use crate::mesh::packet_kind::PacketKind;

/// A subject that a node listens to.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subscription {
    /// What comes there.
    pub(crate) kind: PacketKind,
    pub(crate) subject: String,
    /// It is this node's own: what comes there was sent to nobody else.
    pub(crate) own: bool,
    /// NATS's queue group, of which one member gets each packet; all listeners get it where there is none.
    pub(crate) queue: Option<String>,
}

/// What a connection brings.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A payload, and of what kind its subject says that it is.
    Packet(PacketKind, Bytes),
    /// A DISCOVER to this node alone.
    Asked(Bytes),
    /// A request that reached nobody: the called node is not connected, whatever its last heartbeat said.
    Unreached(Uuid),
}

impl Arrival {
    /// What came on a subscription.
    pub(crate) fn of(kind: PacketKind, own: bool, payload: Bytes) -> Self {
        match kind {
            PacketKind::Discover if own => Self::Asked(payload),
            _ => Self::Packet(kind, payload),
        }
    }
}
