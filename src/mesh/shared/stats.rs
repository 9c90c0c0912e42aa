//! What happened, counted: for tests and the status page as a snapshot, and for everybody else in `telemetry::metrics`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::Notify;

use crate::mesh::packet_kind::PacketKind;
use crate::mesh::snapshot::MeshStats;
use crate::telemetry::limit::Limited;
use crate::telemetry::metrics::{self, Dropped, Loss, Panicked};

/// A counter that can also be read here.
pub(crate) struct Tally {
    value: AtomicU64,
    count: fn(u64),
}

impl Tally {
    const fn new(count: fn(u64)) -> Self {
        Self {
            value: AtomicU64::new(0),
            count,
        }
    }

    pub(crate) fn add(&self, n: u64) {
        self.value.fetch_add(n, Relaxed);
        (self.count)(n);
    }

    fn get(&self) -> u64 {
        self.value.load(Relaxed)
    }
}

/// Packets by kind.
type Packets = [AtomicU64; PacketKind::ALL.len()];

/// All counters of a node.
pub(crate) struct Stats {
    published: Packets,
    received: Packets,
    /// Events that were to be sent and were not.
    pub(crate) events_lost_out: Tally,
    /// Events that came and found the queue full.
    pub(crate) events_lost_in: Tally,
    nats_lost: Tally,
    /// Of either something was lost.
    pub(crate) lost: Notify,
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
    nats_lost_log: Limited,
    /// Why NATS did not take a subscription.
    refused: OnceLock<String>,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            published: Packets::default(),
            received: Packets::default(),
            events_lost_out: Tally::new(metrics::mesh_unsent),
            events_lost_in: Tally::new(|n| metrics::mesh_lost(Loss::Queue, n)),
            nats_lost: Tally::new(|n| metrics::mesh_lost(Loss::Subscription, n)),
            lost: Notify::new(),
            too_large: Tally::new(metrics::packets_too_large),
            malformed: Tally::new(|n| metrics::packets_dropped(Dropped::Malformed, n)),
            foreign_version: Tally::new(|n| metrics::packets_dropped(Dropped::Version, n)),
            orphans: Tally::new(metrics::mesh_orphans),
            reconnects: Tally::new(metrics::nats_reconnected),
            connect_failures: Tally::new(metrics::nats_connect_failed),
            panics: Tally::new(|n| metrics::panicked(Panicked::Mesh, n)),
            nats_lost_log: Limited::default(),
            refused: OnceLock::new(),
        }
    }

    pub(crate) fn published(&self, kind: PacketKind) {
        self.published[kind as usize].fetch_add(1, Relaxed);
        metrics::packet_published(kind.name());
    }

    pub(crate) fn received(&self, kind: PacketKind) {
        self.received[kind as usize].fetch_add(1, Relaxed);
        metrics::packet_received(kind.name());
    }

    /// A subscription's channel was full: at least one packet is lost.
    pub(crate) fn lost_at_nats(&self) {
        self.nats_lost.add(1);
        self.lost.notify_one();
        self.nats_lost_log.log(|left_out| {
            tracing::error!(
                left_out,
                "packets from NATS are lost: this process does not keep up"
            );
        });
    }

    /// NATS complains; of those whom it does not let subscribe the first is kept.
    pub(crate) fn complained(&self, error: &str) {
        let words = error.to_ascii_lowercase();
        if words.contains("permissions violation for subscription") {
            let _the_first_counts = self.refused.set(error.to_owned());
        }
    }

    /// Why NATS did not take a subscription, if it did not.
    pub(crate) fn refused(&self) -> Option<String> {
        self.refused.get().cloned()
    }

    pub(crate) fn snapshot(&self) -> MeshStats {
        let sum = |packets: &Packets| packets.iter().map(|count| count.load(Relaxed)).sum();
        let of = |packets: &Packets| {
            PacketKind::ALL
                .iter()
                .zip(packets)
                .map(|(kind, count)| (*kind, count.load(Relaxed)))
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
