//! The node that speaks Moleculer's protocol, as its parts see it: `link`, `discovery`, `calls`, `broadcast`, `requests`.

use std::ops::Deref;
use std::sync::Arc;

use super::balancer::Balancer;
use super::base::Base;
use super::calls::Waits;
use super::config::MeshConfig;
use super::discovery::Pings;
use super::error::MeshError;
use super::event::EventListener;
use super::node_id::is_subject_rest;
use super::service::{LocalServices, ServiceSpec};
use super::subject::Subjects;

/// See the module.
pub(super) struct MoleculerNode {
    base: Base,
    pub(super) subjects: Subjects,
    pub(super) balancer: Balancer,
    pub(super) waits: Waits,
    pub(super) pings: Pings,
}

impl MoleculerNode {
    pub(super) fn new(
        config: MeshConfig,
        services: &[ServiceSpec],
        listener: Arc<dyn EventListener>,
    ) -> Result<Self, MeshError> {
        let namespace = &config.namespace;
        if !namespace.is_empty() && (!is_subject_rest(namespace) || namespace.contains('.')) {
            return Err(MeshError::InvalidNamespace(namespace.clone()));
        }
        let node = Self {
            subjects: Subjects::new(namespace),
            balancer: Balancer::new(config.balance, config.prefer_local),
            waits: Waits::default(),
            pings: Pings::default(),
            base: Base::new(config, LocalServices::new(services, 1), listener),
        };
        node.register_self();
        Ok(node)
    }

    pub(super) fn set_services(&self, services: LocalServices) {
        self.services.store(Arc::new(services));
        self.register_self();
        self.send_info(None);
    }
}

impl Deref for MoleculerNode {
    type Target = Base;

    fn deref(&self) -> &Base {
        &self.base
    }
}
