//! What a packet of each kind leads to.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::node::MoleculerNode;
use super::packet::{HeartbeatPacket, PROTOCOL_5, Packet, ReadError, ResponsePacket};
use crate::mesh::node_id::{NodeId, is_subject_rest};
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::remote_error::RemoteError;
use crate::mesh::shared::pending::Reply;
use crate::mesh::shared::registry::Heard;

/// Why a packet was not taken.
enum Unread {
    Version(String),
    Malformed(String),
}

/// What may be the ids of calls of ours in a payload, whatever else it is: they are texts in every encoding.
fn ids(payload: &[u8]) -> impl Iterator<Item = Uuid> {
    memchr::memchr_iter(b'-', payload).filter_map(|dash| {
        let text = payload.get(dash.checked_sub(8)?..dash + 28)?;
        (text[13] == b'-').then(|| Uuid::try_parse_ascii(text).ok())?
    })
}

impl MoleculerNode {
    /// One packet that is not an event; `alone`: a DISCOVER to this node alone.
    pub(super) fn receive(
        self: &Arc<Self>,
        kind: PacketKind,
        alone: bool,
        payload: Bytes,
        tracker: &TaskTracker,
        alive: &CancellationToken,
    ) {
        let answer = (kind == PacketKind::Response).then(|| payload.clone());
        match self.take(kind, alone, payload, tracker, alive) {
            Ok(()) => return,
            Err(Unread::Version(version)) => self.foreign_version(kind, &version),
            Err(Unread::Malformed(error)) => self.malformed(kind, &error),
        }
        // Whoever called must not wait for the time-out of an answer that came.
        let known = |id| {
            self.pending
                .settle(id, || Reply::Bad("the answer cannot be read"))
        };
        if let Some(answer) = answer
            && let Some(id) = ids(&answer).find(|id| known(*id))
        {
            tracing::debug!(%id, "the call of an answer that cannot be read is given up");
        }
    }

    fn take(
        self: &Arc<Self>,
        kind: PacketKind,
        alone: bool,
        payload: Bytes,
        tracker: &TaskTracker,
        alive: &CancellationToken,
    ) -> Result<(), Unread> {
        let json = self
            .config
            .node
            .serializer
            .decode(kind, payload)
            .map_err(|error| Unread::Malformed(error.to_string()))?;
        let packet =
            Packet::read(kind, &json, self.config.node.protocols).map_err(|error| match error {
                ReadError::Version(version) => Unread::Version(version),
                ReadError::Malformed(_) => Unread::Malformed(error.to_string()),
            })?;
        // By far the most of them; nothing is said to its sender.
        if let Packet::Response(response) = &packet
            && is_subject_rest(&response.sender)
        {
            self.response(response);
            return Ok(());
        }
        // The sender becomes part of subjects: it must be able to.
        let sender =
            NodeId::new(packet.sender()).map_err(|error| Unread::Malformed(error.to_string()))?;
        let own = sender == self.config.node_id;
        match packet {
            Packet::Request(request) => self.request(&sender, &request, tracker, alive),
            Packet::Response(_) | Packet::Event(_) => {}
            Packet::Info(info) if own => self.own_info(&info),
            Packet::Ping(ping) if own => self.own_ping(&ping),
            Packet::Pong(pong) if own => self.own_pong(&pong),
            Packet::Heartbeat(_) if own => self.beats_away.store(0, Relaxed),
            _ if own => {}
            Packet::Info(info) => self.info(&sender, info),
            Packet::Discover(_) => self.discovered(&sender, alone),
            Packet::Heartbeat(heartbeat) => self.heard(&sender, &heartbeat),
            Packet::Disconnect(_) => self.node_gone(&sender, false),
            Packet::Ping(ping) => self.pong(&sender, &ping),
            Packet::Pong(pong) => self.ponged(&sender, &pong),
        }
        Ok(())
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
            if self.registry.is_from_before(sender) {
                // It may have given this node up meanwhile: what it broadcasts after its INFO comes here.
                self.send_info(Some(sender));
            }
            self.discover(sender);
        }
    }

    pub(super) fn foreign_version(&self, kind: PacketKind, version: &str) {
        self.stats.foreign_version.add(1);
        if version == PROTOCOL_5 {
            if !self.heard_5.swap(true, Relaxed) {
                tracing::warn!(
                    packet = kind.name(),
                    "a node of protocol 5 (Moleculer 0.15) was heard, and its packets are dropped; MOLECULER_PROTOCOL=5 takes them"
                );
            }
            return;
        }
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
            if response.stream == Some(true) || response.seq.is_some_and(|seq| seq > 0) {
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
