//! The node that speaks with the plain broker, as its parts see it.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::instances::Instances;
use super::micro::Micro;
use crate::mesh::config::MeshConfig;
use crate::mesh::event::EventListener;
use crate::mesh::nats_target::NatsTarget;
use crate::mesh::service::ServiceSpec;
use crate::mesh::shared::local_node::LocalNode;
use crate::mesh::shared::services::LocalServices;
use crate::telemetry::limit::Limited;

/// See the module.
pub(crate) struct PlainNode {
    local: LocalNode,
    pub(super) target: NatsTarget,
    pub(super) instances: Instances,
    /// The own services as NATS's service protocol shows them.
    pub(super) micro: ArcSwap<Vec<Micro>>,
    /// Other services are offered: the connection's subscriptions are no longer right.
    pub(super) renew: Notify,
    /// Log lines about others with the own node id.
    pub(super) namesakes: Limited,
}

impl PlainNode {
    /// The node id becomes one token of a subject: that is the name under which others see this node.
    pub(crate) fn new(
        mut config: MeshConfig,
        target: NatsTarget,
        services: &[ServiceSpec],
        listener: Arc<dyn EventListener>,
    ) -> Self {
        config.node_id = config.node_id.token();
        let node = Self {
            target,
            instances: Instances::default(),
            micro: ArcSwap::from_pointee(Micro::of(&config.node_id, services)),
            renew: Notify::new(),
            namesakes: Limited::default(),
            local: LocalNode::new(
                config,
                LocalServices::new(Vec::new(), services, 1),
                listener,
            ),
        };
        node.register_self();
        node
    }

    /// Offers other services from now on: over a new connection, since the subscriptions of one are made when it is.
    pub(crate) fn set_services(&self, services: &[ServiceSpec], seq: u64) {
        let offered = LocalServices::new(Vec::new(), services, seq);
        self.services.store(Arc::new(offered));
        self.micro
            .store(Arc::new(Micro::of(&self.config.node_id, services)));
        self.register_self();
        self.renew.notify_one();
    }
}

impl Deref for PlainNode {
    type Target = LocalNode;

    fn deref(&self) -> &LocalNode {
        &self.local
    }
}
