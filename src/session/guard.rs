//! What comes in pairs: a session that was opened is left and closed, whatever the way out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;

use super::config::CLOSED_TIMEOUT;
use super::sessions::{Behind, Sessions};
use crate::client::{Client, Listed};
use crate::ddp::{Close, Framing};
use crate::telemetry::metrics;

/// A close frame without a code (RFC 6455, section 7.4.1).
const NO_CODE: u16 = 1005;
/// No close frame at all.
const NO_CLOSE: u16 = 1006;

/// Holds a session's entries everywhere. Dropping it ends them, and starts the slow part of the teardown.
pub(super) struct Guard {
    sessions: Arc<Sessions>,
    client: Arc<Client>,
    listed: Option<Listed>,
    /// The code of the client's close frame, once it came.
    heard: Option<u16>,
    /// How the session ended, once it left, as RFC 6455 numbers it.
    code: Option<u16>,
}

impl Guard {
    /// The socket is open: lists the client and tells the house.
    pub(super) fn open(sessions: Arc<Sessions>, client: Arc<Client>) -> Self {
        let listed = Some(sessions.directory.enter(&client));
        metrics::session_opened(transport(&client));
        let guard = Self {
            sessions,
            client,
            listed,
            heard: None,
            code: None,
        };
        guard
            .sessions
            .unharmed(|handler| handler.opened(&guard.client));
        guard
    }

    /// The client closes, with this code.
    pub(super) fn hear_close(&mut self, code: Option<u16>) {
        self.heard = Some(code.unwrap_or(NO_CODE));
    }

    /// Nothing more is published to the client. Nobody finds it any more either, unless calls of it are still to be done:
    /// who sends it away has to find it.
    pub(super) fn leave(&mut self, finishing: bool) {
        if self.code.is_none() {
            // Our close, if we closed; else the client's.
            let closing = self.client.outbox().closing();
            if closing == Some(Close::TooSlow) {
                metrics::slow_consumer();
            }
            self.code = Some(match closing {
                Some(close) => close.code().map_or(NO_CODE, |(code, _)| code),
                None => self.heard.unwrap_or(NO_CLOSE),
            });
            self.sessions.leaves(&self.client);
            self.client.unshare();
            self.sessions
                .unharmed(|handler| handler.leave(&self.client));
        }
        if !finishing {
            self.listed = None;
        }
    }
}

fn transport(client: &Client) -> metrics::Transport {
    match client.framing() {
        Framing::Raw => metrics::Transport::Raw,
        Framing::SockJs => metrics::Transport::SockJs,
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.leave(false);
        metrics::session_closed(transport(&self.client), self.code.unwrap_or(NO_CLOSE));
        self.client.outbox().abandon();
        self.sessions.has_left(&self.client);
        // Outside of a runtime the process is over, and nobody can be told any more.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (sessions, client) = (self.sessions.clone(), self.client.clone());
        let last = async move {
            let Behind::House(handler) = sessions.behind.clone() else {
                return;
            };
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
