//! The nodes: everybody is asked, and those that only beat are heard as well.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_nats::{Client, Message, SubscribeError, Subscriber};
use futures_util::StreamExt;
use futures_util::stream::{SelectAll, select_all};
use serde_json::value::RawValue;
use tokio::time::{Instant, interval, timeout};
use uuid::Uuid;

use super::clock::now_ms;
use super::packet::{self, PROTOCOL_5, Packet, PongPacket, ReadError};
use super::subject::Subjects;
use crate::mesh::config::MeshConfig;
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::registry::Registry;
use crate::mesh::survey::{NodeSeen, Survey};

/// Nodes answer within milliseconds; a busy one within this.
const SHORT: Duration = Duration::from_secs(1);
/// When something is missing, a very busy node is given this.
const LONGER: Duration = Duration::from_secs(3);
/// When nobody is heard: a heartbeat comes every 10 s, give or take half of one, and tells of nodes that speak otherwise.
const LONGEST: Duration = Duration::from_secs(11);
/// Between pings, and between looks at whether it is enough.
const TURN: Duration = Duration::from_millis(250);
/// Pings in all: the quickest answer tells the clock best.
const PINGS: usize = 3;
/// Handing the last packets over.
const FLUSH: Duration = Duration::from_millis(500);
/// What subjects of a mesh without namespace begin with, and the start of it in one with.
const PREFIX: &str = "MOL";
/// Of how many parts the prefixes of other namespaces are that are heard: a `*` stands for one part only.
const DEPTHS: usize = 3;

struct Look<'a> {
    config: &'a MeshConfig,
    own: &'a NodeId,
    subjects: Subjects,
    registry: Registry,
    /// When each ping went, on the runtime's clock and on the host's.
    pings: HashMap<String, (Instant, i64)>,
    clocks: HashMap<NodeId, (Duration, i64)>,
    beating: BTreeSet<NodeId>,
    unreadable: usize,
    of_protocol_5: usize,
    strangers: BTreeSet<String>,
}

/// Asks who is there over this client, and waits as long as it makes sense since `since`.
pub(crate) async fn look(
    config: &MeshConfig,
    own: &NodeId,
    client: &Client,
    since: Instant,
    enough: &impl Fn(&BTreeSet<String>) -> bool,
    found: &mut Survey,
) {
    let mut look = Look {
        config,
        own,
        subjects: Subjects::new(&config.node.namespace),
        registry: Registry::new(),
        pings: HashMap::new(),
        clocks: HashMap::new(),
        beating: BTreeSet::new(),
        unreadable: 0,
        of_protocol_5: 0,
        strangers: BTreeSet::new(),
    };
    let began = Instant::now();
    if let Ok(mut heard) = look.listen(client).await {
        look.publish(client, PacketKind::Discover, packet::bare(own))
            .await;
        let mut turns = interval(TURN);
        loop {
            tokio::select! {
                message = heard.next() => match message {
                    Some(message) => look.take(message),
                    None => break,
                },
                _ = turns.tick() => {
                    if look.pings.len() < PINGS {
                        look.ping(client).await;
                    }
                    if look.is_over(began, since, enough) {
                        break;
                    }
                }
            }
        }
    }
    let _the_end_anyway = timeout(FLUSH, client.flush()).await;
    look.tell(found);
}

/// The namespace whose subjects begin with this token; `None` when it is not Moleculer's.
fn namespace(prefix: &str) -> Option<&str> {
    match prefix.strip_prefix(PREFIX)? {
        "" => Some(""),
        rest => rest.strip_prefix('-'),
    }
}

