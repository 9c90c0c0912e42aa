//! PLACEHOLDER of the streams' façade (the real one is built in /work/wt/streams; never lands).
#![allow(missing_docs)]
use crate::client::{Client, SubOutcome};
use crate::streams::{Hub, Stream};
use serde_json::value::RawValue;
use std::sync::Arc;

pub struct Streams(pub Arc<Hub>);
impl Streams {
    pub fn hub(&self) -> &Arc<Hub> {
        &self.0
    }
    pub async fn subscribe(&self, _client: Arc<Client>, _stream: &str, _id: &str, _params: &RawValue) -> SubOutcome {
        SubOutcome::Refused
    }
    pub async fn write(&self, _client: Arc<Client>, _stream: &str, _params: &RawValue) -> Option<()> {
        None
    }
    pub fn unsubscribe(&self, client: &Arc<Client>, id: &str) -> bool {
        self.0.unsubscribe(client, id)
    }
    pub async fn recheck(&self, _client: Arc<Client>) {}
    pub fn leave(&self, client: &Arc<Client>) {
        self.0.leave(client)
    }
    pub fn publish(&self, _stream: Stream, _event_name: &str, _args: &str) {}
    pub fn relayed(&self, _data: &RawValue) {}
    pub fn message(&self, _rid: &str, _message: &RawValue) {}
    pub fn subscription_changed(&self, _action: &str, _sub: &RawValue) {}
    pub fn room_changed(&self, _action: &str, _room: &RawValue) {}
    pub fn user_changed(&self, _uid: &str) {}
    pub fn role_changed(&self) {}
    pub fn permission_changed(&self) {}
    pub fn setting_changed(&self, _id: &str) {}
    pub fn presence_changed(&self, _uid: &str, _args: &str) {}
}
