//! The node that speaks with the plain broker, as its parts see it.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::census::Census;
use super::micro::Micro;
use crate::mesh::base::Base;
use crate::mesh::config::MeshConfig;
use crate::mesh::event::EventListener;
use crate::mesh::service::{LocalServices, ServiceSpec};
use crate::mesh::transport::NatsTarget;

/// See the module.
pub(in crate::mesh) struct PlainNode {
    base: Base,
    pub(super) target: NatsTarget,
    pub(super) census: Census,
    /// The own services as NATS's service protocol shows them.
    pub(super) micro: ArcSwap<Vec<Micro>>,
    /// Other services are offered: the connection's subscriptions are no longer right.
    pub(super) renew: Notify,
}

impl PlainNode {
    /// The node id becomes one token of a subject: that is the name under which others see this node.
    pub(in crate::mesh) fn new(
        mut config: MeshConfig,
        target: NatsTarget,
        services: &[ServiceSpec],
        listener: Arc<dyn EventListener>,
    ) -> Self {
        config.node_id = config.node_id.token();
        let node = Self {
            target,
            census: Census::default(),
            micro: ArcSwap::from_pointee(Micro::of(&config.node_id, services)),
            renew: Notify::new(),
            base: Base::new(config, LocalServices::plain(services, 1), listener),
        };
        node.register_self();
        node
    }

    /// Offers other services from now on: over a new connection, since the subscriptions of one are made when it is.
    pub(in crate::mesh) fn set_services(&self, specs: &[ServiceSpec], seq: u64) {
        self.services
            .store(Arc::new(LocalServices::plain(specs, seq)));
        self.micro
            .store(Arc::new(Micro::of(&self.config.node_id, specs)));
        self.register_self();
        self.renew.notify_one();
    }
}

impl Deref for PlainNode {
    type Target = Base;

    fn deref(&self) -> &Base {
        &self.base
    }
}
