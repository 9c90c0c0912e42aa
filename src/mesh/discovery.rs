//! Knowing who is there: INFO, heartbeats, pings, and what a packet of each kind leads to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::base::Base;
use super::calls::Reply;
use super::config::Strategy;
use super::host::CpuMeter;
use super::moleculer::MoleculerNode;
use super::node_id::{NodeId, is_subject_rest};
use super::packet::{
    self, InfoOut, InfoPacket, Packet, PacketKind, PingPacket, PongPacket, ReadError,
    ResponsePacket,
};
use super::publish::PublishError;
use super::registry::{Heard, Joined};
use super::remote_error::RemoteError;
use crate::telemetry::metrics;

/// Heartbeats of nodes that started together drift apart by up to this much either way.
const HEARTBEAT_JITTER: Duration = Duration::from_millis(500);
/// With the Latency strategy each host is pinged so often, as Moleculer does.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Pings that wait for their answers; older ones are given up.
const MAX_PINGS: usize = 1024;

/// Round trips under way.
#[derive(Default)]
pub(super) struct Pings(Mutex<HashMap<String, Instant>>);

impl Pings {
    fn start(&self) -> String {
        let id = Uuid::new_v4().to_string();
        let mut pings = self.0.lock();
        if pings.len() >= MAX_PINGS {
            pings.clear();
        }
        pings.insert(id.clone(), Instant::now());
        id
    }

    /// A ping to all is answered by all.
    fn started(&self, id: &str) -> Option<Instant> {
        self.0.lock().get(id).copied()
    }

    fn forget_before(&self, time: Instant) {
        self.0.lock().retain(|_, started| *started >= time);
    }
}

pub(super) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| {
            i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
        })
}

