//! Nodes over the in-process bus, time paused.

mod calling;
mod discovery;
mod eventing;
mod golden;
mod malformed;
mod node_service;
mod outage;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;

/// What a node heard: name, args, sender, broadcast.
type Heard = Arc<Mutex<Vec<(String, Value, String, bool)>>>;

/// A bus and the tasks of its nodes.
struct Net {
    bus: LocalBus,
    tracker: TaskTracker,
}

/// A node of a test.
struct TestNode {
    mesh: Mesh,
    heard: Heard,
    token: CancellationToken,
}

impl Net {
    fn new() -> Self {
        Self {
            bus: LocalBus::new(),
            tracker: TaskTracker::new(),
        }
    }

    fn config(&self, name: &str) -> MeshConfig {
        MeshConfig::new(
            NodeId::new(name).unwrap(),
            Transporter::Local(self.bus.clone()),
        )
    }

    /// A node that runs, not yet joined.
    fn spawn(&self, config: MeshConfig, services: Vec<ServiceSpec>) -> TestNode {
        let heard = Heard::default();
        let listener = {
            let heard = Arc::clone(&heard);
            move |event: &Event<'_>| {
                heard.lock().push((
                    event.name.to_string(),
                    serde_json::from_str(event.data.get()).unwrap(),
                    event.sender.to_owned(),
                    event.broadcast,
                ));
            }
        };
        let token = CancellationToken::new();
        let mesh =
            Mesh::start(config, services, Arc::new(listener), &self.tracker, &token).unwrap();
        TestNode { mesh, heard, token }
    }

    /// A node that has joined.
    async fn join(&self, name: &str, services: Vec<ServiceSpec>) -> TestNode {
        self.join_with(self.config(name), services).await
    }

    async fn join_with(&self, config: MeshConfig, services: Vec<ServiceSpec>) -> TestNode {
        let node = self.spawn(config, services);
        node.reaches(|state| *state == MeshState::Joined).await;
        node
    }
}

impl TestNode {
    async fn reaches(&self, wanted: impl FnMut(&MeshState) -> bool) {
        let mut states = self.mesh.state();
        tokio::time::timeout(Duration::from_secs(300), states.wait_for(wanted))
            .await
            .unwrap()
            .unwrap();
    }

    async fn call(&self, action: &str, params: &str) -> Result<Option<String>, CallError> {
        let answer = self.mesh.call(Call::new(action, params)).await;
        answer.map(|data| data.map(|data| data.get().to_owned()))
    }

    /// Events heard so far, those of the registry left out.
    fn heard(&self) -> Vec<(String, Value, String, bool)> {
        self.heard
            .lock()
            .iter()
            .filter(|(name, ..)| !name.starts_with('$'))
            .cloned()
            .collect()
    }

    fn heard_of_nodes(&self) -> Vec<(String, String)> {
        let heard = self.heard.lock();
        let nodes = heard.iter().filter(|(name, ..)| name.starts_with('$'));
        nodes
            .map(|(name, args, ..)| {
                (
                    name.clone(),
                    args[0]["node"]["id"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    }

    /// Dies without a word.
    fn kill(&self) {
        self.token.cancel();
    }
}

/// Lets everything that can happen now happen.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

/// A core: `meteor` with a few ways to answer.
fn core() -> ServiceSpec {
    ServiceSpec::new("meteor")
        .events(["accounts.login", "otrMessage"])
        .action("echo", |request: Request| async move {
            Ok(Some(request.params))
        })
        .action("undefined", |_| async { Ok(None) })
        .action("null", |_| async { Ok(Some(raw("null"))) })
        .action("never", |_| std::future::pending())
        .action("slow", |_| async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            Ok(None)
        })
        .action("who", |request: Request| async move {
            Ok(Some(raw(&format!("\"{}\"", request.sender))))
        })
        .action("meta", |request: Request| async move { Ok(request.meta) })
        .action("refuses", |_| async {
            let details = Some(raw(r#"{"method":"x"}"#));
            Err(RemoteError::from_meteor(
                Code::Text("error-not-allowed".into()),
                Some("Not allowed".into()),
                details,
            )
            .into())
        })
        .action("panics", |_| async { panic!("a bug") })
}
