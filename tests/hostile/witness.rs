//! Another client of the same process: after each input it gets its event, the next one and no other.

use serde_json::json;
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
        let mut client = self.0.lock().await;
        let message = json!({"_id": input, "rid": "GENERAL", "msg": "still here"});
        let event = json!([{"message": message}]);
        workspace.broadcast("watch.messages", event).await;
        let heard = timeout(DEADLINE, client.try_next()).await;
        let heard = heard.unwrap_or_else(|_| panic!("after {input}: nothing is heard"));
        let expected = json!({
            "msg": "changed", "collection": "stream-room-messages", "id": "id",
            "fields": {"eventName": "GENERAL", "args": [message]},
        });
        assert_eq!(heard, Ok(expected), "after {input}");
    }

    /// It heard nothing else.
    pub async fn heard_no_more(self) {
        let rest = self.0.into_inner().so_far().await;
        assert!(rest.is_empty(), "{rest:?}");
    }
}