/// Says that this node lives and looks for those that do not. Runs while there is a connection: who cannot hear anybody
/// must not conclude that all are gone.
pub(super) async fn beat(inner: Arc<MoleculerNode>, over: CancellationToken) {
    let (every, timeout) = (
        inner.config.heartbeat_interval,
        inner.config.heartbeat_timeout,
    );
    let jitter = HEARTBEAT_JITTER.min(every / 4).as_secs_f64();
    let every = (every.as_secs_f64() + rand::rng().random_range(-jitter..=jitter)).max(0.05);
    let mut beat = interval(Duration::from_secs_f64(every));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut check =
        interval((timeout / 10).clamp(Duration::from_millis(50), Duration::from_secs(1)));
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ping = interval(PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut meter = CpuMeter::new();
    let mut checked = Instant::now();
    let mut first_ping = true;
    beat.tick().await;
    loop {
        tokio::select! {
            biased;
            () = over.cancelled() => return,
            _ = beat.tick() => {
                let cpu = meter.percent();
                inner.registry.set_own_cpu(&inner.config.node_id, cpu);
                let _ = inner.publish(PacketKind::Heartbeat, None, packet::heartbeat(&inner.config.node_id, cpu));
            }
            now = check.tick() => {
                // This process itself was stopped or starved: others' heartbeats still wait to be read.
                if now.duration_since(checked) > timeout / 2 {
                    inner.registry.give_time();
                }
                checked = now;
                for node in inner.registry.silent(timeout) {
                    tracing::warn!(%node, "a node fell silent");
                    inner.node_gone(&node, true);
                }
                inner.registry.forget(inner.config.forget_after);
            }
            _ = ping.tick(), if inner.config.balance == Strategy::Latency => {
                inner.ping_hosts(std::mem::take(&mut first_ping));
            }
        }
    }
}

impl MoleculerNode {
    /// One packet that is not an event.
    pub(super) fn handle(
        self: &Arc<Self>,
        kind: PacketKind,
        payload: Bytes,
        tracker: &TaskTracker,
        alive: &CancellationToken,
    ) {
        let json = match self.config.serializer.decode(kind, payload) {
            Ok(json) => json,
            Err(error) => return self.malformed(kind, &error),
        };
        let packet = match Packet::read(kind, &json) {
            Ok(packet) => packet,
            Err(ReadError::Version(version)) => return self.foreign_version(kind, &version),
            Err(error) => return self.malformed(kind, &error),
        };
        // By far the most of them; nothing is said to its sender.
        if let Packet::Response(response) = &packet
            && is_subject_rest(&response.sender)
        {
            return self.response(response);
        }
        // The sender becomes part of subjects: it must be able to.
        let sender = match NodeId::new(packet.sender()) {
            Ok(sender) => sender,
            Err(error) => return self.malformed(kind, &error),
        };
        let own = sender == self.config.node_id;
        match packet {
            Packet::Request(request) => self.request(&sender, &request, tracker, alive),
            Packet::Response(_) | Packet::Event(_) => {}
            Packet::Info(info) if own => self.own_info(&info),
            _ if own => {}
            Packet::Info(info) => self.info(&sender, &info),
            Packet::Discover(_) => self.send_info(Some(&sender)),
            Packet::Heartbeat(heartbeat) => {
                if self.registry.heartbeat(sender.as_str(), &heartbeat) == Heard::Discover {
                    let _ = self.publish(
                        PacketKind::Discover,
                        Some(&sender),
                        packet::bare(&self.config.node_id),
                    );
                }
            }
            Packet::Disconnect(_) => self.node_gone(&sender, false),
            Packet::Ping(ping) => self.pong(&sender, &ping),
            Packet::Pong(pong) => self.ponged(&sender, &pong),
        }
    }

    pub(super) fn foreign_version(&self, kind: PacketKind, version: &str) {
        self.stats.foreign_version.add(1);
        self.limits.version.log(|left_out| {
            tracing::warn!(
                packet = kind.name(),
                version,
                left_out,
                "a packet of another protocol was dropped"
            );
        });
    }

    /// Tells one node, or all, what is offered here.
    pub(super) fn send_info(&self, to: Option<&NodeId>) {
        if let Err(PublishError::TooLarge { size, limit }) =
            self.publish(PacketKind::Info, to, self.info_packet())
        {
            tracing::error!(
                size,
                limit,
                "the own INFO packet is too large for the NATS server: others will not find this node"
            );
        }
    }

    fn own_info(&self, info: &InfoPacket<'_>) {
        if info.instance_id.as_deref() != Some(self.instance_id.as_str()) {
            self.fail(format!(
                "node-id conflict: another node calls itself '{}' too (instance {}); node ids must be unique",
                self.config.node_id,
                info.instance_id.as_deref().unwrap_or("unknown"),
            ));
        }
    }

    fn info(&self, sender: &NodeId, info: &InfoPacket<'_>) {
        let joined = self.registry.info(sender, info, false);
        if joined == Joined::Same {
            return;
        }
        if joined == Joined::Restarted {
            // It died without a word and is back under its name: what it owed will not come.
            self.pending.fail_node(sender);
        }
        let index = self.registry.index();
        self.waits
            .seen(|service| index.nodes_of(service).is_empty());
        self.node_told(sender, info, joined);
    }

    fn response(&self, response: &ResponsePacket<'_>) {
        let waited_for = self.pending.resolve(&response.id, || {
            if response.stream == Some(true) || response.seq.is_some() {
                Reply::Bad("the answer is chunked")
            } else if response.success {
                Reply::Data(response.data.map(ToOwned::to_owned))
            } else {
                let mut error = RemoteError::read(response.error);
                error
                    .node_id
                    .get_or_insert_with(|| response.sender.clone().into_owned());
                Reply::Error(Box::new(error))
            }
        });
        if !waited_for {
            self.stats.orphans.add(1);
            tracing::debug!(id = %response.id, sender = %response.sender, "an answer that nobody waits for");
        }
    }

    fn pong(&self, to: &NodeId, ping: &PingPacket<'_>) {
        let _ = self.publish(
            PacketKind::Pong,
            Some(to),
            packet::pong(&self.config.node_id, ping.time, ping.id, now_ms()),
        );
    }

    fn ponged(&self, sender: &NodeId, pong: &PongPacket<'_>) {
        let Some(started) = pong.id.as_deref().and_then(|id| self.pings.started(id)) else {
            return;
        };
        let host = self.registry.with_nodes(|nodes| {
            nodes
                .iter()
                .find(|node| node.id() == sender)
                .and_then(|node| node.vitals.hostname.clone())
        });
        if let Some(host) = host {
            self.balancer.latencies().record(&host, started.elapsed());
        }
    }

    /// One node of each host: the host is what is near or far.
    fn ping_hosts(&self, all: bool) {
        let now = Instant::now();
        self.pings
            .forget_before(now.checked_sub(2 * PING_INTERVAL).unwrap_or(now));
        let mut hosts: HashMap<String, Vec<NodeId>> = HashMap::new();
        self.registry.with_nodes(|nodes| {
            for node in nodes
                .iter()
                .filter(|node| node.available && !node.vitals.local)
            {
                if let Some(host) = &node.vitals.hostname {
                    hosts
                        .entry(host.clone())
                        .or_default()
                        .push(node.id().clone());
                }
            }
        });
        self.balancer
            .latencies()
            .retain(|host| hosts.contains_key(host));
        let ping = |to: Option<&NodeId>| {
            let id = self.pings.start();
            let _ = self.publish(
                PacketKind::Ping,
                to,
                packet::ping(&self.config.node_id, now_ms(), &id),
            );
        };
        if all {
            return ping(None);
        }
        for nodes in hosts.values() {
            ping(nodes.choose(&mut rand::rng()));
        }
    }
}

impl Base {
    /// The own services in the own registry.
    pub(super) fn register_self(&self) {
        let json = self.info_packet();
        if let Ok(Packet::Info(info)) = Packet::read(PacketKind::Info, &json) {
            self.registry.info(&self.config.node_id, &info, true);
        }
    }

    pub(super) fn info_packet(&self) -> Vec<u8> {
        let services = self.services.load();
        packet::info(
            &self.config.node_id,
            &InfoOut {
                services: &services.info,
                ip_list: &self.host.ip_list,
                hostname: &self.host.hostname,
                client: &self.host.client,
                instance_id: &self.instance_id,
                seq: services.seq,
            },
        )
    }

    /// A node told something new of itself.
    pub(super) fn node_told(&self, id: &NodeId, info: &InfoPacket<'_>, joined: Joined) {
        tracing::info!(node = %id, seq = info.seq, services = info.services.len(), ?joined, "a node told of itself");
        let node = json!({ "id": id.as_str(), "hostname": info.hostname, "available": true, "seq": info.seq });
        let (event, args) = match joined {
            Joined::New | Joined::Back => (
                "$node.connected",
                json!([{ "node": node, "reconnected": joined == Joined::Back }]),
            ),
            Joined::Restarted | Joined::Updated => ("$node.updated", json!([{ "node": node }])),
            Joined::Same => return,
        };
        metrics::mesh_broadcast_local(event);
        self.tell_later(event, &args.to_string(), None, false);
    }

    /// A node is gone.
    pub(super) fn node_gone(&self, node: &NodeId, unexpected: bool) {
        if !self.registry.disconnected(node.as_str()) {
            return;
        }
        let given_up = self.pending.fail_node(node);
        tracing::info!(%node, unexpected, given_up, "a node left");
        let args = json!([{ "node": { "id": node.as_str(), "available": false }, "unexpected": unexpected }]);
        metrics::mesh_broadcast_local("$node.disconnected");
        self.tell_later("$node.disconnected", &args.to_string(), None, false);
    }
}
