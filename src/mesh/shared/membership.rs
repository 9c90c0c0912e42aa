//! Who is in the mesh, entered into the registry and told to the own listener.

use serde_json::json;

use super::local_node::LocalNode;
use super::registry::{Joined, NodeInfo};
use crate::mesh::node_id::NodeId;
use crate::telemetry::metrics;

impl LocalNode {
    /// The own services in the own registry.
    pub(crate) fn register_self(&self) {
        let services = self.services.load();
        let own = NodeInfo {
            services: serde_json::from_str(&services.info).unwrap_or_default(),
            instance_id: Some(self.instance_id.clone()),
            seq: Some(services.seq),
            hostname: Some(self.host.hostname.clone()),
            ip_list: self.host.ip_list.clone(),
            client: self.host.client.clone(),
            config: serde_json::from_str("{}").ok(),
            metadata: serde_json::from_str("{}").ok(),
        };
        self.registry.info(&self.config.node_id, &own, true);
    }

    /// A node told something new of itself.
    pub(crate) fn node_told(&self, id: &NodeId, info: &NodeInfo<'_>, joined: Joined) {
        tracing::info!(node = %id, seq = info.seq, services = info.services.len(), ?joined, "a node told of itself");
        let node = json!({ "id": id.as_str(), "hostname": info.hostname, "available": true, "seq": info.seq });
        let (event, args) = match joined {
            Joined::New | Joined::Back => (
                "$node.connected",
                json!([{ "node": node, "reconnected": joined == Joined::Back }]),
            ),
            Joined::Restarted | Joined::Updated => ("$node.updated", json!([{ "node": node }])),
            Joined::Same => return,
        };
        metrics::mesh_broadcast_local(event);
        self.tell_later(event, &args.to_string(), None, false);
    }

    /// A node is gone.
    pub(crate) fn node_gone(&self, node: &NodeId, unexpected: bool) {
        if !self.registry.disconnected(node.as_str()) {
            return;
        }
        let given_up = self.pending.fail_node(node);
        tracing::info!(%node, unexpected, given_up, "a node left");
        let args = json!([{ "node": { "id": node.as_str(), "available": false }, "unexpected": unexpected }]);
        metrics::mesh_broadcast_local("$node.disconnected");
        self.tell_later("$node.disconnected", &args.to_string(), None, false);
    }
}
