//! The loops that join what no room can know of another: the mesh's state, its topology, the database's presence.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::health::Health;
use crate::client::Directory;
use crate::gateway::Beat;
use crate::mesh::{Mesh, MeshState};
use crate::methods::Methods;
use crate::store::{Store, StoreState};
use crate::streams::Hub;

/// How often a database that is away, or was not reached yet, is asked whether it is there: readiness waits for it.
const AWAY_PING: Duration = Duration::from_millis(500);
/// How often one that is there is asked, for readiness when nobody else asks.
const READY_PING: Duration = Duration::from_secs(2);
/// After a loss others may follow, and what NATS still has for this process is heard first.
const AFTER_LOSS: Duration = Duration::from_secs(1);
/// A process that does not keep up is not given more to do all the time.
const BETWEEN_LOSSES: Duration = Duration::from_secs(9);
/// How often the runtime shows that it turns.
const BEAT: Duration = Duration::from_secs(1);
/// How often it is seen whether many have left, whose memory is to go back.
const SETTLE: Duration = Duration::from_secs(2);

/// Who is told when the mesh changes.
pub(super) struct Watcher {
    pub(super) mesh: Mesh,
    pub(super) health: Arc<Health>,
    pub(super) methods: Arc<Methods>,
}

impl Watcher {
    /// Follows the state of the mesh; ends with the reason when the mesh cannot go on.
    pub(super) async fn mesh_states(self) -> String {
        let mut states = self.mesh.state();
        let mut joined_before = false;
        loop {
            let state = states.borrow_and_update().clone();
            self.health.observe(&state);
            match state {
                MeshState::Joined if joined_before => {
                    info!("back in the mesh");
                    self.methods.rejoined();
                }
                MeshState::Joined => {
                    info!(node = %self.mesh.node_id(), "joined the mesh");
                    joined_before = true;
                }
                MeshState::Away { .. } => warn!(
                    "NATS is away: clients stay, calls fail, nothing is kept to be sent later"
                ),
                MeshState::Failed(reason) => return reason,
                MeshState::Joining | MeshState::Left => {}
            }
            if states.changed().await.is_err() {
                // The mesh is gone with the service.
                return std::future::pending().await;
            }
        }
    }
}

/// Whenever events were lost in this process and nothing else was for a moment, `ask`s for what they would have told.
pub(super) async fn losses(mut losses: watch::Receiver<u64>, ask: impl Fn()) {
    while losses.changed().await.is_ok() {
        sleep(AFTER_LOSS).await;
        losses.mark_unchanged();
        info!("events were lost here: what they would have told is asked");
        ask();
        sleep(BETWEEN_LOSSES).await;
    }
}

/// Keeps asking whether the database is there.
pub(super) async fn store(store: Store, stop: CancellationToken) {
    loop {
        let _told_by_state = store.ping().await;
        let pause = match store.state() {
            StoreState::Ready => READY_PING,
            StoreState::Connecting | StoreState::Away => AWAY_PING,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
        }
    }
}

/// Shows that the runtime turns.
pub(super) async fn beat(beat: Beat, stop: CancellationToken) {
    loop {
        beat.turned();
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(BEAT) => {}
        }
    }
}

/// Gives back, now and then, what sessions that left do not need any more.
pub(super) async fn settle(directory: Arc<Directory>, hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        directory.settle();
        hub.settle();
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(SETTLE) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn what_was_lost_is_asked_for_when_it_is_quiet_and_not_all_the_time() {
        let (lost, losses) = (watch::channel(0).0, Mutex::new(Vec::new()));
        let began = Instant::now();
        let asking = super::losses(lost.subscribe(), || {
            losses.lock().push(began.elapsed().as_secs());
        });
        let losing = async {
            sleep(Duration::from_millis(100)).await;
            for _ in 0..150 {
                lost.send_modify(|losses| *losses += 1);
                sleep(Duration::from_millis(100)).await;
            }
            sleep(Duration::from_secs(100)).await;
        };
        tokio::select! {
            () = asking => {}
            () = losing => {}
        }
        assert_eq!(*losses.lock(), [1, 11, 21]);
    }
}
