//! How a node joins: it asks whether another one has its name, and says who it is when nobody answers.
//!
//! A Moleculer node skips all packets of its own id but INFO, so of two with one id the older sees the newer and stops,
//! with its clients. Nodes of ours ask first (reference/mesh.md, step 8): a newcomer that is answered stops, and the node
//! that was there goes on. The question is a PING to the own id; its `id` is the instance that asks.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::clock::now_ms;
use super::heartbeat;
use super::node::MoleculerNode;
use super::packet::{self, InfoPacket, PingPacket, PongPacket};
use crate::mesh::packet_kind::PacketKind;

/// How long an answer is waited for: within the half second in which the others' INFO is.
const PATIENCE: Duration = Duration::from_millis(200);

/// Says who this node is, once it may, and then that it lives. Runs while there is a connection.
pub(super) async fn join(node: Arc<MoleculerNode>, over: CancellationToken) {
    if !node.is_introduced() {
        node.ask_for_namesakes();
        let waited = over.run_until_cancelled(tokio::time::sleep(PATIENCE)).await;
        if waited.is_none() || node.failed.is_cancelled() {
            return;
        }
        node.introduced.store(true, Release);
    }
    let own = packet::bare(&node.config.node_id);
    let _ = node.publish(PacketKind::Discover, None, own);
    node.send_info(None);
    heartbeat::beat(node, over).await;
}

impl MoleculerNode {
    /// Whether this node has ever said who it is. Before, it says nothing to anybody.
    pub(super) fn is_introduced(&self) -> bool {
        self.introduced.load(Acquire)
    }

    fn ask_for_namesakes(&self) {
        let own = &self.config.node_id;
        let question = packet::ping(own, now_ms(), &self.instance_id);
        let _ = self.publish(PacketKind::Ping, Some(own), question);
    }

    /// A ping that this node or a namesake sent.
    pub(super) fn own_ping(&self, ping: &PingPacket<'_>) {
        let asks: Option<String> = ping.id.and_then(|id| serde_json::from_str(id.get()).ok());
        let Some(asks) = asks.filter(|asks| *asks != self.instance_id) else {
            return;
        };
        if self.round_trips.started(&asks).is_some() {
            return;
        }
        if self.is_introduced() {
            self.pong(&self.config.node_id, ping);
        } else if asks < self.instance_id {
            self.namesake(&asks);
        } else {
            // Both ask at once, and this one stays. The other may have begun to listen after it was asked.
            self.ask_for_namesakes();
        }
    }

    /// An answer that this node or a namesake sent.
    pub(super) fn own_pong(&self, pong: &PongPacket<'_>) {
        if !self.is_introduced() && pong.id.as_deref() == Some(&*self.instance_id) {
            self.namesake("unknown");
        }
    }

    /// An INFO that this node or a namesake sent.
    pub(super) fn own_info(&self, info: &InfoPacket<'_>) {
        let instance = info.instance_id.as_deref().unwrap_or("unknown");
        if instance != self.instance_id {
            self.namesake(instance);
        }
    }

    fn namesake(&self, instance: &str) {
        self.fail(format!(
            "node-id conflict: another node calls itself '{}' too (instance {instance}); node ids must be unique",
            self.config.node_id,
        ));
    }
}
