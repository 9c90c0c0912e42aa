//! What the mesh is given, and the kinds of its settings: the mesh room uses them as they are.

use std::path::PathBuf;
use std::time::Duration;

use super::nats::NatsServers;

/// How often a node says that it lives (Moleculer's `heartbeatInterval` as Rocket.Chat sets it).
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
/// How long a node may be silent before it counts as gone.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call waits for its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the first calls wait for a service that nobody offers yet.
const WAIT_FOR_SERVICES: Duration = Duration::from_secs(10);

/// The mesh, in plain types; `app` adds what is made of them (the node's name, the way to NATS).
#[derive(Debug, Clone)]
pub struct MeshSettings {
    /// `BROKER`.
    pub broker: Broker,
    /// `TRANSPORTER`; with `BROKER=nats` `NATS_URL`, else `TRANSPORTER`, else the NATS server of this host: where NATS is.
    pub transporter: NatsServers,
    /// The variable that names them.
    pub transporter_from: &'static str,
    /// `TLS_CA_PATH`: further trusted certificates.
    pub tls_ca: Option<PathBuf>,
    /// `NODE_ID`.
    pub node_id: String,
    /// What the mesh room takes as it is.
    pub node: NodeSettings,
}

/// How this node behaves in the mesh.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// `MS_NAMESPACE`: nodes of different namespaces never meet; empty for none.
    pub namespace: String,
    /// `SERIALIZER`: the encoding of packets, the same on all nodes.
    pub serializer: SerializerKind,
    /// `MOLECULER_PROTOCOL`: packets of which protocols are taken.
    pub protocols: Protocols,
    /// `BALANCE_STRATEGY`: which of several nodes is called.
    pub balance: Strategy,
    /// `BALANCE_PREFER_LOCAL`: an action of the own node is preferred to those of others.
    pub prefer_local: bool,
    /// `REQUEST_TIMEOUT`: how long a call waits for its answer when it does not say itself.
    pub request_timeout: Duration,
    /// `RETRY_*`: whether and how calls are repeated.
    pub retry: RetryPolicy,
    /// Time between heartbeats.
    pub heartbeat_interval: Duration,
    /// Silence after which another node counts as lost.
    pub heartbeat_timeout: Duration,
    /// `BULKHEAD_*`: calls in flight for one action; `None` with `BULKHEAD_ENABLED=false`.
    pub bulkhead: Option<Bulkhead>,
    /// `WAIT_FOR_SERVICES_TIMEOUT`: how long a call waits for a service that nobody offers.
    pub wait_for_services: Duration,
}

impl Default for NodeSettings {
    /// Everything as Rocket.Chat's services have it.
    fn default() -> Self {
        Self {
            namespace: String::new(),
            serializer: SerializerKind::default(),
            protocols: Protocols::default(),
            balance: Strategy::default(),
            prefer_local: true,
            request_timeout: REQUEST_TIMEOUT,
            retry: RetryPolicy::default(),
            heartbeat_interval: HEARTBEAT_INTERVAL,
            heartbeat_timeout: HEARTBEAT_TIMEOUT,
            bulkhead: None,
            wait_for_services: WAIT_FOR_SERVICES,
        }
    }
}

/// How the nodes talk over NATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broker {
    /// Moleculer's protocol.
    Moleculer,
    /// The plain broker of 8.x. What belongs to Moleculer has no effect with it: namespace, serializer, balance, retries and
    /// the wait for services.
    Nats,
}

/// Which encoding the mesh uses: the same on all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SerializerKind {
    /// JSON text; dates are `{"$date":ms}`, binaries `{"$binary":base64}`. What Rocket.Chat uses unless told otherwise.
    #[default]
    Ejson,
    /// JSON text; dates are ISO texts.
    Json,
    /// MessagePack as the npm package msgpack5 has it.
    MsgPack,
    /// MessagePack as the npm package notepack.io has it.
    Notepack,
    /// CBOR as the npm package cbor-x has it, without its records.
    Cbor,
    /// Protocol Buffers (`proto/packets.proto`), with JSON text inside.
    ProtoBuf,
}

impl SerializerKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Ejson,
        Self::Json,
        Self::MsgPack,
        Self::Notepack,
        Self::Cbor,
        Self::ProtoBuf,
    ];

    /// As `SERIALIZER` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ejson => "EJSON",
            Self::Json => "JSON",
            Self::MsgPack => "MsgPack",
            Self::Notepack => "Notepack",
            Self::Cbor => "CBOR",
            Self::ProtoBuf => "ProtoBuf",
        }
    }
}

/// Packets of which of Moleculer's protocols are taken. What is sent is of protocol 4 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocols {
    /// Of Moleculer 0.14.
    #[default]
    Four,
    /// Of Moleculer 0.15 as well, whose packets are otherwise the same.
    FourAndFive,
}

/// Which of several nodes that offer an action is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// One after another.
    #[default]
    RoundRobin,
    /// Any.
    Random,
    /// The least busy of a few, by the CPU figure of their heartbeats.
    CpuUsage,
    /// The nearest of a few, by the round trip of pings to their hosts.
    Latency,
}

/// When a failed call is tried again. Only calls marked repeatable are, and only after errors marked retryable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// `RETRY_ENABLED`: off by default, as in Moleculer.
    pub enabled: bool,
    /// `RETRY_RETRIES`: attempts after the first.
    pub retries: u32,
    /// `RETRY_DELAY`: before the first repetition.
    pub delay: Duration,
    /// `RETRY_MAX_DELAY`: the pause never grows beyond it.
    pub max_delay: Duration,
    /// `RETRY_FACTOR`: each pause is this many times the one before, at least 1.
    pub factor: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            retries: 5,
            delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(1),
            factor: 2.0,
        }
    }
}

impl RetryPolicy {
    /// The pause before repetition `n`, the first being 0.
    pub(crate) fn pause(&self, n: u32) -> Duration {
        let factor = self.factor.max(1.0).powi(n.min(64) as i32);
        let wanted = self.delay.as_secs_f64() * factor;
        if wanted.is_finite() && wanted < self.max_delay.as_secs_f64() {
            Duration::from_secs_f64(wanted)
        } else {
            self.max_delay
        }
    }
}

/// Calls in flight for one action, then queued, then refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bulkhead {
    /// `BULKHEAD_CONCURRENCY`: at most so many at once.
    pub concurrency: usize,
    /// `BULKHEAD_MAX_QUEUE_SIZE`: at most so many wait.
    pub max_queue: usize,
}

impl Default for Bulkhead {
    fn default() -> Self {
        Self {
            concurrency: 10,
            max_queue: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: configuration/variable/RETRY_MAX_DELAY, configuration/variable/RETRY_FACTOR
    #[test]
    fn pauses_grow_to_the_longest_and_stay_there() {
        let policy = RetryPolicy {
            enabled: true,
            ..RetryPolicy::default()
        };
        let pauses: Vec<u128> = (0..6).map(|n| policy.pause(n).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(policy.pause(u32::MAX), policy.max_delay);
    }
}
