//! Who is there and what they offer. Nobody says it by himself: all are asked, again and again.
//!
//! A round is one `$SRV.PING`, which every instance of every service answers. The methods of an instance are asked for
//! when it is met, and once in each round until it tells them. One that does not answer is asked by its own subject: the
//! server says at once when nobody listens there any more, and it is gone; one that is only slow stays until its silence
//! is too long.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use bytes::Bytes;
use rand::Rng;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::answer::is_unreached;
use super::instances::{Instance, Known};
use super::node::PlainNode;
use super::subject::{self, is_token};
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::json::Keyed;
use crate::mesh::shared::outgoing::{Asks, Outgoing};
use crate::mesh::shared::registry::{CORE_SERVICE, ClientInfo, Joined, NodeInfo, ServiceInfo};

/// A round takes at most this long, as in Rocket.Chat's own.
const ROUND: Duration = Duration::from_secs(1);
/// Nothing came for so long: everybody has answered.
const QUIET: Duration = Duration::from_millis(300);
/// The server's word on an instance that did not answer comes faster than that.
const VERDICT: Duration = Duration::from_millis(250);
/// Between two rounds while there is no core, or when somebody called what is not there.
const SOON: Duration = Duration::from_secs(1);
/// Instances that are remembered: a large workspace has some hundred.
const MAX_INSTANCES: usize = 4096;

/// Where the answers of a round come.
const ALL: &str = "all";
/// Where what is asked of one instance is answered, before its id.
const ONE: &str = "i-";

/// An answer, of PING or, with endpoints, of INFO.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    metadata: Option<Keyed<Metadata<'a>>>,
    #[serde(borrow)]
    endpoints: Option<Vec<Keyed<Endpoint<'a>>>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(rename = "rocketchat-node-id", borrow)]
    node: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Endpoint<'a> {
    #[serde(borrow)]
    subject: Cow<'a, str>,
}

impl Told<'_> {
    /// The node it is on. Services that are not Rocket.Chat's have nothing to do with us; what is told becomes part of
    /// subjects.
    fn node(&self) -> Option<NodeId> {
        let Keyed(metadata) = self.metadata.as_ref()?;
        let node = metadata.node.as_deref().filter(|node| is_token(node))?;
        let named = is_token(&self.name) && is_token(&self.id);
        NodeId::new(node).ok().filter(|_| named)
    }
}

/// Keeps asking while there is a connection.
pub(super) async fn keep(node: Arc<PlainNode>, over: CancellationToken) {
    let rounds = async {
        loop {
            node.look_around().await;
            sleep(SOON).await;
            if node.registry.index().nodes_of(CORE_SERVICE).is_empty() {
                continue;
            }
            let pause = (node.config.node.heartbeat_interval / 2).saturating_sub(SOON);
            let jitter = rand::rng().random_range(0.8..1.2);
            let _ = timeout(pause.mul_f64(jitter), node.instances.wanted.notified()).await;
        }
    };
    let _ = over.run_until_cancelled(rounds).await;
}

impl PlainNode {
    /// One round. What it finds stands in the registry when it is over.
    pub(crate) async fn look_around(&self) {
        if !self.is_up() {
            return;
        }
        let started = Instant::now();
        self.ask("$SRV.PING".to_owned(), ALL.to_owned(), PacketKind::Ping);
        let quiet = async {
            while timeout(QUIET, self.instances.answered.notified())
                .await
                .is_ok()
            {}
        };
        let _ = timeout(ROUND, quiet).await;
        for (id, name) in self.instances.unheard(started) {
            self.ask_one("PING", &name, &id);
        }
        let verdict = async {
            loop {
                let answered = self.instances.answered.notified();
                if self.instances.unheard(started).is_empty() {
                    break;
                }
                answered.await;
            }
        };
        let _ = timeout(VERDICT, verdict).await;
        let long_ago = Instant::now().checked_sub(self.config.node.heartbeat_timeout);
        // Who cannot hear anybody does not bury anybody.
        if let Some(long_ago) = long_ago.filter(|_| self.is_up()) {
            for (id, name) in self.instances.unheard(long_ago) {
                tracing::warn!(service = name, id, "a service fell silent");
                self.gone(&id);
            }
        }
        let mut known = self.instances.known.lock();
        for node in std::mem::take(&mut known.changed) {
            self.enter(&mut known, &node);
        }
        drop(known);
        self.registry.forget(self.config.forget_after);
    }

