//! What the status page shows.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::health::Health;
use crate::client::Directory;
use crate::gateway::Readiness;
use crate::mesh::{Mesh, MeshState, Release};
use crate::session::Sessions;
use crate::store::Store;
use crate::streams::Hub;
use crate::telemetry::status::Status;
use crate::telemetry::traces;

/// Where its figures are from.
pub(super) struct Sources {
    pub(super) namespace: String,
    pub(super) max_connections: usize,
    pub(super) began: Instant,
    pub(super) directory: Arc<Directory>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) hub: Arc<Hub>,
    pub(super) mesh: Mesh,
    pub(super) store: Store,
    pub(super) health: Arc<Health>,
}

impl Sources {
    pub(super) fn look(&self) -> Status {
        let ready = match self.health.ready() {
            _ if self.sessions.is_draining() => "no: shutting down".to_owned(),
            Ok(()) => "yes".to_owned(),
            Err(reason) => format!("no: {reason}"),
        };
        let stats = self.mesh.stats();
        let services = self.mesh.services().into_iter().map(|(service, nodes)| {
            let nodes = nodes.iter().map(|node| node.as_str().to_owned());
            (service, nodes.collect::<Vec<_>>().into())
        });
        let sections = [
            (
                "process",
                json!({
                    "version": env!("CARGO_PKG_VERSION"),
                    "node": self.mesh.node_id().as_str(),
                    "namespace": self.namespace,
                    "uptimeSeconds": self.began.elapsed().as_secs(),
                    "ready": ready,
                }),
            ),
            (
                "clients",
                json!({
                    "connected": self.directory.connected(),
                    "loggedIn": self.directory.logged_in(),
                    "connectionLimit": self.max_connections,
                    "unsentBytes": self.directory.unsent(),
                    "topicsListenedTo": self.hub.topics(),
                }),
            ),
            (
                "mesh",
                json!({
                    "state": state(&self.mesh.state().borrow()),
                    "core": release(self.mesh.release()),
                    "reconnects": stats.reconnects,
                    "failedConnects": stats.connect_failures,
                    "callsPending": stats.pending_calls,
                    "bytesToSend": stats.outbox_bytes,
                    "bytesOfEventsToHandle": stats.queued_event_bytes,
                    "eventsLostIn": stats.events_lost_in,
                    "eventsLostOut": stats.events_lost_out,
                    "packetsLostAtNats": stats.packets_lost_at_nats,
                    "malformedPackets": stats.malformed,
                    "packetsOfOtherProtocols": stats.foreign_version,
                    "panics": stats.panics,
                }),
            ),
            ("services", Value::Object(services.collect())),
            ("traces", traces()),
            (
                "database",
                json!({ "state": self.store.state().to_string() }),
            ),
        ];
        sections
            .map(|(name, figures)| (name.to_owned(), figures))
            .into_iter()
            .collect()
    }
}

/// What became of spans; nothing while there are none.
pub(super) fn traces() -> Value {
    match traces::counts() {
        None => json!({ "state": "off" }),
        Some(counts) => json!({
            "state": "on",
            "spansSent": counts.sent,
            "spansWaiting": counts.waiting,
            "spansDroppedQueueFull": counts.dropped_queue,
            "spansDroppedByCollector": counts.dropped_collector,
        }),
    }
}

fn state(state: &MeshState) -> String {
    match state {
        MeshState::Joining => "joining".to_owned(),
        MeshState::Joined => "joined".to_owned(),
        MeshState::Away { since } => format!("away for {} s", since.elapsed().as_secs()),
        MeshState::Left => "left".to_owned(),
        MeshState::Failed(reason) => format!("failed: {reason}"),
    }
}

fn release(release: Release) -> &'static str {
    match release {
        Release::Unknown => "not seen",
        Release::V6 => "6.x or 7.x",
        Release::V8 => "8.x or 9.x",
        Release::Mixed => "mixed: an upgrade",
    }
}
