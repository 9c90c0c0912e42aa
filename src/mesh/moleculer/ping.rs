//! Round trips: asked by others, and asked by this node where the nearest is to be called.

use std::collections::HashMap;
use std::time::Duration;

use rand::seq::IndexedRandom;
use tokio::time::Instant;

use super::clock::now_ms;
use super::node::MoleculerNode;
use super::packet::{self, PingPacket, PongPacket};
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;

/// With the Latency strategy each host is pinged so often, as Moleculer does.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(10);

impl MoleculerNode {
    pub(super) fn pong(&self, to: &NodeId, ping: &PingPacket<'_>) {
        let _ = self.publish(
            PacketKind::Pong,
            Some(to),
            packet::pong(&self.config.node_id, ping.time, ping.id, now_ms()),
        );
    }

    pub(super) fn ponged(&self, sender: &NodeId, pong: &PongPacket<'_>) {
        let Some(started) = pong
            .id
            .as_deref()
            .and_then(|id| self.round_trips.started(id))
        else {
            return;
        };
        let host = self.registry.with_nodes(|nodes| {
            nodes
                .iter()
                .find(|node| node.id() == sender)
                .and_then(|node| node.vitals.hostname.clone())
        });
        if let Some(host) = host {
            self.balancer.latencies().record(&host, started.elapsed());
        }
    }

    /// One node of each host: the host is what is near or far.
    pub(super) fn ping_hosts(&self, all: bool) {
        let now = Instant::now();
        self.round_trips
            .forget_before(now.checked_sub(2 * PING_INTERVAL).unwrap_or(now));
        let mut hosts: HashMap<String, Vec<NodeId>> = HashMap::new();
        self.registry.with_nodes(|nodes| {
            for node in nodes
                .iter()
                .filter(|node| node.available && !node.vitals.local)
            {
                if let Some(host) = &node.vitals.hostname {
                    hosts
                        .entry(host.clone())
                        .or_default()
                        .push(node.id().clone());
                }
            }
        });
        self.balancer
            .latencies()
            .retain(|host| hosts.contains_key(host));
        let ping = |to: Option<&NodeId>| {
            let id = self.round_trips.start();
            let _ = self.publish(
                PacketKind::Ping,
                to,
                packet::ping(&self.config.node_id, now_ms(), &id),
            );
        };
        if all {
            return ping(None);
        }
        for nodes in hosts.values() {
            ping(nodes.choose(&mut rand::rng()));
        }
    }
}
