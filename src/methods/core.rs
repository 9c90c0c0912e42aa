//! What is handed on: to the streams, and everything else to the core.

use std::sync::Arc;

use super::Methods;
use super::errors::{Answer, for_client};
use crate::client::Client;
use crate::ddp::message::MethodCall;

impl Methods {
    /// A method of the core.
    pub(super) async fn fall_back(&self, client: &Client, call: &MethodCall) -> Answer {
        let identity = client.identity();
        let (uid, token) = match &identity {
            Some(identity) => (Some(identity.user.as_str()), Some(&*identity.hashed_token)),
            None => (None, None),
        };
        let meteor = &self.rooms.services.meteor;
        let answer = meteor
            .call_method(uid, token, &call.method, &call.params)
            .await;
        answer.map_err(|error| for_client(&error))
    }

    /// `stream-<name>`; the core is asked about a stream that does not exist here.
    pub(super) async fn write(
        &self,
        client: &Arc<Client>,
        stream: &str,
        call: &MethodCall,
    ) -> Answer {
        match self
            .rooms
            .streams
            .write(client.clone(), stream, &call.params)
            .await
        {
            Some(written) => written,
            None => self.fall_back(client, call).await,
        }
    }
}
