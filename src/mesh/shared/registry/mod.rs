//! Which nodes there are and what they offer.

mod index;
mod info;
mod node;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use index::{Endpoints, Index};
pub(crate) use info::{ClientInfo, NodeInfo, ServiceInfo};
pub(crate) use node::{Node, Service, Vitals};

use crate::mesh::node_id::NodeId;
use crate::mesh::release::CoreEvents;
use crate::telemetry::metrics::{self, RegistryCounts};

/// Who broadcasts what changes in a workspace: its cores, and in some the `hub`, which watches the database for them.
pub(crate) const BROADCASTING: [&str; 2] = [CORE_SERVICE, "hub"];

/// The service that tells which release a core is.
pub(crate) const CORE_SERVICE: &str = "meteor";

/// Nodes beyond this are not entered, and names of services beyond it not remembered: no workspace has them. (Each that is
/// entered builds the index anew, which takes an unoptimised test long.)
const MAX_NODES: usize = if cfg!(test) { 256 } else { 4096 };
/// How soon after a node has left its last INFO, which NATS brings on a subject of its own, may still come.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Registry {
    nodes: Mutex<Nodes>,
    index: ArcSwap<Index>,
    /// Kept when the last core leaves: a restart says nothing about the release.
    core: ArcSwap<CoreEvents>,
    version: watch::Sender<u64>,
    /// Counts the connections to the mesh.
    connection: AtomicU64,
}

#[derive(Default)]
struct Nodes {
    by_id: HashMap<NodeId, Node>,
    next_rank: u64,
    /// How often a node came, came back or was started again.
    runs: u64,
    /// Services that were here at some time: not found and not available are different answers.
    seen: HashSet<String>,
}

impl Nodes {
    fn offering(&self, service: &str) -> impl Iterator<Item = &Node> {
        let there = self.by_id.values().filter(|node| node.available);
        there.filter(move |node| {
            let mut services = node.services.iter();
            services.any(|offered| offered.full_name == service)
        })
    }
}

/// What an INFO changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    /// A node that was not known.
    New,
    /// A node that was gone.
    Back,
    /// The same node id, another process: what the former one owed will not come.
    Restarted,
    /// Other services.
    Updated,
    /// Nothing that matters.
    Same,
}

