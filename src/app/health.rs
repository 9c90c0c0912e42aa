//! What the probes are told (reference/ddp.md, "Transports").

use std::borrow::Cow;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gateway::Readiness;
use crate::mesh::MeshState;
use crate::store::{Store, StoreState};

/// Mesh and database, as the probes see them.
pub(super) struct Health {
    mesh: watch::Receiver<MeshState>,
    store: Store,
    /// `HEALTH_MESH_GRACE`.
    grace: Duration,
    /// Whether the mesh was ever joined, and since when it has been away.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    joined: bool,
    away: Option<Instant>,
}

impl Health {
    pub(super) fn new(mesh: watch::Receiver<MeshState>, store: Store, grace: Duration) -> Self {
        Self {
            mesh,
            store,
            grace,
            seen: Mutex::default(),
        }
    }

    /// Takes notice of a state of the mesh: every change is told here.
    pub(super) fn observe(&self, state: &MeshState) {
        let mut seen = self.seen.lock();
        match state {
            MeshState::Joined => {
                *seen = Seen {
                    joined: true,
                    away: None,
                }
            }
            MeshState::Away { since } => {
                seen.away.get_or_insert(*since);
            }
            // Joining again after an outage: it has been away since before.
            MeshState::Joining | MeshState::Left | MeshState::Failed(_) => {}
        }
    }
}

impl Readiness for Health {
    fn health(&self) -> Result<(), &'static str> {
        // As `ready` sees it: whoever was told that all is ready is not told otherwise a moment later.
        if matches!(*self.mesh.borrow(), MeshState::Joined) {
            return Ok(());
        }
        let seen = self.seen.lock();
        if !seen.joined {
            return Err("the mesh was not joined yet");
        }
        match seen.away {
            Some(since) if since.elapsed() > self.grace => {
                Err("NATS has been away longer than HEALTH_MESH_GRACE")
            }
            _ => Ok(()),
        }
    }

    fn ready(&self) -> Result<(), Cow<'static, str>> {
        match &*self.mesh.borrow() {
            MeshState::Joined => {}
            MeshState::Joining => return Err("joining the mesh".into()),
            MeshState::Away { .. } => return Err("NATS is away".into()),
            MeshState::Left => return Err("the mesh was left".into()),
            MeshState::Failed(reason) => return Err(reason.clone().into()),
        }
        match self.store.state() {
            StoreState::Ready => Ok(()),
            StoreState::Connecting => Err("the database was not reached yet".into()),
            StoreState::Away => Err("the database is away".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: ddp/http/health, configuration/variable/HEALTH_MESH_GRACE
    #[tokio::test(start_paused = true)]
    async fn an_outage_fails_health_only_after_the_grace() {
        let (state, receiver) = watch::channel(MeshState::Joining);
        let health = Health::new(receiver, Store::memory(), Duration::from_secs(600));
        let tell = |now: MeshState| {
            health.observe(&now);
            state.send_replace(now);
        };
        assert!(
            health.health().is_err() && health.ready().is_err(),
            "before the first join"
        );
        tell(MeshState::Joined);
        assert!(health.health().is_ok() && health.ready().is_ok());
        tell(MeshState::Away {
            since: Instant::now(),
        });
        assert!(health.ready().is_err());
        tokio::time::advance(Duration::from_secs(599)).await;
        tell(MeshState::Joining);
        assert!(health.health().is_ok());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(health.health().is_err());
        tell(MeshState::Joined);
        assert!(health.health().is_ok() && health.ready().is_ok());
    }
}
