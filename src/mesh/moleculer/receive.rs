//! What a packet of each kind leads to.

use std::sync::Arc;

use bytes::Bytes;

use super::node::MoleculerNode;
use super::packet::{self, HeartbeatPacket, Packet, ReadError, ResponsePacket};
use crate::mesh::node_id::{NodeId, is_subject_rest};
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::remote_error::RemoteError;
use crate::mesh::shared::pending::Reply;
use crate::mesh::shared::registry::Heard;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

impl MoleculerNode {
    /// One packet that is not an event.
    pub(super) fn receive(
        self: &Arc<Self>,
        kind: PacketKind,
        payload: Bytes,
        tracker: &TaskTracker,
        alive: &CancellationToken,
    ) {
        let json = match self.config.serializer.decode(kind, payload) {
            Ok(json) => json,
            Err(error) => return self.malformed(kind, &error),
        };
        let packet = match Packet::read(kind, &json) {
            Ok(packet) => packet,
            Err(ReadError::Version(version)) => return self.foreign_version(kind, &version),
            Err(error) => return self.malformed(kind, &error),
        };
        // By far the most of them; nothing is said to its sender.
        if let Packet::Response(response) = &packet
            && is_subject_rest(&response.sender)
        {
            return self.response(response);
        }
        // The sender becomes part of subjects: it must be able to.
        let sender = match NodeId::new(packet.sender()) {
            Ok(sender) => sender,
            Err(error) => return self.malformed(kind, &error),
        };
        let own = sender == self.config.node_id;
        match packet {
            Packet::Request(request) => self.request(&sender, &request, tracker, alive),
            Packet::Response(_) | Packet::Event(_) => {}
            Packet::Info(info) if own => self.own_info(&info),
            _ if own => {}
            Packet::Info(info) => self.info(&sender, info),
            Packet::Discover(_) => self.send_info(Some(&sender)),
            Packet::Heartbeat(heartbeat) => self.heard(&sender, &heartbeat),
            Packet::Disconnect(_) => self.node_gone(&sender, false),
            Packet::Ping(ping) => self.pong(&sender, &ping),
            Packet::Pong(pong) => self.ponged(&sender, &pong),
        }
    }

    fn heard(&self, sender: &NodeId, heartbeat: &HeartbeatPacket<'_>) {
        let HeartbeatPacket {
            cpu,
            seq,
            instance_id,
            ..
        } = heartbeat;
        let heard = self
            .registry
            .heartbeat(sender.as_str(), *cpu, *seq, instance_id.as_deref());
        if heard == Heard::Discover {
            let _ = self.publish(
                PacketKind::Discover,
                Some(sender),
                packet::bare(&self.config.node_id),
            );
        }
    }

    pub(super) fn foreign_version(&self, kind: PacketKind, version: &str) {
        self.stats.foreign_version.add(1);
        self.foreign.log(|left_out| {
            tracing::warn!(
                packet = kind.name(),
                version,
                left_out,
                "a packet of another protocol was dropped"
            );
        });
    }

    fn response(&self, response: &ResponsePacket<'_>) {
        let waited_for = self.pending.resolve(&response.id, || {
            if response.stream == Some(true) || response.seq.is_some() {
                Reply::Bad("the answer is chunked")
            } else if response.success {
                Reply::Data(response.data.map(ToOwned::to_owned))
            } else {
                let mut error = RemoteError::read(response.error);
                error
                    .node_id
                    .get_or_insert_with(|| response.sender.clone().into_owned());
                Reply::Error(Box::new(error))
            }
        });
        if !waited_for {
            self.stats.orphans.add(1);
            tracing::debug!(id = %response.id, sender = %response.sender, "an answer that nobody waits for");
        }
    }
}
