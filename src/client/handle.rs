//! The handle of a client.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use super::identity::{Connection, Identity, SessionId, UserId};
use super::outbox::Outbox;
use super::publication::Publications;
use crate::ddp::{Close, Frame, Framing, SharedFrame};
use crate::telemetry::metrics;

/// What a client is made of.
#[derive(Debug)]
pub struct ClientSeed {
    /// The session's id, as `connected` tells it.
    pub id: SessionId,
    /// The framing of its path.
    pub framing: Framing,
    /// Where it comes from.
    pub connection: Connection,
    /// How many unsent bytes it may have.
    pub max_buffered_bytes: usize,
    /// How many publications it may have.
    pub max_subscriptions: usize,
}

/// A client as everybody but its own session sees it.
pub struct Client {
    id: SessionId,
    framing: Framing,
    connection: Connection,
    outbox: Outbox,
    identity: ArcSwapOption<Identity>,
    livechat_token: OnceLock<Box<str>>,
    max_subscriptions: usize,
    /// The session's publications.
    pub publications: Mutex<Publications>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has not logged in.
    #[must_use]
    pub fn new(seed: ClientSeed) -> Arc<Self> {
        Arc::new(Self {
            id: seed.id,
            framing: seed.framing,
            connection: seed.connection,
            outbox: Outbox::new(seed.max_buffered_bytes),
            identity: ArcSwapOption::empty(),
            livechat_token: OnceLock::new(),
            max_subscriptions: seed.max_subscriptions,
            publications: Mutex::default(),
        })
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The framing of its messages.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// How many publications it may have.
    #[must_use]
    pub fn max_subscriptions(&self) -> usize {
        self.max_subscriptions
    }

    /// Its outbox.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Sends one message, framed for this client alone.
    pub fn send(&self, json: &[u8]) -> bool {
        let taken = self.outbox.push(Frame::message(self.framing, json));
        if taken {
            metrics::message_sent(json, 1);
        }
        taken
    }

    /// Sends a message that others get too; whoever sends it counts, once for all.
    pub fn send_shared(&self, frame: &SharedFrame) -> bool {
        self.outbox.push(frame.framed(self.framing))
    }

    /// Asks its session to close once what was sent before is written.
    pub fn close(&self, close: Close) {
        self.outbox.close(close);
    }

    /// Who it is logged in as.
    #[must_use]
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.load_full()
    }

    /// The user it is logged in as.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.identity
            .load()
            .as_ref()
            .map(|identity| identity.user.clone())
    }

    /// Whether it is logged in as `user`.
    #[must_use]
    pub fn is(&self, user: &str) -> bool {
        self.identity
            .load()
            .as_ref()
            .is_some_and(|identity| identity.user.as_str() == user)
    }

    /// Changes who it is; answers who it was. Only the [`super::Directory`] calls this, so that both agree.
    pub(super) fn identify(&self, identity: Option<Arc<Identity>>) -> Option<Arc<Identity>> {
        self.identity.swap(identity)
    }

    /// Keeps the first livechat token of the session; later ones change nothing.
    pub fn keep_livechat_token(&self, token: &str) {
        let _first_wins = self.livechat_token.set(token.into());
    }

    /// The livechat visitor's token.
    #[must_use]
    pub fn livechat_token(&self) -> Option<&str> {
        self.livechat_token.get().map(|token| &**token)
    }

    /// The `connection` object of the mesh's events, as JSON.
    #[must_use]
    pub fn connection_json(&self) -> String {
        let identity = self.identity.load();
        self.connection.to_json(
            &self.id,
            identity.as_ref().map(|identity| &*identity.hashed_token),
            self.livechat_token(),
        )
    }
}
