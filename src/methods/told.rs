//! What presence is told of a session, in order and behind the session's back.
//!
//! A login is answered whether or not the presence service is there, and a user who logs in and out again must not stay
//! online because two calls overtook each other: so each session's calls wait for each other, and for nothing else.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::client::{Client, SessionId, UserId};
use crate::services::Services;
use crate::streams::{KeyedQueue, QueueLimits};
use crate::telemetry::limit::Limited;
use std::sync::Arc;

/// A process holds some 20,000 sessions, each with a login and its end under way at the worst; a session that logs in
/// again and again waits for the account service each time, and presence gives up within a minute.
const LIMITS: QueueLimits = QueueLimits {
    name: "presence",
    jobs: 100_000,
    jobs_of_key: 1_000,
    bytes: usize::MAX,
};

static LOST: Limited = Limited::every(Duration::from_secs(10));

/// The calls that wait.
pub(super) struct Told {
    services: Services,
    queue: KeyedQueue,
}

impl Told {
    pub(super) fn new(services: Services, tracker: &TaskTracker, stop: &CancellationToken) -> Self {
        Self {
            services,
            queue: KeyedQueue::new(LIMITS, tracker.clone(), stop.clone()),
        }
    }

    pub(super) fn queue(&self) -> &KeyedQueue {
        &self.queue
    }

    /// `presence.newConnection`, unless the session has left when its turn comes; the answer ends with the call.
    pub(super) fn new_connection(
        &self,
        client: &Arc<Client>,
        user: UserId,
    ) -> oneshot::Receiver<()> {
        let (done, ended) = oneshot::channel();
        let (presence, client) = (self.services.presence.clone(), client.clone());
        let session = client.id().clone();
        self.push(&session, async move {
            // Dropped at the end, whatever that is.
            let _done: oneshot::Sender<()> = done;
            if client.publications.lock().is_closed() {
                return;
            }
            if let Err(error) = presence
                .new_connection(user.as_str(), client.id().as_str())
                .await
            {
                debug!(%error, "presence was not told of a login");
            }
        });
        ended
    }

    /// `presence.removeConnection`; the answer ends with the call.
    pub(super) fn remove_connection(&self, client: &Client, user: UserId) -> oneshot::Receiver<()> {
        let (done, ended) = oneshot::channel();
        let (presence, session) = (self.services.presence.clone(), client.id().clone());
        self.push(client.id(), async move {
            if let Err(error) = presence
                .remove_connection(user.as_str(), session.as_str())
                .await
            {
                debug!(%error, "presence was not told of a session's end");
            }
            // Nobody may be waiting for it.
            let _waiting = done.send(());
        });
        ended
    }

    fn push(&self, session: &SessionId, call: impl Future<Output = ()> + Send + 'static) {
        if !self.queue.push(session.as_str(), call) {
            LOST.log(|left_out| {
                warn!(
                    left_out,
                    "presence was not told of a session: too much waits already"
                )
            });
        }
    }
}
