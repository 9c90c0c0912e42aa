//! What happened, counted: for the status page as a snapshot, and for Prometheus through the `metrics` crate.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use metrics::{Counter, counter};

use super::limit::RateLimit;
use super::packet::PacketKind;

/// A counter that can also be read here.
pub(crate) struct Tally {
    value: AtomicU64,
    metric: Counter,
}

impl Tally {
    fn new(metric: Counter) -> Self {
        Self {
            value: AtomicU64::new(0),
            metric,
        }
    }

    pub(crate) fn add(&self, n: u64) {
        self.value.fetch_add(n, Relaxed);
        self.metric.increment(n);
    }

    fn get(&self) -> u64 {
        self.value.load(Relaxed)
    }
}

/// All counters of a node.
pub(crate) struct Stats {
    published: [Tally; PacketKind::ALL.len()],
    received: [Tally; PacketKind::ALL.len()],
    /// Events that were to be sent and were not.
    pub(crate) events_lost_out: Tally,
    /// Events that came and found the queue full.
    pub(crate) events_lost_in: Tally,
    nats_lost: Tally,
    /// Packets over `max_payload`.
    pub(crate) too_large: Tally,
    /// Payloads that are no packets.
    pub(crate) malformed: Tally,
    /// Packets of another protocol.
    pub(crate) foreign_version: Tally,
    /// Answers that nobody waits for.
    pub(crate) orphans: Tally,
    /// Connections after the first.
    pub(crate) reconnects: Tally,
    /// Attempts that failed.
    pub(crate) connect_failures: Tally,
    /// Panics of listeners and handlers: bugs.
    pub(crate) panics: Tally,
    nats_lost_log: RateLimit,
}

impl Stats {
    pub(crate) fn new(node: &str, namespace: &str) -> Self {
        let labels = |kind: PacketKind| {
            [
                ("nodeID", node.to_owned()),
                ("namespace", namespace.to_owned()),
                ("type", kind.name().to_owned()),
            ]
        };
        let ours = |name: &'static str| Tally::new(counter!(name));
        Self {
            published: PacketKind::ALL
                .map(|kind| Tally::new(counter!("moleculer_transit_publish_total", &labels(kind)))),
            received: PacketKind::ALL
                .map(|kind| Tally::new(counter!("moleculer_transit_receive_total", &labels(kind)))),
            events_lost_out: Tally::new(counter!("mesh_events_lost_total", "direction" => "out")),
            events_lost_in: Tally::new(counter!("mesh_events_lost_total", "direction" => "in")),
            nats_lost: ours("mesh_packets_lost_at_nats_total"),
            too_large: ours("mesh_packets_too_large_total"),
            malformed: ours("mesh_packets_malformed_total"),
            foreign_version: ours("mesh_packets_foreign_version_total"),
            orphans: Tally::new(counter!("moleculer_transit_orphan_response_total")),
            reconnects: ours("mesh_reconnects_total"),
            connect_failures: ours("mesh_connect_failures_total"),
            panics: ours("mesh_panics_total"),
            nats_lost_log: RateLimit::default(),
        }
    }

    pub(crate) fn published(&self, kind: PacketKind) {
        self.published[kind as usize].add(1);
    }

    pub(crate) fn received(&self, kind: PacketKind) {
        self.received[kind as usize].add(1);
    }

    /// A subscription's channel was full: at least one packet is lost.
    pub(crate) fn lost_at_nats(&self) {
        self.nats_lost.add(1);
        if let Some(left_out) = self.nats_lost_log.pass() {
            tracing::error!(
                left_out,
                "packets from NATS are lost: this process does not keep up"
            );
        }
    }

    pub(crate) fn snapshot(&self) -> MeshStats {
        let sum = |tallies: &[Tally]| tallies.iter().map(Tally::get).sum();
        let of = |tallies: &[Tally]| {
            PacketKind::ALL
                .iter()
                .zip(tallies)
                .map(|(kind, tally)| (*kind, tally.get()))
                .collect()
        };
        MeshStats {
            published: sum(&self.published),
            received: sum(&self.received),
            published_by_kind: of(&self.published),
            received_by_kind: of(&self.received),
            events_lost_out: self.events_lost_out.get(),
            events_lost_in: self.events_lost_in.get(),
            packets_lost_at_nats: self.nats_lost.get(),
            too_large: self.too_large.get(),
            malformed: self.malformed.get(),
            foreign_version: self.foreign_version.get(),
            orphans: self.orphans.get(),
            reconnects: self.reconnects.get(),
            connect_failures: self.connect_failures.get(),
            panics: self.panics.get(),
            queued_event_bytes: 0,
            outbox_bytes: 0,
            pending_calls: 0,
        }
    }
}

/// A node's counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MeshStats {
    /// Packets sent.
    pub published: u64,
    /// Packets received, malformed ones included.
    pub received: u64,
    /// The same by kind.
    pub published_by_kind: Vec<(PacketKind, u64)>,
    /// The same by kind.
    pub received_by_kind: Vec<(PacketKind, u64)>,
    /// Events not sent: the transport was away, or they were too large.
    pub events_lost_out: u64,
    /// Events that came and found the queue full.
    pub events_lost_in: u64,
    /// Packets that the NATS client dropped: at least so many.
    pub packets_lost_at_nats: u64,
    /// Packets over the server's `max_payload`.
    pub too_large: u64,
    /// Payloads that are no packets.
    pub malformed: u64,
    /// Packets of another protocol.
    pub foreign_version: u64,
    /// Answers that nobody waited for.
    pub orphans: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Panics of listeners and handlers: bugs.
    pub panics: u64,
    /// Bytes of events that wait for the listener.
    pub queued_event_bytes: usize,
    /// Bytes that wait for the transport.
    pub outbox_bytes: usize,
    /// Calls that wait for their answers.
    pub pending_calls: usize,
}
