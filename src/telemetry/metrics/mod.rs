//! What is counted, and the tiny functions that other rooms count with.
//!
//! Without `MS_METRICS` every function is one load and a branch. With it, handles are made once and found by the label's own
//! text, so nothing on a hot path builds a label. Names stand in [`TABLE`] alone. Labels never carry session or user ids, and names that a client
//! chose only where the service knows them: the rest is `_OTHER` (reference/telemetry.md).
//!
//! Histogram samples pile up until somebody drains them: [`Exporter::run`] does, and callers record once an event, never once a delivery.

mod exporter;
mod family;
mod handles;
mod installed;
mod process;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use exporter::{Exporter, MetricsError, MetricsSettings};
use handles::Handles;
pub use table::{Kind, QUANTILES, Row, TABLE};

/// The handles, once metrics are on.
fn on() -> Option<&'static Handles> {
    installed::get()
}

/// Somebody reads what is counted: worth a clock reading.
pub fn enabled() -> bool {
    on().is_some()
}

/// How a client's frames are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One text frame, one message.
    Raw,
    /// SockJS.
    SockJs,
}

/// What a DDP message is, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[allow(missing_docs, reason = "each is the message's own name")]
pub enum MessageKind {
    Connect,
    Connected,
    Failed,
    Ping,
    Pong,
    Method,
    Result,
    Updated,
    Sub,
    Ready,
    Nosub,
    Unsub,
    Added,
    Changed,
    Removed,
    Error,
    /// Anything else that arrives.
    Other,
}

impl MessageKind {
    /// Every kind, in the order of its number.
    const ALL: [Self; 17] = [
        Self::Connect,
        Self::Connected,
        Self::Failed,
        Self::Ping,
        Self::Pong,
        Self::Method,
        Self::Result,
        Self::Updated,
        Self::Sub,
        Self::Ready,
        Self::Nosub,
        Self::Unsub,
        Self::Added,
        Self::Changed,
        Self::Removed,
        Self::Error,
        Self::Other,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Connected => "connected",
            Self::Failed => "failed",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Method => "method",
            Self::Result => "result",
            Self::Updated => "updated",
            Self::Sub => "sub",
            Self::Ready => "ready",
            Self::Nosub => "nosub",
            Self::Unsub => "unsub",
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Error => "error",
            Self::Other => "other",
        }
    }
}

/// How a call to the core ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// Answered.
    Ok,
    /// Answered with an error.
    Failed,
    /// No answer in time.
    TimedOut,
    /// No node offers it, its node was lost, or NATS is away.
    Unavailable,
    /// The bulkhead is full, or the request too large.
    Refused,
}

impl CallOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "error",
            Self::TimedOut => "timeout",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
        }
    }

    /// The name of Moleculer's own error; `None` for success.
    fn error_name(self) -> Option<&'static str> {
        match self {
            Self::Ok => None,
            Self::Failed => Some("Error"),
            Self::TimedOut => Some("RequestTimeoutError"),
            Self::Unavailable => Some("ServiceNotAvailableError"),
            Self::Refused => Some("QueueIsFullError"),
        }
    }
}

/// What the node knows of the mesh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegistryCounts {
    /// Nodes known, this one included.
    pub nodes: usize,
    /// Nodes available.
    pub online: usize,
    /// Services.
    pub services: usize,
    /// Actions.
    pub actions: usize,
    /// Event subscriptions.
    pub events: usize,
}

/// A session opened.
pub fn session_opened(framing: Framing) {
    if let Some(on) = on() {
        on.users_connected.increment(1.0);
        let framed = &on.framings[framing as usize];
        framed.open.increment(1.0);
        framed.accepted.increment(1);
    }
}

/// A session closed, with the code of its close frame; `None` where there was none.
pub fn session_closed(framing: Framing, code: Option<u16>) {
    if let Some(on) = on() {
        on.users_connected.decrement(1.0);
        on.framings[framing as usize].open.decrement(1.0);
        on.closed.with(code_label(code), |count| count.increment(1));
    }
}

/// The codes of ddp.md's table and of the WebSocket protocol; clients may send any other.
fn code_label(code: Option<u16>) -> &'static str {
    match code {
        None => "none",
        Some(1000) => "1000",
        Some(1001) => "1001",
        Some(1002) => "1002",
        Some(1005) => "1005",
        Some(1006) => "1006",
        Some(1007) => "1007",
        Some(1009) => "1009",
        Some(1012) => "1012",
        Some(1013) => "1013",
        Some(4000) => "4000",
        Some(_) => "other",
    }
}

/// A connection was refused before it was a session.
pub fn connection_refused(reason: &'static str) {
    if let Some(on) = on() {
        on.refused.with(reason, |count| count.increment(1));
    }
}

/// A session logged in.
pub fn logged_in() {
    if let Some(on) = on() {
        on.users_logged.increment(1.0);
    }
}

/// A session that was logged in is so no longer.
pub fn logged_out() {
    if let Some(on) = on() {
        on.users_logged.decrement(1.0);
    }
}

/// A DDP message from a client.
pub fn message_received(kind: MessageKind) {
    if let Some(on) = on() {
        on.received[kind as usize].increment(1);
    }
}

/// DDP messages to clients: one event to many sessions is one call.
pub fn messages_sent(kind: MessageKind, count: u64) {
    if let Some(on) = on() {
        on.sent[kind as usize].increment(count);
    }
}

