//! The core on a mesh: its node, the probe's, the task that owns the world.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::core::{self, Core};
use super::database::Database;
use super::error::SandboxError;
use super::journal::Journal;
use super::options::CoreRelease;
use super::probe::Probe;
use super::services;
use super::world::World;
use crate::mesh::{Event, Mesh, MeshConfig, MeshState, NodeId, Transporter};

/// The core's node.
const CORE: &str = "sandbox-core";
/// The one that listens along.
const PROBE: &str = "sandbox-probe";

/// Whether this is a node of a sandbox on a mesh: in front of its process id stands one of their names.
pub(crate) fn is_node(id: &str) -> bool {
    let own = |name| {
        id.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('-'))
    };
    let number = [CORE, PROBE].into_iter().find_map(own);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The mesh that a sandbox without `--transporter` is alone on.
pub(super) fn in_this_process(transporter: Transporter) -> Result<MeshConfig, SandboxError> {
    Ok(MeshConfig::new(node_id(CORE)?, transporter))
}

fn node_id(text: &str) -> Result<NodeId, SandboxError> {
    NodeId::new(text).map_err(|error| SandboxError::NodeId(error.to_string()))
}

/// How many other nodes of this mesh hear an event. A sandbox's probe, which listens to everything, does not count.
pub(super) fn audience(mesh: &Mesh, event: &str) -> usize {
    let others = mesh.listeners(event).unwrap_or_default();
    let heard = others.iter().filter(|id| !id.as_str().starts_with(PROBE));
    heard.count()
}

/// A core that runs.
pub(super) struct CoreNode {
    pub(super) core: Core,
    pub(super) journal: Journal,
    pub(super) mesh: Mesh,
    probe: Mesh,
}

/// Where and as what the core joins.
pub(super) struct Joining {
    /// The node ids are its own.
    pub(super) mesh: MeshConfig,
    pub(super) release: CoreRelease,
    /// Added to the node ids, where several sandboxes may share a mesh.
    pub(super) suffix: String,
}

impl CoreNode {
    /// Joins the mesh with this world, which is in the database already.
    pub(super) fn start(
        joining: Joining,
        world: World,
        database: Database,
        tracker: &TaskTracker,
        token: &CancellationToken,
    ) -> Result<Self, SandboxError> {
        let Joining {
            mesh,
            release,
            suffix,
        } = joining;
        let named = |name: &str| node_id(&format!("{name}{suffix}"));
        let config = |node_id: NodeId| MeshConfig {
            node_id,
            ..mesh.clone()
        };
        let journal = Journal::new();
        let (core, inbox) = Core::new(journal.clone());

        let core_id = named(CORE)?;
        let probe = Probe::new(journal.clone(), core_id.to_string());
        let probe = Mesh::start(
            config(named(PROBE)?),
            vec![Probe::service()],
            Arc::new(probe),
            tracker,
            token,
        )?;

        let ears = core.clone();
        let listener = Arc::new(move |event: &Event<'_>| ears.hear(event));
        let mesh = Mesh::start(
            config(core_id),
            services::specs(&core, release),
            listener,
            tracker,
            token,
        )?;
        tracker.spawn(core::run(
            world,
            inbox,
            database,
            mesh.clone(),
            journal.clone(),
            token.clone(),
        ));
        Ok(Self {
            core,
            journal,
            mesh,
            probe,
        })
    }

    /// Ready once the core is in the mesh.
    pub(super) async fn joined(&self) {
        let mut states = self.mesh.state();
        // The mesh is there as long as this is.
        let _gone = states
            .wait_for(|state| matches!(state, MeshState::Joined))
            .await;
    }

    /// Leaves the mesh.
    pub(super) async fn leave(&self) {
        tokio::join!(self.mesh.leave(), self.probe.leave());
    }
}
