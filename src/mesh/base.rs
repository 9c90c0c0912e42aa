//! What a node has, whichever broker it speaks with.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::calls::{Gates, Pending};
use super::config::MeshConfig;
use super::dispatch::Incoming;
use super::event::EventListener;
use super::handle::MeshState;
use super::host::Host;
use super::publish::Outgoing;
use super::queue::ByteQueue;
use super::registry::Registry;
use super::service::LocalServices;
use super::stats::Stats;
use crate::telemetry::limit::Limited;

/// Calls from other nodes that are answered at once; more are refused.
const MAX_REQUESTS_IN_FLIGHT: usize = 1024;

/// Log lines that others can drive.
#[derive(Default)]
pub(super) struct Limits {
    pub(super) malformed: Limited,
    pub(super) version: Limited,
    pub(super) too_large: Limited,
    pub(super) unwritable: Limited,
    pub(super) lost_in: Limited,
    pub(super) lost_out: Limited,
    pub(super) connect: Limited,
    pub(super) panics: Limited,
    pub(super) namesakes: Limited,
}

/// See the module. The nodes of both brokers hold one and add what is theirs.
pub(super) struct Base {
    pub(super) config: MeshConfig,
    pub(super) instance_id: String,
    pub(super) host: Host,
    /// When it was built.
    pub(super) started: Instant,
    pub(super) services: ArcSwap<LocalServices>,
    pub(super) listener: Arc<dyn EventListener>,
    pub(super) registry: Registry,
    pub(super) pending: Pending,
    pub(super) gates: Option<Gates>,
    pub(super) inbox: ByteQueue<Incoming>,
    /// Open exactly while there is a connection.
    pub(super) outbox: ByteQueue<Outgoing>,
    pub(super) max_payload: AtomicUsize,
    pub(super) up: AtomicBool,
    /// There was a connection at some time.
    pub(super) connected_before: AtomicBool,
    pub(super) state: watch::Sender<MeshState>,
    pub(super) stats: Arc<Stats>,
    pub(super) limits: Limits,
    pub(super) requests: Arc<Semaphore>,
    /// Asks the driver to leave.
    pub(super) leaving: CancellationToken,
    /// The node cannot go on.
    pub(super) failed: CancellationToken,
    /// The tasks' token, once they run.
    pub(super) running: OnceLock<CancellationToken>,
    /// Serialises changes of the own services.
    pub(super) changes: Mutex<()>,
}

impl Base {
    pub(super) fn new(
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
            gates: config.bulkhead.map(Gates::new),
            inbox: ByteQueue::new(config.event_queue_bytes, true),
            outbox: ByteQueue::new(config.outbox_bytes, false),
            max_payload: AtomicUsize::new(usize::MAX),
            up: AtomicBool::new(false),
            connected_before: AtomicBool::new(false),
            state: watch::channel(MeshState::Joining).0,
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
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// A connection is there, or no more.
    pub(super) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Release);
        crate::telemetry::metrics::nats_connected(up);
    }

    /// A connection was made.
    pub(super) fn connected(&self, max_payload: usize) {
        let again = self.connected_before.swap(true, Ordering::Relaxed);
        if again {
            self.stats.reconnects.add(1);
        }
        tracing::info!(node = %self.config.node_id, again, "connected to the mesh");
        self.max_payload.store(max_payload, Ordering::Relaxed);
    }

    /// The others had time to tell of themselves.
    pub(super) fn joined(&self) {
        self.state.send_if_modified(|state| {
            let changed = matches!(state, MeshState::Joining | MeshState::Away { .. });
            if changed {
                *state = MeshState::Joined;
            }
            changed
        });
    }

    /// The node cannot go on.
    pub(super) fn fail(&self, reason: String) {
        tracing::error!("{reason}");
        self.state.send_replace(MeshState::Failed(reason));
        self.failed.cancel();
    }
}
