//! `license`: the scalability licence rule that every service of a workspace follows (reference/mesh.md).

use tracing::warn;

use super::calls::{Calls, ServiceError};
use crate::config::LicenseConfig;
use crate::mesh::{Mesh, MeshState};

/// The licence service.
#[derive(Clone)]
pub struct Licence(pub(super) Calls);

impl Licence {
    /// `hasValidLicense` for running several instances.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn is_scalable(&self) -> Result<bool, ServiceError> {
        self.0
            .check("license.hasValidLicense", &["\"scalability\""])
            .await
    }

    /// Asks for ever; returns when the service has to stop.
    pub async fn watch(&self, config: LicenseConfig, own_service: &str) {
        let mut fails = 0;
        loop {
            tokio::time::sleep(config.check_interval).await;
            match self.is_scalable().await {
                Ok(true) => fails = 0,
                // An outage of the mesh says nothing of the licence, and the nodes that are known are those from before.
                _ if !self.is_joined() => fails = 0,
                Ok(false) | Err(_) => fails += 1,
            }
            if fails >= config.max_fails {
                warn!(fails, "no scalability licence was found");
                self.0.mesh.look_around().await;
                if self.is_joined() && must_stop(&self.0.mesh, own_service) {
                    return;
                }
                fails = 0;
            }
        }
    }

    fn is_joined(&self) -> bool {
        *self.0.mesh.state().borrow() == MeshState::Joined
    }
}

/// The rule: the first of several nodes with the same service stops, and so does a service that is alone online.
fn must_stop(mesh: &Mesh, own_service: &str) -> bool {
    let nodes = mesh.nodes_of(own_service);
    let first = nodes
        .iter()
        .min()
        .is_some_and(|first| first == mesh.node_id());
    (nodes.len() > 1 && first)
        || mesh
            .services()
            .iter()
            .all(|(service, _)| service == own_service)
}
