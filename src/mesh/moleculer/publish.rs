//! Packets on their way out, in the mesh's encoding.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use uuid::Uuid;

use super::node::MoleculerNode;
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::outgoing::{Asks, Outgoing, PublishError};

impl MoleculerNode {
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
        let subject = match to {
            Some(node) => self.subjects.node(kind, node),
            None => self.subjects.all(kind),
        };
        self.send(Outgoing {
            asks: asked.map(Asks::Call),
            ..Outgoing::new(kind, subject, payload)
        })
    }

    /// A packet in the mesh's encoding. What has no form in it (it is nested too deeply) is refused as too large: what a
    /// client sent is at fault, and no repetition helps.
    pub(super) fn encode(&self, kind: PacketKind, json: Vec<u8>) -> Result<Bytes, PublishError> {
        let size = json.len();
        self.config.node.serializer.encode(kind, json).map_err(|error| {
            self.unwritable.log(|left_out| {
                tracing::warn!(packet = kind.name(), %error, left_out, "a packet cannot be written in the mesh's encoding");
            });
            self.stats.too_large.add(1);
            let limit = self.max_payload.load(Ordering::Relaxed);
            PublishError::TooLarge { size, limit }
        })
    }
}
