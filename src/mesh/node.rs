//! The node, as other rooms hold it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::broker::Broker;
use super::call::{Call, Traced};
use super::config::MeshConfig;
use super::error::{CallError, MeshError};
use super::event::EventListener;
use super::node_id::NodeId;
use super::release::{Listed, Release};
use super::service::ServiceSpec;
use super::shared::calls;
use super::shared::local_node::LocalNode;
use super::snapshot::{MeshState, MeshStats, NodeSnapshot};
use crate::telemetry::{metrics, traces};

/// Leaving takes as long as two packets need to be written, or this long with a server that does not read.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A node of the mesh. Clones are the same node.
#[derive(Clone)]
pub struct Mesh(pub(super) Broker);

impl Mesh {
    /// Builds a node. Nothing is connected, started or sent before [`run`](Self::run).
    pub fn new(
        config: MeshConfig,
        services: Vec<ServiceSpec>,
        listener: Arc<dyn EventListener>,
    ) -> Result<Self, MeshError> {
        Broker::new(config, &services, listener).map(Self)
    }

    /// Starts the node's tasks. It joins as soon as the transport is there, for ever trying; cancelling the token stops
    /// it without a word to the others (see [`leave`](Self::leave)).
    pub fn run(&self, tracker: &TaskTracker, token: &CancellationToken) -> Result<(), MeshError> {
        let token = token.child_token();
        self.local()
            .running
            .set(token.clone())
            .map_err(|_| MeshError::AlreadyRunning)?;
        self.0.run(tracker, &token);
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
        self.local().leaving.cancel();
        let Some(token) = self.local().running.get() else {
            return;
        };
        let mut state = self.local().state.subscribe();
        let left = state.wait_for(|state| matches!(state, MeshState::Left | MeshState::Failed(_)));
        if tokio::time::timeout(LEAVE_TIMEOUT, left).await.is_err() {
            tracing::warn!("the mesh was left without a word: the transport does not take it");
        }
        token.cancel();
    }

    /// The own name.
    pub fn node_id(&self) -> &NodeId {
        &self.local().config.node_id
    }

    /// Which run of this node id this is: a UUID.
    pub fn instance_id(&self) -> &str {
        &self.local().instance_id
    }

    /// Where the node stands, and every change of it.
    pub fn state(&self) -> watch::Receiver<MeshState> {
        self.local().state.subscribe()
    }

    /// A number that changes whenever nodes or services change, or are there again after an outage: time to read
    /// [`release`](Self::release) and [`offers`](Self::offers) again.
    pub fn topology(&self) -> watch::Receiver<u64> {
        self.local().registry.versions()
    }

