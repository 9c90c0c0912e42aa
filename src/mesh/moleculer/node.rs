//! The node that speaks Moleculer's protocol, as its parts see it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};

use super::balancer::Balancer;
use super::forgotten::Forgotten;
use super::node_service::catalogue;
use super::round_trips::RoundTrips;
use super::subject::Subjects;
use super::waits::Waits;
use crate::mesh::config::MeshConfig;
use crate::mesh::error::MeshError;
use crate::mesh::event::EventListener;
use crate::mesh::node_id::is_subject_rest;
use crate::mesh::service::ServiceSpec;
use crate::mesh::shared::local_node::LocalNode;
use crate::mesh::shared::services::LocalServices;
use crate::telemetry::limit::Limited;

/// See the module.
pub(crate) struct MoleculerNode {
    local: LocalNode,
    pub(super) subjects: Subjects,
    pub(super) balancer: Balancer,
    pub(super) waits: Waits,
    pub(super) round_trips: RoundTrips,
    /// This node has said who it is.
    pub(super) introduced: AtomicBool,
    pub(super) forgotten: Forgotten,
    /// Own heartbeats that have not come back.
    pub(super) beats_away: AtomicU32,
    /// Log lines about packets of another protocol.
    pub(super) foreign: Limited,
    /// A node of protocol 5 was heard, and that was said.
    pub(super) heard_5: AtomicBool,
    /// Log lines about packets that have no form in the mesh's encoding.
    pub(super) unwritable: Limited,
}

impl MoleculerNode {
    pub(crate) fn new(
        config: MeshConfig,
        services: &[ServiceSpec],
        listener: Arc<dyn EventListener>,
    ) -> Result<Self, MeshError> {
        let namespace = &config.node.namespace;
        if !namespace.is_empty() && !is_subject_rest(namespace) {
            return Err(MeshError::InvalidNamespace(namespace.clone()));
        }
        let node = Self {
            subjects: Subjects::new(namespace),
            balancer: Balancer::new(config.node.balance, config.node.prefer_local),
            waits: Waits::default(),
            round_trips: RoundTrips::default(),
            introduced: AtomicBool::new(false),
            forgotten: Forgotten::default(),
            beats_away: AtomicU32::new(0),
            foreign: Limited::default(),
            heard_5: AtomicBool::new(false),
            unwritable: Limited::default(),
            local: LocalNode::new(config, offered(services, 1), listener),
        };
        node.register_self();
        Ok(node)
    }

    /// Offers other services from now on; tells nobody.
    pub(super) fn offer(&self, services: LocalServices) {
        self.services.store(Arc::new(services));
        self.register_self();
    }
}

/// These services, and `$node`.
pub(super) fn offered(services: &[ServiceSpec], seq: u64) -> LocalServices {
    LocalServices::new(vec![catalogue::info()], services, seq)
}

impl Deref for MoleculerNode {
    type Target = LocalNode;

    fn deref(&self) -> &LocalNode {
        &self.local
    }
}
