//! The node as others hold it.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::balancer::Balancer;
use super::calls::{Gates, Pending, Waits};
use super::config::MeshConfig;
use super::discovery::Pings;
use super::dispatch::Incoming;
use super::error::MeshError;
use super::event::EventListener;
use super::host::Host;
use super::limit::RateLimit;
use super::link;
use super::node_id::{NodeId, is_subject_rest};
use super::publish::Outgoing;
use super::queue::ByteQueue;
use super::registry::Registry;
use super::release::{Listed, Release};
use super::service::{LocalServices, ServiceSpec};
use super::stats::{MeshStats, Stats};
use super::subject::Subjects;

/// Calls from other nodes that are answered at once; more are refused.
const MAX_REQUESTS_IN_FLIGHT: usize = 1024;
/// Leaving takes as long as two packets need to be written, or this long with a server that does not read.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A node of the mesh. Clones are the same node.
#[derive(Clone)]
pub struct Mesh(pub(super) Arc<Inner>);

/// Where the node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshState {
    /// Not yet connected, or the others' INFO packets are awaited.
    Joining,
    /// Part of the mesh.
    Joined,
    /// The transport is away.
    Away {
        /// Since when.
        since: Instant,
    },
    /// It left, or was stopped.
    Left,
    /// It cannot go on: the reason is for the operator.
    Failed(String),
}

/// What is known of a node.
#[derive(Debug, Clone)]
pub struct NodeSnapshot {
    /// Its name.
    pub id: NodeId,
    /// The own node.
    pub local: bool,
    /// It is there.
    pub available: bool,
    /// Its host.
    pub hostname: Option<String>,
    /// What runs it, such as `nodejs 0.14.35`.
    pub client: String,
    /// Full names of its services.
    pub services: Vec<String>,
    /// CPU percent of its host, as it last told.
    pub cpu: Option<f32>,
    /// Time since it was last heard.
    pub silent_for: Duration,
    /// Version of its service list.
    pub seq: u64,
}

/// Log lines that others can drive.
#[derive(Default)]
pub(super) struct Limits {
    pub(super) malformed: RateLimit,
    pub(super) version: RateLimit,
    pub(super) too_large: RateLimit,
    pub(super) lost_in: RateLimit,
    pub(super) lost_out: RateLimit,
    pub(super) connect: RateLimit,
    pub(super) panics: RateLimit,
}

pub(super) struct Inner {
    pub(super) config: MeshConfig,
    pub(super) instance_id: String,
    pub(super) subjects: Subjects,
    pub(super) host: Host,
    /// When it was built.
    pub(super) started: Instant,
    pub(super) services: ArcSwap<LocalServices>,
    pub(super) listener: Arc<dyn EventListener>,
    pub(super) registry: Registry,
    pub(super) balancer: Balancer,
    pub(super) pending: Pending,
    pub(super) waits: Waits,
    pub(super) gates: Option<Gates>,
    pub(super) pings: Pings,
    /// Open exactly while there is a connection.
    pub(super) outbox: ByteQueue<Outgoing>,
    pub(super) inbox: ByteQueue<Incoming>,
    pub(super) max_payload: AtomicUsize,
    pub(super) up: AtomicBool,
    pub(super) state: watch::Sender<MeshState>,
    pub(super) stats: Arc<Stats>,
    pub(super) limits: Limits,
    pub(super) requests: Arc<Semaphore>,
    /// Asks the driver to leave.
    pub(super) leaving: CancellationToken,
    /// The node cannot go on.
    pub(super) failed: CancellationToken,
    /// The tasks' token, once they run.
    running: OnceLock<CancellationToken>,
    /// Serialises changes of the own services.
    changes: Mutex<()>,
}

impl Mesh {
    /// Builds a node. Nothing is connected, started or sent before [`run`](Self::run).
    pub fn new(
        config: MeshConfig,
        services: Vec<ServiceSpec>,
        listener: Arc<dyn EventListener>,
    ) -> Result<Self, MeshError> {
        let namespace = &config.namespace;
        if !namespace.is_empty() && (!is_subject_rest(namespace) || namespace.contains('.')) {
            return Err(MeshError::InvalidNamespace(namespace.clone()));
        }
        let inner = Inner {
            instance_id: Uuid::new_v4().to_string(),
            subjects: Subjects::new(namespace),
            host: Host::read(),
            started: Instant::now(),
            services: ArcSwap::from_pointee(LocalServices::new(&services, 1)),
            listener,
            registry: Registry::new(),
            balancer: Balancer::new(config.balance, config.prefer_local),
            pending: Pending::default(),
            waits: Waits::default(),
            gates: config.bulkhead.map(Gates::new),
            pings: Pings::default(),
            outbox: ByteQueue::new(config.outbox_bytes, false),
            inbox: ByteQueue::new(config.event_queue_bytes, true),
            max_payload: AtomicUsize::new(usize::MAX),
            up: AtomicBool::new(false),
            state: watch::channel(MeshState::Joining).0,
            stats: Arc::new(Stats::new()),
            limits: Limits::default(),
            requests: Arc::new(Semaphore::new(MAX_REQUESTS_IN_FLIGHT)),
            leaving: CancellationToken::new(),
            failed: CancellationToken::new(),
            running: OnceLock::new(),
            changes: Mutex::new(()),
            config,
        };
        inner.register_self();
        Ok(Self(Arc::new(inner)))
    }