    /// A number that changes when events were lost in this process, which did not keep up, and the listener has heard all
    /// others: time to ask for what those would have told.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.local().losses.subscribe()
    }

    /// Whether some node offers the action.
    pub fn offers(&self, action: &str) -> bool {
        self.local().registry.index().action(action).is_some()
    }

    /// Whether some node has the service, by its full name.
    pub fn has_service(&self, service: &str) -> bool {
        !self.local().registry.index().nodes_of(service).is_empty()
    }

    /// The nodes that have the service, in the order in which they were met.
    pub fn nodes_of(&self, service: &str) -> Vec<NodeId> {
        self.local().registry.index().nodes_of(service).to_vec()
    }

    /// A number for each node that has the service: another one once the node is gone and comes back, or is started again
    /// under its name.
    pub fn runs_of(&self, service: &str) -> Vec<u64> {
        self.local().registry.runs_of(service)
    }

    /// All services but Moleculer's own (`$…`) with the nodes that have them, by name.
    pub fn services(&self) -> Vec<(String, Vec<NodeId>)> {
        let index = self.local().registry.index();
        let public = index.services().filter(|(name, _)| !name.starts_with('$'));
        let mut services: Vec<_> = public
            .map(|(name, nodes)| (name.clone(), nodes.clone()))
            .collect();
        services.sort();
        services
    }

    /// Which release the cores are. What was last seen stays when the last core leaves. Who speaks with the plain broker
    /// is 8.x.
    pub fn release(&self) -> Release {
        self.0.release()
    }

    /// Whether the cores' `meteor` services listen to an event. The plain broker does not tell: there they listen to
    /// what an 8.x core listens to.
    pub fn meteor_events(&self, event: &str) -> Listed {
        self.0.core_listens(event)
    }

    /// The other nodes that list an event; `None` with the plain broker, which does not tell.
    pub fn listeners(&self, event: &str) -> Option<Vec<NodeId>> {
        self.0.listeners(event)
    }

    /// All nodes, gone ones included until they are forgotten.
    pub fn nodes(&self) -> Vec<NodeSnapshot> {
        let now = Instant::now();
        self.local().registry.with_nodes(|nodes| {
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

    /// Bytes that may wait: of events to be handled, and of packets to be sent.
    pub fn queue_limits(&self) -> (usize, usize) {
        let config = &self.local().config;
        (config.event_queue_bytes, config.outbox_bytes)
    }

    /// Waits until next to nothing waits to be sent: for whoever sends much, and would keep others out.
    pub async fn has_room(&self) {
        self.local().outbox.has_room().await;
    }

    /// The counters at this moment.
    pub fn stats(&self) -> MeshStats {
        MeshStats {
            queued_event_bytes: self.local().inbox.bytes(),
            outbox_bytes: self.local().outbox.bytes(),
            pending_calls: self.local().pending.len(),
            ..self.local().stats.snapshot()
        }
    }

    /// Sends an event to every node that listens to it, and to the own listener when an own service lists it. `args`
    /// is the JSON array of the listeners' arguments. While the transport is away the event is lost, and counted.
    pub fn broadcast(&self, event: &str, args: &str) {
        self.0.broadcast(event, args, None, true);
    }

    /// The same, with what travels beside the arguments: a JSON object, `{"optl":{…}}`. The plain
    /// broker carries the arguments only.
    pub fn broadcast_with_meta(&self, event: &str, args: &str, meta: &str) {
        self.0.broadcast(event, args, Some(meta), true);
    }

    /// The same, but never to the own listener: for what was acted upon here already.
    pub fn broadcast_to_others(&self, event: &str, args: &str) {
        self.0.broadcast(event, args, None, false);
    }

    /// Sends a balanced event: to one node of each group (a service's name) that lists it, and to the own listener where
    /// that is this node. Where nobody lists it nothing is sent. With the plain broker NATS picks the nodes, and nobody can
    /// tell whether there are any.
    pub fn emit(&self, event: &str, args: &str) {
        self.0.emit(event, args);
    }

    /// Calls an action and waits for its result; `None` is Moleculer's undefined, `null` is a value.
    ///
    /// Dropping the future gives the call up. A service that nobody offers is waited for, once for all callers; a
    /// repeatable call is retried as configured. With the plain broker a call that reaches nobody is sent again for some
    /// four seconds, and nothing else is.
    pub async fn call(&self, call: Call<'_>) -> Result<Option<Box<RawValue>>, CallError> {
        let started = metrics::arrived();
        let span = traces::call(call.action, self.0.system());
        let traced = span.map(Traced::new);
        let call = Call {
            traced: traced.as_ref(),
            ..call
        };
        let result = self.0.call(&call).await;
        if let Some(started) = started {
            calls::observe(&call, &result, started.elapsed());
        }
        if let Some(traced) = traced {
            traced.end(result.as_ref().err().map(calls::error_type).as_deref());
        }
        result
    }

    /// Offers other services from now on and tells the others. NATS's queue groups, which only nodes without Moleculer's
    /// balancer send to, follow with the next connection.
    pub fn set_services(&self, services: &[ServiceSpec]) {
        let _turn = self.local().changes.lock();
        let seq = self.local().services.load().seq + 1;
        self.0.set_services(services, seq);
    }

    /// Waits until a node that has the service has told of itself over the connection that stands: after an outage, until
    /// the service is there again, however long. What is known of it till then is from before.
    pub async fn seen_again(&self, service: &str) {
        let mut versions = self.topology();
        loop {
            versions.borrow_and_update();
            if self.local().is_up() && self.local().registry.is_seen_again(service) {
                return;
            }
            if versions.changed().await.is_err() {
                // The node is gone.
                return std::future::pending().await;
            }
        }
    }

    /// Who broadcasts what changes, was known before the connection that stands, and has told of itself over it.
    pub fn all_seen_again(&self) -> HashSet<NodeId> {
        self.local().registry.all_seen_again()
    }

    /// Waits until one more of them did than these, which it adds.
    pub async fn another_seen_again(&self, seen: &mut HashSet<NodeId>) {
        let mut versions = self.topology();
        let before = seen.len();
        loop {
            versions.borrow_and_update();
            seen.extend(self.all_seen_again());
            if seen.len() > before {
                return;
            }
            if versions.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Looks who is there now, where the others do not tell by themselves: the plain broker is asked, which takes a
    /// second at most. With Moleculer what is known is fresh.
    pub async fn look_around(&self) {
        self.0.look_around().await;
    }

    fn local(&self) -> &LocalNode {
        self.0.local()
    }
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mesh")
            .field("node", &self.local().config.node_id)
            .field("state", &*self.local().state.borrow())
            .finish_non_exhaustive()
    }
}
