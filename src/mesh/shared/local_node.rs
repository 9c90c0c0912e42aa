//! The own node, as far as it is the same with both brokers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::gates::Gates;
use super::host::Host;
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::pending::Pending;
use super::queue::ByteQueue;
use super::registry::Registry;
use super::services::LocalServices;
use super::stats::Stats;
use crate::mesh::config::MeshConfig;
use crate::mesh::event::EventListener;
use crate::mesh::snapshot::MeshState;
use crate::telemetry::limit::Limited;

/// Calls from other nodes that are answered at once; more are refused.
const MAX_REQUESTS_IN_FLIGHT: usize = 1024;

/// Log lines that others can drive.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) malformed: Limited,
    pub(crate) too_large: Limited,
    pub(crate) lost_in: Limited,
    pub(crate) lost_out: Limited,
    pub(crate) connect: Limited,
    pub(crate) panics: Limited,
}

/// See the module. The nodes of both brokers hold one and add what is theirs.
pub(crate) struct LocalNode {
    pub(crate) config: MeshConfig,
    pub(crate) instance_id: String,
    pub(crate) host: Host,
    /// When it was built.
    pub(crate) started: Instant,
    pub(crate) services: ArcSwap<LocalServices>,
    pub(crate) listener: Arc<dyn EventListener>,
    pub(crate) registry: Registry,
    pub(crate) pending: Pending,
    pub(crate) gates: Option<Gates>,
    pub(crate) inbox: ByteQueue<Incoming>,
    /// Open exactly while there is a connection.
    pub(crate) outbox: ByteQueue<Outgoing>,
    pub(crate) max_payload: AtomicUsize,
    pub(crate) up: AtomicBool,
    /// There was a connection at some time.
    pub(crate) connected_before: AtomicBool,
    pub(crate) state: watch::Sender<MeshState>,
    /// How often the listener has heard all that there was after some of it was lost here.
    pub(crate) losses: watch::Sender<u64>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) limits: Limits,
    pub(crate) requests: Arc<Semaphore>,
    /// Asks the driver to leave.
    pub(crate) leaving: CancellationToken,
    /// The node cannot go on.
    pub(crate) failed: CancellationToken,
    /// The tasks' token, once they run.
    pub(crate) running: OnceLock<CancellationToken>,
    /// Serialises changes of the own services.
    pub(crate) changes: Mutex<()>,
}

impl LocalNode {
    pub(crate) fn new(
        config: MeshConfig,
        services: LocalServices,
        listener: Arc<dyn EventListener>,
    ) -> Self {
        Self {
            instance_id: Uuid::new_v4().to_string(),
            host: Host::read(),
            started: Instant::now(),
            services: ArcSwap::from_pointee(services),
            listener,
            registry: Registry::new(),
            pending: Pending::default(),
            gates: config.node.bulkhead.map(Gates::new),
            inbox: ByteQueue::new(config.event_queue_bytes, true),
            outbox: ByteQueue::new(config.outbox_bytes, false),
            max_payload: AtomicUsize::new(usize::MAX),
            up: AtomicBool::new(false),
            connected_before: AtomicBool::new(false),
            state: watch::channel(MeshState::Joining).0,
            losses: watch::channel(0).0,
            stats: Arc::new(Stats::new()),
            limits: Limits::default(),
            requests: Arc::new(Semaphore::new(MAX_REQUESTS_IN_FLIGHT)),
            leaving: CancellationToken::new(),
            failed: CancellationToken::new(),
            running: OnceLock::new(),
            changes: Mutex::new(()),
            config,
        }
    }

    /// Whether there is a connection.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// A connection is there, or no more.
    pub(crate) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Release);
        crate::telemetry::metrics::nats_connected(up);
    }

    /// A connection was made.
    pub(crate) fn connected(&self, max_payload: usize) {
        let again = self.connected_before.swap(true, Ordering::Relaxed);
        if again {
            self.stats.reconnects.add(1);
        }
        tracing::info!(node = %self.config.node_id, again, "connected to the mesh");
        self.max_payload.store(max_payload, Ordering::Relaxed);
    }

    /// The others had time to tell of themselves.
    pub(crate) fn joined(&self) {
        self.state.send_if_modified(|state| {
            let changed = matches!(state, MeshState::Joining | MeshState::Away { .. });
            if changed {
                *state = MeshState::Joined;
            }
            changed
        });
    }

    /// It is in the mesh, but was not for somebody who tells of things: who follows the state does what is to be done then.
    pub(crate) fn joined_anew(&self) {
        self.state
            .send_if_modified(|state| *state == MeshState::Joined);
    }

    /// The connection is gone.
    pub(crate) fn away(&self) {
        self.state.send_if_modified(|state| match state {
            MeshState::Joined => {
                *state = MeshState::Away {
                    since: Instant::now(),
                };
                true
            }
            _ => false,
        });
    }

    /// It is over.
    pub(crate) fn left(&self) {
        self.state.send_if_modified(|state| {
            let failed = matches!(state, MeshState::Failed(_));
            if !failed {
                *state = MeshState::Left;
            }
            !failed
        });
    }

    /// What the future brings; `None` when the node is to leave or to stop first.
    pub(crate) async fn unless_ended<T>(
        &self,
        token: &CancellationToken,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            () = token.cancelled() => None,
            () = self.leaving.cancelled() => None,
            output = future => Some(output),
        }
    }

    /// The node cannot go on.
    pub(crate) fn fail(&self, reason: String) {
        tracing::error!("{reason}");
        self.state.send_replace(MeshState::Failed(reason));
        self.failed.cancel();
    }
}