impl Look<'_> {
    async fn listen(&self, client: &Client) -> Result<SelectAll<Subscriber>, SubscribeError> {
        let own = |kind| self.subjects.node(kind, self.own);
        let mut subjects = vec![
            own(PacketKind::Info),
            own(PacketKind::Pong),
            self.subjects.all(PacketKind::Info),
        ];
        // Of every namespace.
        let beat = PacketKind::Heartbeat.name();
        subjects.extend((1..=DEPTHS).map(|depth| format!("{}{beat}", "*.".repeat(depth))));
        if self.subjects.prefix().split('.').count() > DEPTHS {
            subjects.push(self.subjects.all(PacketKind::Heartbeat));
        }
        let mut heard = Vec::new();
        for subject in subjects {
            heard.push(client.subscribe(subject).await?);
        }
        Ok(select_all(heard))
    }

    async fn publish(&self, client: &Client, kind: PacketKind, json: Vec<u8>) {
        if let Ok(payload) = self.config.node.serializer.encode(kind, json) {
            let _gone_with_the_connection = client.publish(self.subjects.all(kind), payload).await;
        }
    }

    async fn ping(&mut self, client: &Client) {
        let (id, now) = (Uuid::new_v4().to_string(), now_ms());
        let ping = packet::ping(self.own, now, &id);
        self.pings.insert(id, (Instant::now(), now));
        self.publish(client, PacketKind::Ping, ping).await;
    }

    fn take(&mut self, message: Message) {
        let own = self.subjects.prefix();
        // The own prefix may be the start of a stranger's: only a beat's subject tells where the prefix ends.
        let beat = message.subject.rsplit_once('.');
        let beat = beat.filter(|(_, name)| *name == PacketKind::Heartbeat.name());
        if let Some((prefix, _)) = beat.filter(|(prefix, _)| *prefix != own) {
            self.strangers.extend(namespace(prefix).map(str::to_owned));
            return;
        }
        let rest = message.subject.strip_prefix(own);
        let name = rest.and_then(|rest| rest.strip_prefix('.')?.split('.').next());
        let Some(kind) = PacketKind::ALL
            .into_iter()
            .find(|kind| Some(kind.name()) == name)
        else {
            return;
        };
        let Ok(json) = self.config.node.serializer.decode(kind, message.payload) else {
            self.unreadable += 1;
            return;
        };
        let packet = match Packet::read(kind, &json, self.config.node.protocols) {
            Ok(packet) => packet,
            Err(ReadError::Version(version)) if version == PROTOCOL_5 => {
                self.of_protocol_5 += 1;
                return;
            }
            Err(_) => {
                self.unreadable += 1;
                return;
            }
        };
        let Ok(sender) = NodeId::new(packet.sender()) else {
            self.unreadable += 1;
            return;
        };
        match packet {
            Packet::Info(info) => {
                self.registry.info(&sender, &info.into_node(), false);
            }
            Packet::Pong(pong) => self.ponged(sender, &pong),
            Packet::Heartbeat(_) => {
                self.beating.insert(sender);
            }
            _ => {}
        }
    }

    fn ponged(&mut self, sender: NodeId, pong: &PongPacket<'_>) {
        let Some((sent, sent_ms)) = pong.id.as_deref().and_then(|id| self.pings.get(id)) else {
            return;
        };
        let arrived = pong
            .arrived
            .map(RawValue::get)
            .and_then(|text| text.parse::<f64>().ok());
        let Some(arrived) = arrived else { return };
        let took = sent.elapsed();
        // Half of the way is to there; the error is at most the other half.
        let ahead = arrived - *sent_ms as f64 - took.as_secs_f64() * 500.0;
        if self
            .clocks
            .get(&sender)
            .is_none_or(|(best, _)| took < *best)
        {
            self.clocks.insert(sender, (took, ahead.round() as i64));
        }
    }

    fn services(&self) -> BTreeSet<String> {
        self.registry
            .index()
            .services()
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// `began` is when they were asked; the longest wait counts from the beginning of the whole.
    fn is_over(
        &self,
        began: Instant,
        since: Instant,
        enough: &impl Fn(&BTreeSet<String>) -> bool,
    ) -> bool {
        let services = self.services();
        let anybody = !self.registry.with_nodes(|nodes| nodes.is_empty())
            || !self.strangers.is_empty()
            || !self.beating.is_empty()
            || self.unreadable + self.of_protocol_5 > 0;
        let waited = began.elapsed();
        waited >= SHORT && enough(&services)
            || waited >= LONGER && anybody
            || since.elapsed() >= LONGEST
    }

    fn tell(self, found: &mut Survey) {
        found.release = self.registry.core().release();
        found.nodes = self.registry.with_nodes(|nodes| {
            let seen = nodes.iter().map(|node| {
                let names = node
                    .services
                    .iter()
                    .map(|service| service.full_name.clone());
                let mut services: Vec<_> = names.filter(|name| !name.starts_with('$')).collect();
                services.sort();
                let clock = self.clocks.get(node.id()).copied();
                let client = [&node.client.type_, &node.client.version];
                let client: Vec<_> = client.into_iter().flatten().cloned().collect();
                NodeSeen {
                    id: node.id().clone(),
                    hostname: node.vitals.hostname.clone(),
                    client: client.join(" "),
                    services,
                    round_trip: clock.map(|(took, _)| took),
                    ahead_ms: clock.map(|(_, ahead)| ahead),
                }
            });
            seen.collect()
        });
        found.nodes.sort_by(|a, b| a.id.cmp(&b.id));
        let told: BTreeSet<_> = found.nodes.iter().map(|node| node.id.clone()).collect();
        found.mute = self.beating.difference(&told).cloned().collect();
        found.unreadable = self.unreadable;
        found.of_protocol_5 = self.of_protocol_5;
        found.strangers = self.strangers;
    }
}