/// What to do about a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Known,
    /// Ask the node for its INFO.
    Discover,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Mutex::default(),
            index: ArcSwap::default(),
            core: ArcSwap::default(),
            version: watch::channel(0).0,
            connection: AtomicU64::new(0),
        }
    }

    pub(crate) fn index(&self) -> arc_swap::Guard<Arc<Index>> {
        self.index.load()
    }

    pub(crate) fn core(&self) -> arc_swap::Guard<Arc<CoreEvents>> {
        self.core.load()
    }

    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// A node, the own one included, told of itself.
    pub(crate) fn info(&self, id: &NodeId, info: &NodeInfo<'_>, local: bool) -> Joined {
        let mut nodes = self.nodes.lock();
        let seq = info.seq.unwrap_or(1);
        let is_full = nodes.by_id.len() >= MAX_NODES;
        let known = nodes.by_id.get_mut(id);
        let joined = match &known {
            None if is_full => {
                tracing::debug!(node = %id, "one node too many is left aside");
                return Joined::Same;
            }
            None => Joined::New,
            Some(node) if node.has_just_left(info, LAST_WORDS) => return Joined::Same,
            Some(node) if !node.available => Joined::Back,
            Some(node) if info.instance_id.as_deref().unwrap_or_default() != &**node.instance() => {
                Joined::Restarted
            }
            Some(node) if seq > node.seq => Joined::Updated,
            Some(_) => Joined::Same,
        };
        if joined == Joined::Same {
            if let Some(node) = known {
                self.told(node);
            }
            return joined;
        }
        let connection = self.connection.load(Relaxed);
        let (rank, met, run, cpu) = match known {
            Some(node) => (node.rank, node.met, node.run, node.vitals.cpu()),
            None => {
                nodes.next_rank += 1;
                (nodes.next_rank, connection, 0, None)
            }
        };
        let run = match joined {
            Joined::Updated => run,
            _ => {
                nodes.runs += 1;
                nodes.runs
            }
        };
        let mut node = Node::from_info(id.clone(), info, local, rank);
        (node.told, node.met, node.run) = (connection, met, run);
        if let Some(cpu) = cpu {
            node.vitals.set_cpu(cpu);
        }
        let left = MAX_NODES.saturating_sub(nodes.seen.len());
        let names = node.services.iter().map(|service| &service.full_name);
        let new: Vec<_> = names
            .filter(|name| !nodes.seen.contains(*name))
            .take(left)
            .cloned()
            .collect();
        nodes.seen.extend(new);
        nodes.by_id.insert(id.clone(), node);
        self.rebuild(&nodes);
        joined
    }

    /// A node lives, and may have told its CPU percent, and to which INFO that belongs: its `seq`, and its instance or the
    /// first characters of it.
    pub(crate) fn heartbeat(
        &self,
        id: &str,
        cpu: Option<f32>,
        seq: Option<u64>,
        instance: Option<&str>,
    ) -> Heard {
        let mut nodes = self.nodes.lock();
        let Some(node) = nodes.by_id.get_mut(id).filter(|node| node.available) else {
            return Heard::Discover;
        };
        let other_seq = seq.is_some_and(|seq| seq != node.seq);
        let other_instance = instance.is_some_and(|id| !node.instance().starts_with(id));
        if other_seq || other_instance {
            return Heard::Discover;
        }
        node.heard = Instant::now();
        if let Some(cpu) = cpu {
            node.vitals.set_cpu(cpu);
        }
        // What it told before an outage may be no longer so.
        match node.told == self.connection.load(Relaxed) {
            true => Heard::Known,
            false => Heard::Discover,
        }
    }

    /// A node answered, and offers what it did.
    pub(crate) fn heard(&self, id: &NodeId) {
        if let Some(node) = self.nodes.lock().by_id.get_mut(id) {
            self.told(node);
        }
    }

    fn told(&self, node: &mut Node) {
        node.heard = Instant::now();
        let connection = self.connection.load(Relaxed);
        if std::mem::replace(&mut node.told, connection) != connection {
            self.version.send_modify(|version| *version += 1);
        }
    }

    /// A connection was made: what nodes told before is from before.
    pub(crate) fn connected(&self) {
        self.connection.fetch_add(1, Relaxed);
    }

    /// Whether a node with this service has told of itself over the connection that stands.
    pub(crate) fn is_seen_again(&self, service: &str) -> bool {
        let connection = self.connection.load(Relaxed);
        let nodes = self.nodes.lock();
        let told = |node: &Node| node.vitals.local || node.told == connection;
        nodes.offering(service).any(told)
    }

    /// Who broadcasts, was known before the connection that stands, and has told of itself over it.
    pub(crate) fn all_seen_again(&self) -> HashSet<NodeId> {
        let connection = self.connection.load(Relaxed);
        let nodes = self.nodes.lock();
        let again = |node: &&Node| node.met < connection && node.told == connection;
        let all = BROADCASTING
            .iter()
            .flat_map(|service| nodes.offering(service));
        all.filter(again).map(|node| node.id().clone()).collect()
    }

    /// Whether this node is there and offers one of these services.
    pub(crate) fn offers_any(&self, id: &NodeId, services: &[&str]) -> bool {
        let nodes = self.nodes.lock();
        let node = nodes.by_id.get(id).filter(|node| node.available);
        node.is_some_and(|node| {
            let mut offered = node.services.iter();
            offered.any(|service| services.contains(&&*service.full_name))
        })
    }

    /// The [`Node::run`]s of those with this service, in order.
    pub(crate) fn runs_of(&self, service: &str) -> Vec<u64> {
        let nodes = self.nodes.lock();
        let mut runs: Vec<_> = nodes.offering(service).map(|node| node.run).collect();
        runs.sort_unstable();
        runs
    }

    /// Whether this node is known from before the connection that stands, and not yet of it.
    pub(crate) fn is_from_before(&self, id: &NodeId) -> bool {
        let nodes = self.nodes.lock();
        let node = nodes.by_id.get(id).filter(|node| node.available);
        node.is_some_and(|node| node.told != self.connection.load(Relaxed))
    }

    /// A node is gone. Tells whether it was there.
    pub(crate) fn disconnected(&self, id: &str) -> bool {
        let mut nodes = self.nodes.lock();
        let Some(node) = nodes
            .by_id
            .get_mut(id)
            .filter(|node| node.available && !node.vitals.local)
        else {
            return false;
        };
        node.available = false;
        node.offline_since = Some(Instant::now());
        node.services.clear();
        self.rebuild(&nodes);
        true
    }

    /// Other nodes that were silent for longer than `timeout`: still marked as available.
    pub(crate) fn silent(&self, timeout: Duration) -> Vec<NodeId> {
        let nodes = self.nodes.lock();
        let now = Instant::now();
        let silent = nodes
            .by_id
            .values()
            .filter(|n| n.available && !n.vitals.local && now.duration_since(n.heard) > timeout);
        silent.map(|node| node.id().clone()).collect()
    }

    /// Nobody could be heard until now: silence counts from here.
    pub(crate) fn give_time(&self) {
        let now = Instant::now();
        self.nodes
            .lock()
            .by_id
            .values_mut()
            .for_each(|node| node.heard = now);
    }

    /// Drops nodes that have been offline for so long.
    pub(crate) fn forget(&self, after: Duration) {
        let mut nodes = self.nodes.lock();
        let before = nodes.by_id.len();
        nodes.by_id.retain(|_, node| {
            node.offline_since
                .is_none_or(|since| since.elapsed() <= after)
        });
        if nodes.by_id.len() != before {
            self.rebuild(&nodes);
        }
    }

    /// The own node's CPU, which no packet tells.
    pub(crate) fn set_own_cpu(&self, own: &NodeId, cpu: u8) {
        if let Some(node) = self.nodes.lock().by_id.get(own) {
            node.vitals.set_cpu(cpu.into());
        }
    }

    /// Whether the service was ever offered.
    pub(crate) fn has_seen(&self, service: &str) -> bool {
        self.nodes.lock().seen.contains(service)
    }

    /// Reads all nodes in the order in which they were met.
    pub(crate) fn with_nodes<T>(&self, read: impl FnOnce(&[&Node]) -> T) -> T {
        let nodes = self.nodes.lock();
        let mut all: Vec<&Node> = nodes.by_id.values().collect();
        all.sort_by_key(|node| node.rank);
        read(&all)
    }

    fn rebuild(&self, nodes: &Nodes) {
        let index = Index::build(nodes.by_id.values(), &self.index.load());
        let cores: Vec<_> = nodes
            .by_id
            .values()
            .filter(|node| node.available)
            .filter_map(|node| node.events_of(CORE_SERVICE))
            .collect();
        if !cores.is_empty() {
            self.core.store(Arc::new(CoreEvents::new(cores)));
        }
        observe(nodes, &index);
        self.index.store(Arc::new(index));
        self.version.send_modify(|version| *version += 1);
    }
}

