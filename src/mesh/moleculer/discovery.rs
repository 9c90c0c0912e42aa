//! INFO: the own, told to others, and theirs, entered into the registry.

use std::sync::atomic::Ordering::Relaxed;

use super::forgotten;
use super::node::{MoleculerNode, offered};
use super::packet::{self, InfoOut, InfoPacket, PROTOCOL_5};
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::service::ServiceSpec;
use crate::mesh::shared::outgoing::PublishError;
use crate::mesh::shared::registry::Joined;

impl MoleculerNode {
    /// Offers other services from now on and tells the others.
    pub(crate) fn set_services(&self, services: &[ServiceSpec], seq: u64) {
        self.offer(offered(services, seq));
        self.send_info(None);
    }

    /// Tells one node, or all, what is offered here; nothing before this node has introduced itself.
    pub(super) fn send_info(&self, to: Option<&NodeId>) {
        if !self.is_introduced() {
            return;
        }
        if let Err(PublishError::TooLarge { size, limit }) =
            self.publish(PacketKind::Info, to, self.info_packet())
        {
            tracing::error!(
                size,
                limit,
                "the own INFO packet is too large for the NATS server: others will not find this node"
            );
        }
    }

    pub(crate) fn info_packet(&self) -> Vec<u8> {
        let services = self.services.load();
        packet::info(
            &self.config.node_id,
            &InfoOut {
                services: &services.info,
                ip_list: &self.host.ip_list,
                hostname: &self.host.hostname,
                client: &self.host.client,
                instance_id: &self.instance_id,
                seq: services.seq,
            },
        )
    }

    /// A node asks who is there; `alone`: it asks this node and nobody else.
    pub(super) fn discovered(&self, sender: &NodeId, alone: bool) {
        self.send_info(Some(sender));
        if self.registry.is_from_before(sender) {
            // It is back after an outage, and may not say more of itself.
            self.discover(sender);
        } else if alone && self.registry.offers_any(sender, &forgotten::TELLING) {
            self.forgotten.by(sender);
        }
    }

    /// Asks a node for its INFO.
    pub(super) fn discover(&self, node: &NodeId) {
        let own = packet::bare(&self.config.node_id);
        let _ = self.publish(PacketKind::Discover, Some(node), own);
    }

    pub(super) fn info(&self, sender: &NodeId, info: InfoPacket<'_>) {
        if info.ver == PROTOCOL_5 && !self.heard_5.swap(true, Relaxed) {
            tracing::info!(
                node = %sender,
                "a node of protocol 5 (Moleculer 0.15) was heard, and its packets are taken: MOLECULER_PROTOCOL=5"
            );
        }
        let info = info.into_node();
        let joined = self.registry.info(sender, &info, false);
        if joined == Joined::Same {
            return;
        }
        if joined == Joined::Restarted {
            // It died without a word and is back under its name: what it owed will not come.
            self.pending.fail_node(sender);
        }
        let index = self.registry.index();
        self.waits
            .seen(|service| index.nodes_of(service).is_empty());
        self.node_told(sender, &info, joined);
    }
}
