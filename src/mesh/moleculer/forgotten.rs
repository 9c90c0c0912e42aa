//! Nodes that had given this one up.
//!
//! A node that hears the heartbeat of one it does not know, or knows no more, asks that one alone who it is. Where a core does,
//! it has buried this node: its broadcasts went elsewhere meanwhile, and its presence has no sessions of here. It happens to a
//! process that was frozen, and to a link that lost packets for longer than the others wait. What follows is what follows an
//! outage.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::node::MoleculerNode;
use crate::mesh::node_id::NodeId;
use crate::mesh::shared::registry::BROADCASTING;
use crate::telemetry::limit::Limited;

/// Whose offering node counts: who broadcasts, and who knows sessions.
pub(super) const TELLING: [&str; 3] = [BROADCASTING[0], BROADCASTING[1], "presence"];
/// All who gave this node up ask within this, since they hear the same heartbeat.
const TOGETHER: Duration = Duration::from_secs(1);
/// At least so long between one time and the next.
const APART: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Default)]
pub(super) struct Forgotten {
    asked: Notify,
    log: Limited,
}

impl Forgotten {
    /// This node had given up the own one.
    pub(super) fn by(&self, node: &NodeId) {
        self.log.log(|left_out| {
            tracing::warn!(
                %node,
                left_out,
                "a node had given this one up: was the process frozen, or the network? What it missed is asked for"
            );
        });
        self.asked.notify_one();
    }
}

/// Tells who follows the state of the mesh. Runs while there is a connection.
pub(super) async fn tell(node: Arc<MoleculerNode>, over: CancellationToken) {
    over.run_until_cancelled(async {
        loop {
            node.forgotten.asked.notified().await;
            tokio::time::sleep(TOGETHER).await;
            node.joined_anew();
            tokio::time::sleep(APART).await;
        }
    })
    .await;
}