fn observe(nodes: &Nodes, index: &Index) {
    if metrics::enabled() {
        metrics::registry(RegistryCounts {
            nodes: nodes.by_id.len(),
            online: nodes.by_id.values().filter(|node| node.available).count(),
            services: index.services().count(),
            actions: index.actions().count(),
            events: index.all_listeners().count(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(registry: &Registry, id: &str, services: &[String]) -> Joined {
        let services: Vec<_> = services
            .iter()
            .map(|name| serde_json::json!({"name": name, "fullName": name}))
            .collect();
        let services = serde_json::json!(services).to_string();
        let info = NodeInfo {
            services: serde_json::from_str(&services).unwrap(),
            instance_id: Some(id.to_owned()),
            ..NodeInfo::default()
        };
        registry.info(&NodeId::new(id).unwrap(), &info, false)
    }

    #[test]
    fn what_nodes_make_up_is_bounded() {
        let registry = Registry::new();
        let names: Vec<_> = (0..=MAX_NODES).map(|n| format!("s{n}")).collect();
        assert_eq!(tell(&registry, "a", &names), Joined::New);
        assert!(registry.has_seen("s0"));
        assert!(!registry.has_seen(&names[MAX_NODES]));
        for n in 1..MAX_NODES {
            assert_eq!(tell(&registry, &format!("n{n}"), &[]), Joined::New);
        }
        assert_eq!(tell(&registry, "one-more", &[]), Joined::Same);
        assert_eq!(registry.with_nodes(|nodes| nodes.len()), MAX_NODES);
        assert!(registry.disconnected("n1"));
        registry.forget(Duration::ZERO);
        assert_eq!(tell(&registry, "one-more", &[]), Joined::New);
    }
}