/// Bytes of frames that arrived.
pub fn bytes_received(bytes: usize) {
    if let Some(on) = on() {
        on.received_bytes.increment(bytes as u64);
    }
}

/// Bytes of frames that were written.
pub fn bytes_sent(bytes: usize) {
    if let Some(on) = on() {
        on.sent_bytes.increment(bytes as u64);
    }
}

/// The unsent bytes of all sessions grew, or shrank (negative).
pub fn queue_changed(bytes: i64) {
    if let Some(on) = on() {
        on.queue_bytes.increment(bytes as f64);
    }
}

/// A session was closed because it did not read.
pub fn slow_consumer() {
    if let Some(on) = on() {
        on.slow_consumers.increment(1);
    }
}

/// A sub was answered. `name` is a publication that the service knows; `None` is any other.
pub fn subscription_answered(name: Option<&str>, elapsed: Duration) {
    if let Some(on) = on() {
        on.subscriptions
            .with(name.unwrap_or(family::OTHER), |time| {
                time.record(milliseconds(elapsed))
            });
    }
}

/// A method was answered. `name` is a method that the service knows; `None` is any other.
pub fn method_answered(name: Option<&str>, ok: bool, elapsed: Duration) {
    if let Some(on) = on() {
        on.methods.with(name.unwrap_or(family::OTHER), |time| {
            let time = if ok { &time.ok } else { &time.failed };
            time.record(elapsed);
        });
    }
}

/// A stream event went to `deliveries` sessions, for which `encodings` frames were built.
pub fn stream_event(stream: &str, deliveries: u64, encodings: u64) {
    if let Some(on) = on() {
        on.streams.with(stream, |stream| {
            stream.events.increment(1);
            stream.deliveries.increment(deliveries);
            stream.encodings.increment(encodings);
        });
    }
}

/// The time in which one stream event was handed to all its listeners.
pub fn fan_out(elapsed: Duration) {
    if let Some(on) = on() {
        on.fan_out.record(elapsed);
    }
}

/// The time from a broadcast's arrival until its last listener's queue had it.
pub fn event_latency(elapsed: Duration) {
    if let Some(on) = on() {
        on.event_latency.record(elapsed);
    }
}

/// An access question was answered from what was known (`true`), or asked.
pub fn access_cache(hit: bool) {
    if let Some(on) = on() {
        let count = if hit {
            &on.access_hits
        } else {
            &on.access_misses
        };
        count.increment(1);
    }
}

/// A call to `action` (`accounts.login`, say) ended.
pub fn mesh_call(action: &str, outcome: CallOutcome, elapsed: Duration) {
    if let Some(on) = on() {
        on.calls.with(action, |action| {
            action
                .outcomes
                .with(outcome.label(), |count| count.increment(1));
            action.seconds.record(elapsed);
            action.mol_total.increment(1);
            action.mol_time.record(milliseconds(elapsed));
            action.requests.count();
            if let Some(name) = outcome.error_name() {
                action.mol_errors.with(name, |count| count.increment(1));
                action.errors.count();
            }
        });
    }
}

/// An event arrived from the mesh.
pub fn mesh_event(event: &str) {
    if let Some(on) = on() {
        on.mesh_events.with(event, |count| count.increment(1));
    }
}

/// This node broadcast an event to the mesh.
pub fn mesh_broadcast(event: &str) {
    if let Some(on) = on() {
        on.broadcasts.with(event, |count| count.increment(1));
    }
}

/// This node raised an event for itself (`$node.connected`, say).
pub fn mesh_broadcast_local(event: &str) {
    if let Some(on) = on() {
        on.local_broadcasts.with(event, |count| count.increment(1));
    }
}

/// At least `count` messages were lost between NATS and here.
pub fn mesh_lost(count: u64) {
    if let Some(on) = on() {
        on.mesh_lost.increment(count);
    }
}

/// An own event could not be sent: NATS is away, or it is too large.
pub fn mesh_unsent() {
    if let Some(on) = on() {
        on.mesh_unsent.increment(1);
    }
}

/// A packet was published.
pub fn packet_published() {
    if let Some(on) = on() {
        on.published.increment(1);
    }
}

/// A packet was received.
pub fn packet_received() {
    if let Some(on) = on() {
        on.packets.increment(1);
    }
}

/// The registry changed.
pub fn registry(counts: RegistryCounts) {
    if let Some(on) = on() {
        on.registry.nodes.set(counts.nodes as f64);
        on.registry.online.set(counts.online as f64);
        on.registry.services.set(counts.services as f64);
        on.registry.actions.set(counts.actions as f64);
        on.registry.events.set(counts.events as f64);
    }
}

/// NATS is connected, or no longer.
pub fn nats_connected(connected: bool) {
    if let Some(on) = on() {
        on.nats_connected.set(if connected { 1.0 } else { 0.0 });
    }
}

/// NATS was connected again.
pub fn nats_reconnected() {
    if let Some(on) = on() {
        on.nats_reconnects.increment(1);
    }
}

/// A database operation ended.
pub fn mongodb_operation(operation: &'static str, ok: bool, elapsed: Duration) {
    if let Some(on) = on() {
        on.mongodb.with(operation, |one| {
            let count = if ok { &one.count.ok } else { &one.count.failed };
            count.increment(1);
            one.seconds.record(elapsed);
        });
    }
}

/// What dashboards for Rocket.Chat read in.
fn milliseconds(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1000.0
}