    /// Starts the node's tasks. It joins as soon as the transport is there, for ever trying; cancelling the token stops
    /// it without a word to the others (see [`leave`](Self::leave)).
    pub fn run(&self, tracker: &TaskTracker, token: &CancellationToken) -> Result<(), MeshError> {
        let token = token.child_token();
        self.0
            .running
            .set(token.clone())
            .map_err(|_| MeshError::AlreadyRunning)?;
        tracker.spawn(link::drive(
            Arc::clone(&self.0),
            tracker.clone(),
            token.clone(),
        ));
        tracker.spawn(super::dispatch::run(Arc::clone(&self.0), token));
        Ok(())
    }

    /// [`new`](Self::new) and [`run`](Self::run).
    pub fn start(
        config: MeshConfig,
        services: Vec<ServiceSpec>,
        listener: Arc<dyn EventListener>,
        tracker: &TaskTracker,
        token: &CancellationToken,
    ) -> Result<Self, MeshError> {
        let mesh = Self::new(config, services, listener)?;
        mesh.run(tracker, token)?;
        Ok(mesh)
    }

    /// Leaves: INFO without services, DISCONNECT, flushed, closed. What waits for an answer is given up.
    pub async fn leave(&self) {
        self.0.leaving.cancel();
        let Some(token) = self.0.running.get() else {
            return;
        };
        let mut state = self.0.state.subscribe();
        let left = state.wait_for(|state| matches!(state, MeshState::Left | MeshState::Failed(_)));
        if tokio::time::timeout(LEAVE_TIMEOUT, left).await.is_err() {
            tracing::warn!("the mesh was left without a word: the transport does not take it");
        }
        token.cancel();
    }

    /// The own name.
    pub fn node_id(&self) -> &NodeId {
        &self.0.config.node_id
    }

    /// Which run of this node id this is: a UUID.
    pub fn instance_id(&self) -> &str {
        &self.0.instance_id
    }

    /// Where the node stands, and every change of it.
    pub fn state(&self) -> watch::Receiver<MeshState> {
        self.0.state.subscribe()
    }

    /// A number that changes whenever nodes or services change: time to read
    /// [`release`](Self::release) and [`offers`](Self::offers) again.
    pub fn topology(&self) -> watch::Receiver<u64> {
        self.0.registry.versions()
    }

    /// Whether some node offers the action.
    pub fn offers(&self, action: &str) -> bool {
        self.0.registry.index().action(action).is_some()
    }

    /// Whether some node has the service, by its full name.
    pub fn has_service(&self, service: &str) -> bool {
        !self.0.registry.index().nodes_of(service).is_empty()
    }

    /// The nodes that have the service, in the order in which they were met.
    pub fn nodes_of(&self, service: &str) -> Vec<NodeId> {
        self.0.registry.index().nodes_of(service).to_vec()
    }

    /// All services but Moleculer's own (`$…`) with the nodes that have them, by name.
    pub fn services(&self) -> Vec<(String, Vec<NodeId>)> {
        let index = self.0.registry.index();
        let public = index.services().filter(|(name, _)| !name.starts_with('$'));
        let mut services: Vec<_> = public
            .map(|(name, nodes)| (name.clone(), nodes.clone()))
            .collect();
        services.sort();
        services
    }

    /// Which release the cores are. What was last seen stays when the last core leaves.
    pub fn release(&self) -> Release {
        self.0.registry.core().release()
    }

    /// Whether the cores' `meteor` services listen to an event.
    pub fn meteor_events(&self, event: &str) -> Listed {
        self.0.registry.core().lists(event)
    }

    /// All nodes, gone ones included until they are forgotten.
    pub fn nodes(&self) -> Vec<NodeSnapshot> {
        let now = Instant::now();
        self.0.registry.with_nodes(|nodes| {
            let snapshot = nodes.iter().map(|node| NodeSnapshot {
                id: node.id().clone(),
                local: node.vitals.local,
                available: node.available,
                hostname: node.vitals.hostname.clone(),
                client: [&node.client.type_, &node.client.version]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(" "),
                services: node
                    .services
                    .iter()
                    .map(|service| service.full_name.clone())
                    .collect(),
                cpu: node.vitals.cpu(),
                silent_for: if node.vitals.local {
                    Duration::ZERO
                } else {
                    now.duration_since(node.heard)
                },
                seq: node.seq,
            });
            snapshot.collect()
        })
    }

    /// The counters at this moment.
    pub fn stats(&self) -> MeshStats {
        MeshStats {
            queued_event_bytes: self.0.inbox.bytes(),
            outbox_bytes: self.0.outbox.bytes(),
            pending_calls: self.0.pending.len(),
            ..self.0.stats.snapshot()
        }
    }

    /// Offers other services from now on and tells the others.
    pub fn set_services(&self, services: &[ServiceSpec]) {
        let _turn = self.0.changes.lock();
        let seq = self.0.services.load().seq + 1;
        self.0.set_services(LocalServices::new(services, seq));
    }
}

impl Inner {
    /// Whether there is a connection.
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    pub(super) fn set_services(&self, services: LocalServices) {
        self.services.store(Arc::new(services));
        self.register_self();
        self.send_info(None);
    }

    /// The node cannot go on.
    pub(super) fn fail(&self, reason: String) {
        tracing::error!("{reason}");
        self.state.send_replace(MeshState::Failed(reason));
        self.failed.cancel();
    }
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mesh")
            .field("node", &self.0.config.node_id)
            .field("state", &*self.0.state.borrow())
            .finish_non_exhaustive()
    }
}
