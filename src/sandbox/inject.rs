//! `--broadcast EVENT ARGS`: one event, for scripts and integration tests.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::SandboxError;
use super::node::audience;
use super::on_mesh;
use crate::mesh::{Mesh, MeshState, NodeId};

/// Nodes tell what they listen to when somebody joins; one that is slow does so within this.
const LISTENERS: Duration = Duration::from_secs(3);
/// Longest wait for the mesh, or for the running sandbox's answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who is to broadcast it.
#[derive(Debug, Clone)]
pub enum Target {
    /// A sandbox that runs: `host:port` of its page.
    Sandbox(String),
    /// A node of our own, on this mesh, for as long as it takes.
    Mesh {
        /// `nats://…`.
        transporter: String,
        /// `MS_NAMESPACE`.
        namespace: String,
    },
}

/// Broadcasts the event and says to `out` how many nodes got it; `args` is a JSON array.
///
/// # Errors
/// The arguments are none, nobody takes the event, or no node lists it.
pub async fn broadcast(
    target: &Target,
    event: &str,
    args: &str,
    out: &mut impl std::io::Write,
) -> Result<(), SandboxError> {
    let told = match inject(target, event, args).await? {
        0 => return Err(SandboxError::Unheard(event.to_owned())),
        1 => "sent to 1 node".to_owned(),
        nodes => format!("sent to {nodes} nodes"),
    };
    // Whoever reads this may have gone; the event was sent all the same.
    let _ = writeln!(out, "{told}");
    Ok(())
}

/// Broadcasts the event; tells how many nodes list it. `args` is a JSON array.
///
/// # Errors
/// The arguments are none, or nobody takes the event.
pub async fn inject(target: &Target, event: &str, args: &str) -> Result<u64, SandboxError> {
    let wrong = |reason: String| SandboxError::Arguments {
        event: event.to_owned(),
        reason,
    };
    let args: Value = serde_json::from_str(args).map_err(|error| wrong(error.to_string()))?;
    if !args.is_array() {
        return Err(wrong("this is something else".to_owned()));
    }
    match target {
        Target::Sandbox(address) => {
            let body = json!({ "event": event, "args": args }).to_string();
            let posted = tokio::time::timeout(TIMEOUT, post(address, &body));
            let posted = posted
                .await
                .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
            posted.map_err(|error| SandboxError::Broadcast {
                to: format!("the sandbox at {address}"),
                reason: error.to_string(),
            })
        }
        Target::Mesh {
            transporter,
            namespace,
        } => onto_mesh(transporter, namespace, event, &args.to_string()).await,
    }
}

async fn onto_mesh(
    transporter: &str,
    namespace: &str,
    event: &str,
    args: &str,
) -> Result<u64, SandboxError> {
    let mut config = on_mesh::config(transporter, namespace)?;
    config.node_id = NodeId::new(format!("sandbox-voice-{}", std::process::id()))
        .map_err(|error| SandboxError::NodeId(error.to_string()))?;
    let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
    let mesh = Mesh::start(config, Vec::new(), Arc::new(()), &tracker, &token)?;
    let mut state = mesh.state();
    let joined = state.wait_for(|state| *state == MeshState::Joined);
    let joined = matches!(tokio::time::timeout(TIMEOUT, joined).await, Ok(Ok(_)));
    if !joined {
        token.cancel();
        return Err(SandboxError::Broadcast {
            to: "the mesh".to_owned(),
            reason: "it could not be joined".to_owned(),
        });
    }
    let mut topology = mesh.topology();
    let somebody_listens =
        async { while audience(&mesh, event) == 0 && topology.changed().await.is_ok() {} };
    let _nobody_does = tokio::time::timeout(LISTENERS, somebody_listens).await;
    let nodes = audience(&mesh, event);
    mesh.broadcast(event, args);
    mesh.leave().await;
    token.cancel();
    tracker.close();
    tracker.wait().await;
    Ok(nodes as u64)
}

/// One request, one answer, which tells how many nodes: not worth an HTTP client.
async fn post(address: &str, body: &str) -> std::io::Result<u64> {
    let mut socket = TcpStream::connect(address).await?;
    let length = body.len();
    let head = format!(
        "POST /inject HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    let said = answer.lines().last().unwrap_or_default();
    let told: Option<Value> = serde_json::from_str(said).ok();
    let nodes = told.and_then(|told| told.get("nodes")?.as_u64());
    match (answer.split(' ').nth(1), nodes) {
        (Some("200"), Some(nodes)) => Ok(nodes),
        _ => Err(std::io::Error::other(said.to_owned())),
    }
}
