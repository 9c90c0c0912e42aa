//! Filling the collections: when a `meteor` service appears, and when somebody asks for it.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Collections, Fields, Published, client_versions, login_services};
use crate::services::ServiceError;
use crate::streams::LOGIN_SERVICES;
use crate::telemetry::limit::Limited;

/// A fill that failed is tried again after this time, while there is somebody to ask.
const RETRY: Duration = Duration::from_secs(5);
/// So often an answer is thrown away because an event overtook it; then it is taken as it is, since events of a core
/// that changes its login services without end would keep the collections empty for ever.
const OVERTAKEN: usize = 5;

/// While fills fail, so often it is told.
static FAILED: Limited = Limited::every(Duration::from_secs(60));

/// Why a collection was not filled.
#[derive(Debug, thiserror::Error)]
enum FillError {
    #[error(transparent)]
    Asked(#[from] ServiceError),
    #[error("{0}: the core answered something else than documents")]
    Unexpected(&'static str),
}

impl Collections {
    /// Asks for both collections again: events may have been missed.
    pub fn refill(&self) {
        self.again.notify_one();
    }

    /// Fills the collections whenever there is a reason to; ends with `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mesh = self.services.mesh();
        let mut topology = mesh.topology();
        let mut known = HashSet::new();
        let mut due = None;
        loop {
            topology.borrow_and_update();
            let now: HashSet<_> = mesh.nodes_of("meteor").into_iter().collect();
            if now.iter().any(|node| !known.contains(node)) {
                due = Some(Instant::now());
            }
            known = now;
            // Without a core there is nobody to ask: its appearing is the next reason.
            due = due.filter(|_| !known.is_empty());
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = topology.changed() => if changed.is_err() { return },
                () = self.again.notified() => due = Some(Instant::now()),
                () = until(due) => {
                    let filled = tokio::select! {
                        () = stop.cancelled() => return,
                        filled = self.fill() => filled,
                    };
                    due = match filled {
                        Ok(()) => None,
                        Err(error) => {
                            FAILED.log(|_| warn!(%error, "the published collections are not filled, and tried again"));
                            Some(Instant::now() + RETRY)
                        }
                    };
                }
            }
        }
    }

    async fn fill(&self) -> Result<(), FillError> {
        let (one, other) = tokio::join!(
            self.fill_one(&self.login_services),
            self.fill_one(&self.client_versions)
        );
        one.and(other)
    }

    async fn fill_one(&self, published: &Published) -> Result<(), FillError> {
        for turn in 1.. {
            let before = published.documents.lock().changes();
            let all = self.ask(published).await?;
            let count = all.len();
            let since = match turn {
                OVERTAKEN.. => published.documents.lock().changes(),
                _ => before,
            };
            if self.replace(published, all, since) {
                debug!(
                    publication = published.publication,
                    count, "a published collection is filled"
                );
                break;
            }
        }
        Ok(())
    }

    async fn ask(&self, published: &Published) -> Result<Vec<(String, Fields)>, FillError> {
        let meteor = &self.services.meteor;
        let all = match published.channel {
            LOGIN_SERVICES => login_services(&meteor.login_services().await?),
            _ => client_versions(&meteor.client_versions().await?),
        };
        all.ok_or(FillError::Unexpected(published.publication))
    }
}

/// Waits until a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