    /// An answer of somebody, or the server's word that nobody is there.
    pub(super) fn told(&self, token: &str, message: &Message) {
        let one = token.strip_prefix(ONE);
        if is_unreached(message) {
            if let Some(id) = one {
                self.gone(id);
            }
        } else {
            match serde_json::from_slice::<Keyed<Told<'_>>>(&message.payload) {
                Ok(Keyed(told)) => self.learn(&told, one.is_none()),
                Err(error) => self.malformed(PacketKind::Pong, &error),
            }
        }
        self.instances.answered.notify_waiters();
    }

    /// What an answer tells; `to_all`: to the question that all are asked.
    fn learn(&self, told: &Told<'_>, to_all: bool) {
        let kind = if told.endpoints.is_some() {
            PacketKind::Info
        } else {
            PacketKind::Pong
        };
        self.stats.received(kind);
        let Some(node) = told.node() else { return };
        if node == self.config.node_id {
            // Rocket.Chat's own bear it, so it does not end this node as it does with Moleculer.
            self.namesakes.log(|left_out| {
                tracing::warn!(%node, service = %told.name, left_out, "another process has this node id: its services are not seen; NODE_ID must be unique");
            });
            return;
        }
        let mut known = self.instances.known.lock();
        let known = &mut *known;
        if !self.meets(known, told, &node) {
            return;
        }
        let instance = known
            .instances
            .entry(told.id.clone().into_owned())
            .or_insert_with(|| Instance {
                name: told.name.clone().into_owned(),
                node: node.clone(),
                heard: Instant::now(),
                actions: None,
            });
        instance.heard = Instant::now();
        self.registry.heard(&node);
        match (&told.endpoints, &instance.actions) {
            (Some(endpoints), None) => {
                instance.actions = Some(actions(&told.name, endpoints));
                known.changed.insert(node.clone());
                // All services of a node are met at once: they are entered at once.
                let complete = known
                    .instances
                    .values()
                    .all(|instance| instance.node != node || instance.actions.is_some());
                if complete {
                    self.enter(known, &node);
                }
            }
            // Whoever answers that question without its methods is not asked again before the next round.
            (None, None) if to_all => self.ask_one("INFO", &told.name, &told.id),
            (None, None) | (_, Some(_)) => {}
        }
    }

    /// Whether an answer counts: of an instance that is known, or of one more.
    fn meets(&self, known: &Known, told: &Told<'_>, node: &NodeId) -> bool {
        if let Some(instance) = known.instances.get(&*told.id) {
            // An id is one service's, on one node: who tells otherwise is not believed.
            return instance.name == told.name && instance.node == *node;
        }
        if known.instances.len() >= MAX_INSTANCES {
            return false;
        }
        // Another run of the same service on the same node: is the former one over?
        for (id, instance) in &known.instances {
            if instance.node == *node && instance.name == told.name {
                self.ask_one("PING", &instance.name, id);
            }
        }
        true
    }

    /// An instance is no more.
    fn gone(&self, id: &str) {
        let mut known = self.instances.known.lock();
        let Some(gone) = known.instances.remove(id) else {
            return;
        };
        tracing::debug!(service = gone.name, node = %gone.node, id, "a service is gone");
        let again = known
            .instances
            .values()
            .any(|instance| instance.node == gone.node && instance.name == gone.name);
        if again {
            // The node was started again under its name: what the former process owed will not come.
            self.node_gone(&gone.node, true);
        }
        self.enter(&mut known, &gone.node);
    }

    /// Enters what is known of a node into the registry.
    fn enter(&self, known: &mut Known, node: &NodeId) {
        known.changed.remove(node);
        let mut services: BTreeMap<&str, BTreeMap<Cow<'_, str>, &RawValue>> = BTreeMap::new();
        for instance in known
            .instances
            .values()
            .filter(|instance| instance.node == *node)
        {
            let Some(actions) = &instance.actions else {
                continue;
            };
            let all = services.entry(&instance.name).or_default();
            all.extend(
                actions
                    .iter()
                    .map(|action| (Cow::from(action), RawValue::NULL)),
            );
        }
        if services.is_empty() {
            return self.node_gone(node, true);
        }
        known.seq += 1;
        let info = NodeInfo {
            services: services
                .into_iter()
                .map(|(name, actions)| service(name, actions))
                .collect(),
            seq: Some(known.seq),
            client: ClientInfo {
                type_: Some("nats-micro".to_owned()),
                ..ClientInfo::default()
            },
            ..NodeInfo::default()
        };
        let joined = self.registry.info(node, &info, false);
        if joined != Joined::Same {
            self.node_told(node, &info, joined);
        }
    }

    fn ask_one(&self, verb: &str, name: &str, id: &str) {
        let kind = if verb == "INFO" {
            PacketKind::Discover
        } else {
            PacketKind::Ping
        };
        self.ask(
            format!("$SRV.{verb}.{name}.{id}"),
            format!("{ONE}{id}"),
            kind,
        );
    }

    fn ask(&self, subject: String, answer: String, kind: PacketKind) {
        // A question that is not sent is asked again in the next round.
        let _ = self.send(Outgoing {
            asks: Some(Asks::Around(answer)),
            ..Outgoing::new(kind, subject, Bytes::new())
        });
    }
}

/// The methods that any node may call, of the subjects that a service listens to.
fn actions(service: &str, endpoints: &[Keyed<Endpoint<'_>>]) -> Vec<String> {
    let prefix = subject::call(service, None).unwrap_or_default();
    let action = |Keyed(endpoint): &Keyed<Endpoint<'_>>| {
        let method = endpoint.subject.strip_prefix(&prefix)?.strip_prefix('.')?;
        Some(format!("{service}.{method}"))
    };
    endpoints.iter().filter_map(action).collect()
}

fn service<'a>(name: &'a str, actions: BTreeMap<Cow<'a, str>, &'a RawValue>) -> ServiceInfo<'a> {
    ServiceInfo {
        name: name.into(),
        full_name: Some(name.into()),
        version: None,
        settings: None,
        metadata: None,
        actions: Some(actions),
        events: None,
    }
}
