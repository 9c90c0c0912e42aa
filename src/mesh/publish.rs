//! Packets on their way out: checked against the server's bound, queued for the transport, now or never.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use uuid::Uuid;

use super::handle::Inner;
use super::node_id::NodeId;
use super::packet::PacketKind;
use super::queue::Refused;

/// A packet that waits for the transport.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) kind: PacketKind,
    pub(super) subject: String,
    pub(super) payload: Bytes,
    /// The request that it is, for whom it matters that somebody takes it.
    pub(super) asked: Option<Uuid>,
}

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PublishError {
    /// There is no connection.
    Away,
    /// Too much waits already: the server takes nothing.
    Full,
    /// Over what the server takes, in bytes.
    TooLarge { size: usize, limit: usize },
}

impl Inner {
    /// A packet to one node or to all.
    pub(super) fn publish(
        &self,
        kind: PacketKind,
        to: Option<&NodeId>,
        json: Vec<u8>,
    ) -> Result<(), PublishError> {
        let payload = self.encode(kind, json)?;
        self.publish_payload(kind, to, payload, None)
    }

    /// A request, with its id.
    pub(super) fn publish_request(
        &self,
        to: &NodeId,
        json: Vec<u8>,
        id: Uuid,
    ) -> Result<(), PublishError> {
        let payload = self.encode(PacketKind::Request, json)?;
        self.publish_payload(PacketKind::Request, Some(to), payload, Some(id))
    }

    /// The same bytes may go to several nodes: only the subject differs.
    pub(super) fn publish_payload(
        &self,
        kind: PacketKind,
        to: Option<&NodeId>,
        payload: Bytes,
        asked: Option<Uuid>,
    ) -> Result<(), PublishError> {
        let (size, limit) = (payload.len(), self.max_payload.load(Ordering::Relaxed));
        if size > limit {
            self.stats.too_large.add(1);
            return Err(PublishError::TooLarge { size, limit });
        }
        let subject = match to {
            Some(node) => self.subjects.node(kind, node),
            None => self.subjects.all(kind),
        };
        let cost = size + subject.len();
        let outgoing = Outgoing {
            kind,
            subject,
            payload,
            asked,
        };
        self.outbox
            .push(outgoing, cost)
            .map_err(|refused| match refused {
                Refused::Full => PublishError::Full,
                Refused::Closed => PublishError::Away,
            })
    }

    /// A packet in the mesh's encoding. What has no form in it (it is nested too deeply) is refused as too large: what a
    /// client sent is at fault, and no repetition helps.
    pub(super) fn encode(&self, kind: PacketKind, json: Vec<u8>) -> Result<Bytes, PublishError> {
        let size = json.len();
        self.config.serializer.encode(kind, json).map_err(|error| {
            if let Some(left_out) = self.limits.unwritable.pass() {
                tracing::warn!(packet = kind.name(), %error, left_out, "a packet cannot be written in the mesh's encoding");
            }
            self.stats.too_large.add(1);
            let limit = self.max_payload.load(Ordering::Relaxed);
            PublishError::TooLarge { size, limit }
        })
    }
}
