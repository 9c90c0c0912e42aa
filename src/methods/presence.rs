//! What a user shows, and that a session is active.

use std::sync::Arc;

use tracing::debug;

use super::Methods;
use super::errors::{Answer, for_client};
use super::params::Params;
use crate::client::Client;
use crate::ejson;

/// Updates of activity that are under way at once. Each is told again half a minute later, so one that finds no place
/// is left out; a presence service that does not answer must not pile up work of all sessions.
pub(super) const MAX_UPDATES: usize = 256;

impl Methods {
    /// `UserPresence:setDefaultStatus` with `[status]`, and `setUserStatus` with `[status, text?]`. What a status is, the
    /// presence service knows: nothing is checked on the way.
    pub(super) async fn set_status(
        &self,
        client: &Client,
        params: &Params<'_>,
        with_text: bool,
    ) -> Answer {
        let Some(user) = client.user() else {
            return Ok(None);
        };
        let text = match with_text {
            true => params.raw(1),
            false => None,
        };
        let status = params.raw(0).unwrap_or(ejson::NULL);
        let presence = &self.rooms.services.presence;
        let told = presence.set_status(user.as_str(), status, text);
        told.await.map_err(|error| for_client(&error))
    }

    /// `UserPresence:online`, `UserPresence:away`.
    pub(super) async fn set_connection_status(&self, client: &Client, status: &str) -> Answer {
        let Some(user) = client.user() else {
            return Ok(None);
        };
        let presence = &self.rooms.services.presence;
        let told = presence.set_connection_status(user.as_str(), status, client.id().as_str());
        told.await.map_err(|error| for_client(&error))
    }

    /// The session is active: presence is told, and nobody waits for it.
    pub(super) fn update_connection(&self, client: &Arc<Client>) {
        let presence = &self.rooms.services.presence;
        let Some(user) = client
            .user()
            .filter(|_| presence.offers_update_connection())
        else {
            return;
        };
        let Ok(place) = self.activity.clone().try_acquire_owned() else {
            return;
        };
        let (presence, client) = (presence.clone(), client.clone());
        self.tracker
            .spawn(self.stop.clone().run_until_cancelled_owned(async move {
                let _place = place;
                if let Err(error) = presence
                    .update_connection(user.as_str(), client.id().as_str())
                    .await
                {
                    debug!(%error, "presence was not told of a session's activity");
                }
            }));
    }
}
