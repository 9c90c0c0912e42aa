//! Another client of the same process: after each input it gets its event, the next one and no other.

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::support::{Client, DEADLINE, Workspace};

pub struct Witness(Mutex<Client>);

impl Witness {
    /// Alice, who listens to `GENERAL`.
    pub async fn of(workspace: &Workspace) -> Self {
        let mut client = workspace.login("alice").await;
        client.listen("room-messages", "GENERAL").await;
        Self(Mutex::new(client))
    }

    pub async fn hears_after(&self, workspace: &Workspace, input: &str) {
        self.hears_of("broadcast", workspace, input).await;
    }

    /// The same, of an event for one node of each service.
    pub async fn hears_balanced_after(&self, workspace: &Workspace, input: &str) {
        self.hears_of("emit", workspace, input).await;
    }

    async fn hears_of(&self, how: &str, workspace: &Workspace, input: &str) {
        let mut client = self.0.lock().await;
        let message = json!({"_id": input, "rid": "GENERAL", "msg": "still here"});
        let event = json!({"event": "watch.messages", "args": [{"message": message}]});
        workspace.core.ask(how, event).await;
        hears(&mut client, input, &message).await;
    }

    /// It hears this message next, which an input sent.
    pub async fn hears(&self, input: &str, message: &Value) {
        hears(&mut *self.0.lock().await, input, message).await;
    }

    /// It heard nothing else.
    pub async fn heard_no_more(self) {
        let rest = self.0.into_inner().so_far().await;
        assert!(rest.is_empty(), "{rest:?}");
    }
}

async fn hears(client: &mut Client, input: &str, message: &Value) {
    let heard = timeout(DEADLINE, client.try_next()).await;
    let heard = heard.unwrap_or_else(|_| panic!("after {input}: nothing is heard"));
    let expected = json!({
        "msg": "changed", "collection": "stream-room-messages", "id": "id",
        "fields": {"eventName": "GENERAL", "args": [message]},
    });
    assert_eq!(heard, Ok(expected), "after {input}");
}
