//! Events of a Moleculer node: read from packets, and sent to each node that listens.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::node::MoleculerNode;
use super::optl;
use super::packet::{self, EventOut, EventPacket, ReadError};
use crate::config::SerializerKind;
use crate::ejson::Glance;
use crate::mesh::event::Event;
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::pending::new_id;
use crate::telemetry::{metrics, work};

impl MoleculerNode {
    /// Whether an event needs not be read: a glance tells that nobody here hears of it.
    fn passes_over(&self, payload: &[u8]) -> bool {
        let text = matches!(
            self.config.node.serializer,
            SerializerKind::Ejson | SerializerKind::Json
        );
        if !text {
            return false;
        }
        let Some(glance) = Glance::at(payload) else {
            return false;
        };
        packet::event_name(glance).is_some_and(|name| {
            self.services.load().listens::<&str>(name, &[])
                && self.listener.passes_over(name, glance)
        })
    }

    pub(super) fn deliver_packet(&self, payload: Bytes) {
        if self.passes_over(&payload) {
            return;
        }
        let json = match self
            .config
            .node
            .serializer
            .decode(PacketKind::Event, payload)
        {
            Ok(json) => json,
            Err(error) => return self.malformed(PacketKind::Event, &error),
        };
        let packet = match EventPacket::read(&json, self.config.node.protocols) {
            Ok(packet) => packet,
            Err(ReadError::Version(version)) => {
                return self.foreign_version(PacketKind::Event, &version);
            }
            Err(error) => return self.malformed(PacketKind::Event, &error),
        };
        let groups = packet.groups.as_deref().unwrap_or_default();
        if !self.services.load().listens(&packet.event, groups) {
            tracing::debug!(event = %packet.event, sender = %packet.sender, "nobody here listens to this event");
            return;
        }
        work::named(&packet.event, || optl::sender(packet.meta?));
        let nothing = RawValue::NULL;
        self.tell(&Event {
            data: packet.data.unwrap_or(nothing),
            name: packet.event,
            sender: &packet.sender,
            meta: packet.meta,
            broadcast: packet.broadcast.unwrap_or(false),
        });
    }

    /// To every node that listens; with `own`, to the own listener too.
    pub(crate) fn broadcast(&self, event: &str, args: &str, meta: Option<&str>, own: bool) {
        metrics::mesh_broadcast(event);
        let index = self.registry.index();
        let mut nodes: Vec<&NodeId> = Vec::new();
        let mut local = false;
        for list in index.listeners(event) {
            for node in &list.endpoints.nodes {
                if node.local {
                    local = true;
                } else if !nodes.contains(&&node.id) {
                    nodes.push(&node.id);
                }
            }
        }
        if !nodes.is_empty() {
            let id = new_id().to_string();
            let meta = optl::meta(meta, work::carried().as_ref());
            let out = EventOut {
                id: &id,
                event,
                args,
                groups: None,
                broadcast: true,
                meta: &meta,
            };
            match self.encode(PacketKind::Event, packet::event(&self.config.node_id, &out)) {
                // The same bytes for all: only the subject differs.
                Ok(payload) => nodes
                    .iter()
                    .for_each(|node| self.send_event(event, node, payload.clone())),
                Err(_told) => self.stats.events_lost_out.add(nodes.len() as u64),
            }
        }
        if local && own {
            self.tell_later(event, args, meta, true);
        }
    }

    /// The other nodes that listen, each once.
    pub(crate) fn listeners(&self, event: &str) -> Vec<NodeId> {
        let index = self.registry.index();
        let lists = index.listeners(event);
        let mut nodes: Vec<NodeId> = Vec::new();
        for node in lists.flat_map(|list| &list.endpoints.nodes) {
            if !node.local && !nodes.contains(&node.id) {
                nodes.push(node.id.clone());
            }
        }
        nodes
    }

    /// To one node of each group that listens.
    pub(crate) fn emit(&self, event: &str, args: &str) {
        let index = self.registry.index();
        let mut remote: Vec<(NodeId, Vec<&str>)> = Vec::new();
        let mut local = false;
        for list in index.listeners(event) {
            let Some(node) = self.balancer.pick(&list.group, &list.endpoints) else {
                continue;
            };
            if node.local {
                local = true;
            } else if let Some((_, groups)) = remote.iter_mut().find(|(id, _)| *id == node.id) {
                if !groups.contains(&list.group.as_str()) {
                    groups.push(&list.group);
                }
            } else {
                remote.push((node.id.clone(), vec![&list.group]));
            }
        }
        let meta = optl::meta(None, work::carried().as_ref());
        for (node, groups) in remote {
            let id = new_id().to_string();
            let out = EventOut {
                id: &id,
                event,
                args,
                groups: Some(&groups),
                broadcast: false,
                meta: &meta,
            };
            match self.encode(PacketKind::Event, packet::event(&self.config.node_id, &out)) {
                Ok(payload) => self.send_event(event, &node, payload),
                Err(_told) => self.stats.events_lost_out.add(1),
            }
        }
        if local {
            self.tell_later(event, args, None, false);
        }
    }

    fn send_event(&self, event: &str, node: &NodeId, payload: Bytes) {
        if let Err(error) = self.publish_payload(PacketKind::Event, Some(node), payload, None) {
            self.event_lost(event, error);
        }
    }
}
