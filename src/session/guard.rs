//! What comes in pairs: a session that was opened is left and closed, whatever the way out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;

use super::config::CLOSED_TIMEOUT;
use super::sessions::Sessions;
use crate::client::{Client, Listed};

/// Holds a session's entries everywhere. Dropping it ends them, and starts the slow part of the teardown.
pub(super) struct Guard {
    sessions: Arc<Sessions>,
    client: Arc<Client>,
    listed: Option<Listed>,
}

impl Guard {
    /// The socket is open: lists the client and tells the house.
    pub(super) fn open(sessions: Arc<Sessions>, client: Arc<Client>) -> Self {
        let listed = Some(sessions.directory.enter(&client));
        sessions.metrics.opened(client.framing());
        let guard = Self {
            sessions,
            client,
            listed,
        };
        guard
            .sessions
            .unharmed(|handler| handler.opened(&guard.client));
        guard
    }

    /// Nothing more is published to the client, and nobody finds it any more.
    pub(super) fn leave(&mut self) {
        if let Some(listed) = self.listed.take() {
            self.sessions
                .unharmed(|handler| handler.leave(&self.client));
            drop(listed);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.leave();
        let outbox = self.client.outbox();
        self.sessions.metrics.closed(outbox.closing());
        outbox.abandon();
        // Outside of a runtime the process is over, and nobody can be told any more.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (sessions, client) = (self.sessions.clone(), self.client.clone());
        let last = async move {
            let handler = sessions.handler.clone();
            let closed = catch_unwind(AssertUnwindSafe(|| handler.closed(client.clone())));
            let Ok(closed) = closed else {
                return sessions.panicked();
            };
            let closed = AssertUnwindSafe(closed).catch_unwind();
            match tokio::time::timeout(CLOSED_TIMEOUT, closed).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => sessions.panicked(),
                Err(_) => sessions.gave_up(),
            }
        };
        self.sessions.tracker.spawn_on(last, &runtime);
    }
}
