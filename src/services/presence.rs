//! `presence`: who is online (reference/ddp.md, "What the mesh is told"; reference/methods.md).

use serde_json::value::RawValue;

use super::calls::{Answer, Calls, ServiceError};
use crate::ejson::quoted;

/// The presence service.
#[derive(Clone)]
pub struct Presence(pub(super) Calls);

/// Asked only where some node offers it.
const UPDATE_CONNECTION: &str = "presence.updateConnection";

impl Presence {
    /// Waits until the service is there again: after an outage its nodes come back later than NATS.
    pub async fn seen_again(&self) {
        self.0.mesh.seen_again("presence").await;
    }

    /// `newConnection`: a session of this node logged in.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn new_connection(&self, uid: &str, session: &str) -> Result<(), ServiceError> {
        self.connection("presence.newConnection", uid, session)
            .await
    }

    /// `removeConnection`: a logged-in session of this node is gone.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn remove_connection(&self, uid: &str, session: &str) -> Result<(), ServiceError> {
        self.connection("presence.removeConnection", uid, session)
            .await
    }

    async fn connection(
        &self,
        action: &'static str,
        uid: &str,
        session: &str,
    ) -> Result<(), ServiceError> {
        let node = quoted(self.0.mesh.node_id().as_str());
        self.0
            .tell(action, &[&quoted(uid), &quoted(session), &node])
            .await
            .map(drop)
    }

    /// Whether some node offers `updateConnection`.
    #[must_use]
    pub fn offers_update_connection(&self) -> bool {
        self.0.mesh.offers(UPDATE_CONNECTION)
    }

    /// `updateConnection`: the session is active. Does nothing where no node offers it.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn update_connection(&self, uid: &str, session: &str) -> Result<(), ServiceError> {
        if !self.offers_update_connection() {
            return Ok(());
        }
        self.0
            .tell(UPDATE_CONNECTION, &[&quoted(uid), &quoted(session)])
            .await
            .map(drop)
    }

    /// `setStatus`; answers what the service answers. Status and text are what a client sent; a text of `None` is left
    /// out.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn set_status(
        &self,
        uid: &str,
        status: &RawValue,
        text: Option<&RawValue>,
    ) -> Answer {
        let uid = quoted(uid);
        let args = [&*uid, status.get(), text.map_or("", RawValue::get)];
        let given = if text.is_some() { 3 } else { 2 };
        self.0.tell("presence.setStatus", &args[..given]).await
    }

    /// `setConnectionStatus`; answers what the service answers.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn set_connection_status(&self, uid: &str, status: &str, session: &str) -> Answer {
        self.0
            .tell(
                "presence.setConnectionStatus",
                &[&quoted(uid), &quoted(status), &quoted(session)],
            )
            .await
    }
}
