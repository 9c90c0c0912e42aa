//! What a node is told before it starts: typed, checked elsewhere (the config room reads the environment).

use std::time::Duration;

use super::node_id::NodeId;
use super::serializer::SerializerKind;
use super::transport::{LocalBus, NatsTarget};

/// How often a node says that it lives (Moleculer's `heartbeatInterval` as Rocket.Chat sets it).
pub const DEFAULT_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
/// How long a node may be silent before it counts as gone.
pub const DEFAULT_HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call waits for its answer.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the first calls wait for a service that nobody offers yet.
pub const DEFAULT_WAIT_FOR_SERVICES: Duration = Duration::from_secs(10);
/// The other nodes' INFO packets are waited for this long after joining, as Moleculer does.
pub const DEFAULT_JOIN_DELAY: Duration = Duration::from_millis(500);
/// An offline node is forgotten after this time (Moleculer's `cleanOfflineNodesTimeout`).
pub const DEFAULT_FORGET_AFTER: Duration = Duration::from_secs(10 * 60);
/// Events that wait for the dispatcher, in bytes of packets: at 2 KiB an event this is half a minute of a very busy
/// workspace (1,000 events a second); whoever is further behind will not catch up by remembering more.
pub const DEFAULT_EVENT_QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Packets that wait to be handed to NATS, in bytes. NATS takes them as fast as the socket does; what piles up here is
/// what a frozen server does not take until its silence is noticed.
pub const DEFAULT_OUTBOX_BYTES: usize = 32 * 1024 * 1024;

/// What a node must know to join.
#[derive(Debug, Clone)]
pub struct MeshConfig {
    /// The own name: unique in the mesh.
    pub node_id: NodeId,
    /// `MS_NAMESPACE`: nodes of different namespaces never meet. Empty: none.
    pub namespace: String,
    /// Where the others are.
    pub transporter: Transporter,
    /// The encoding of packets, the same on all nodes.
    pub serializer: SerializerKind,
    /// Time between heartbeats.
    pub heartbeat_interval: Duration,
    /// Silence after which a node is gone.
    pub heartbeat_timeout: Duration,
    /// How long a call waits for its answer when it does not say itself.
    pub request_timeout: Duration,
    /// Whether and how calls are repeated.
    pub retry: RetryPolicy,
    /// Calls in flight for one action; `None`: as many as there are.
    pub bulkhead: Option<Bulkhead>,
    /// Which of several nodes is called.
    pub balance: Strategy,
    /// An action of the own node is preferred to those of others.
    pub prefer_local: bool,
    /// How long a call waits for a service that nobody offers.
    pub wait_for_services: Duration,
    /// Services that are never waited for: their absence is normal.
    pub never_wait_for: Vec<String>,
    /// Wait for the others' INFO after joining.
    pub join_delay: Duration,
    /// Offline nodes are forgotten after this time.
    pub forget_after: Duration,
    /// Bound of the queue before the event listener, bytes.
    pub event_queue_bytes: usize,
    /// Bound of the queue before the transport, bytes.
    pub outbox_bytes: usize,
}

impl MeshConfig {
    /// Everything as Rocket.Chat's services have it by default.
    pub fn new(node_id: NodeId, transporter: Transporter) -> Self {
        Self {
            node_id,
            namespace: String::new(),
            transporter,
            serializer: SerializerKind::default(),
            heartbeat_interval: DEFAULT_HEARTBEAT_INTERVAL,
            heartbeat_timeout: DEFAULT_HEARTBEAT_TIMEOUT,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            retry: RetryPolicy::default(),
            bulkhead: None,
            balance: Strategy::default(),
            prefer_local: true,
            wait_for_services: DEFAULT_WAIT_FOR_SERVICES,
            never_wait_for: vec!["ee-settings".to_owned()],
            join_delay: DEFAULT_JOIN_DELAY,
            forget_after: DEFAULT_FORGET_AFTER,
            event_queue_bytes: DEFAULT_EVENT_QUEUE_BYTES,
            outbox_bytes: DEFAULT_OUTBOX_BYTES,
        }
    }
}

/// Where packets go.
#[derive(Debug, Clone)]
pub enum Transporter {
    /// A NATS server or cluster.
    Nats(NatsTarget),
    /// Nodes of the same process.
    Local(LocalBus),
    /// A NATS server or cluster on which the nodes speak the plain broker of 8.x instead of Moleculer's protocol. Of the
    /// other settings only [`request_timeout`](MeshConfig::request_timeout), [`bulkhead`](MeshConfig::bulkhead),
    /// [`join_delay`](MeshConfig::join_delay), [`never_wait_for`](MeshConfig::never_wait_for), the heartbeat pair (how
    /// often it is looked who is there, and how long silence is borne) and the bounds have a meaning there.
    Plain(NatsTarget),
}

/// When a failed call is tried again. Only calls marked repeatable are, and only after errors marked retryable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Off by default, as in Moleculer.
    pub enabled: bool,
    /// Attempts after the first.
    pub retries: u32,
    /// Pause before the first repetition.
    pub delay: Duration,
    /// Longest pause.
    pub max_delay: Duration,
    /// Each pause is this many times the one before.
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
    /// At most so many at once.
    pub concurrency: usize,
    /// At most so many wait.
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

impl std::str::FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Moleculer takes the names in any case.
        match text.to_ascii_lowercase().as_str() {
            "roundrobin" => Ok(Self::RoundRobin),
            "random" => Ok(Self::Random),
            "cpuusage" | "cpu" => Ok(Self::CpuUsage),
            "latency" => Ok(Self::Latency),
            _ => Err(UnknownStrategy),
        }
    }
}

/// No strategy has that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected RoundRobin, Random, CpuUsage or Latency")]
pub struct UnknownStrategy;

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
