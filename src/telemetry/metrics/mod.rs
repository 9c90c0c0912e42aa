//! What is counted, and the tiny functions that other rooms count with.
//!
//! Without `MS_METRICS` every function is one load and a branch. With it, handles are made once and found by the label's own
//! text, so nothing on a hot path builds a label. Names stand in [`TABLE`] alone.
//! Labels never carry session or user ids, and names that a client
//! chose only where the service knows them: the rest is `_OTHER` (reference/telemetry.md).
//!
//! Histogram samples pile up until somebody drains them: [`Exporter::run`] does, and callers record once an event, never once a delivery.

mod exporter;
mod family;
mod handles;
mod installed;
mod labels;
mod membership;
mod present;
mod process;
mod relay;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

pub use exporter::{Exporter, MetricsError};
use handles::Handles;
pub use labels::{
    CallOutcome, Connect, Dropped, Incoming, LogSink, Loss, Outgoing, Panicked, Refusal, SpanFate,
    StatusClass, Transport,
};
pub use membership::{
    RegistryCounts, nats_connect_failed, nats_connected, nats_reconnected, registry, service_nodes,
};
pub use present::{Known, expect, expect_relay};
pub use relay::{http_passed, relay_connected, relay_lost, relay_up};
pub use table::{Kind, QUANTILES, Row, TABLE};

/// The handles, once metrics are on.
fn on() -> Option<&'static Handles> {
    installed::get()
}

/// Somebody reads what is counted: worth a clock reading.
pub fn enabled() -> bool {
    on().is_some()
}

/// The time, when somebody counts: to be taken when a request begins.
pub fn arrived() -> Option<Instant> {
    enabled().then(Instant::now)
}

/// A session opened.
pub fn session_opened(transport: Transport) {
    if let Some(on) = on() {
        on.users_connected.increment(1.0);
        let of = &on.transports[transport as usize];
        of.open.increment(1.0);
        of.accepted.increment(1);
    }
}

/// A session closed, with the code that its client saw or sent: 1005 for a close frame without one, 1006 for none at all
/// (RFC 6455, section 7.1.5).
pub fn session_closed(transport: Transport, code: u16) {
    if let Some(on) = on() {
        on.users_connected.decrement(1.0);
        on.transports[transport as usize].open.decrement(1.0);
        on.closed
            .with(labels::close_code(code), |count| count.increment(1));
    }
}

/// A connection was refused before it was a session.
pub fn connection_refused(refusal: Refusal) {
    if let Some(on) = on() {
        on.refused[refusal as usize].increment(1);
    }
}

/// A connection could not be accepted: no file descriptor is left, say.
pub fn accept_failed() {
    if let Some(on) = on() {
        on.accept_errors.increment(1);
    }
}

/// How many seconds the certificate of a variable still holds; below 0 once it has expired.
pub fn certificate_left(variable: &str, seconds: i64) {
    if let Some(on) = on() {
        on.certificates
            .with(variable, |gauge| gauge.set(seconds as f64));
    }
}

/// Log lines could not be written.
pub fn log_lines_lost(sink: LogSink, lines: u64) {
    if let Some(on) = on() {
        on.log_lines_lost[sink as usize].increment(lines);
    }
}

/// A request was refused since too many of its session wait.
pub fn request_refused() {
    if let Some(on) = on() {
        on.requests_refused.increment(1);
    }
}

/// A request was refused by a rate limit, as the settings name it. `name` is a method or a publication that the service
/// knows; `None` is any other.
pub fn rate_limit_exceeded(limit: &str, is_method: bool, name: Option<&str>) {
    if let Some(on) = on() {
        on.rate_limited.with(limit, |types| {
            let names = if is_method {
                &types.methods
            } else {
                &types.subscriptions
            };
            names.with(name.unwrap_or(family::OTHER), |count| count.increment(1));
        });
    }
}

/// Panics were caught.
pub fn panicked(whose: Panicked, count: u64) {
    if let Some(on) = on() {
        on.panics[whose as usize].increment(count);
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
pub fn message_received(kind: Incoming) {
    if let Some(on) = on() {
        on.received[kind as usize].increment(1);
    }
}

/// A DDP message of ours went to so many clients: one event to many sessions is one call.
pub fn message_sent(json: &[u8], count: usize) {
    if let Some(on) = on() {
        on.sent[Outgoing::of(json) as usize].increment(count as u64);
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

/// The unsent bytes of all sessions, as they are now.
pub fn queue_bytes(bytes: usize) {
    if let Some(on) = on() {
        on.queue_bytes.set(bytes as f64);
    }
}

/// The topics that sessions listen to, as they are now.
pub fn topics(topics: usize) {
    if let Some(on) = on() {
        on.topics.set(topics as f64);
    }
}

/// The tasks of the runtime that have not ended.
pub fn tasks(tasks: usize) {
    if let Some(on) = on() {
        on.tasks.set(tasks as f64);
    }
}

/// A session was closed because it did not read.
pub fn slow_consumer() {
    if let Some(on) = on() {
        on.slow_consumers.increment(1);
    }
}

/// A sub was answered, with an error of this code or without one. `name` is a publication that the service knows; `None` is any other.
pub fn subscription_answered(name: Option<&str>, error: Option<&str>, elapsed: Duration) {
    if let Some(on) = on() {
        if let Some(code) = error {
            on.sub_errors[labels::error_code(code)].increment(1);
        }
        on.subscriptions
            .with(name.unwrap_or(family::OTHER), |time| {
                time.record(milliseconds(elapsed))
            });
    }
}

/// A method was answered, with an error of this code or without one. `name` is a method that the service knows; `None` is any other.
pub fn method_answered(name: Option<&str>, error: Option<&str>, elapsed: Duration) {
    if let Some(on) = on() {
        on.methods.with(name.unwrap_or(family::OTHER), |time| {
            let time = match error {
                None => &time.ok,
                Some(_) => &time.failed,
            };
            time.record(elapsed);
        });
        if let Some(code) = error {
            on.method_errors[labels::error_code(code)].increment(1);
        }
    }
}

/// A stream event went to `deliveries` sessions, for which `encodings` frames were built.
pub fn stream_event(stream: &str, deliveries: usize, encodings: usize) {
    if let Some(on) = on() {
        on.streams.with(stream, |stream| {
            stream.events.increment(1);
            stream.deliveries.increment(deliveries as u64);
            stream.encodings.increment(encodings as u64);
        });
    }
}

/// A broadcast was heard: so long after its arrival it was in the last listener's queue.
pub(super) fn event_heard(elapsed: Duration) {
    if let Some(on) = on() {
        on.event_latency.record(elapsed);
    }
}

/// So long after its arrival a broadcast's frame had left for the last who was to get it.
pub(super) fn event_written(elapsed: Duration) {
    if let Some(on) = on() {
        on.event_written.record(elapsed);
    }
}

/// So many spans were sent, or were not.
pub(super) fn spans(fate: SpanFate, count: usize) {
    if let Some(on) = on() {
        on.spans[fate as usize].increment(count as u64);
    }
}

/// The time in which one stream event was handed to all its listeners.
pub fn fan_out(elapsed: Duration) {
    if let Some(on) = on() {
        on.fan_out.record(elapsed);
    }
}

/// So many look-ups of a queue did not fit, or fell with one that panicked.
pub fn lookups_lost(queue: &str, count: usize) {
    if let Some(on) = on() {
        on.lookups
            .with(queue, |one| one.lost.increment(count as u64));
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

/// A call to `action` (`accounts.login`, say) ended; `error` is the name of Moleculer's class for what went wrong.
pub fn mesh_call(action: &str, outcome: CallOutcome, error: Option<&str>, elapsed: Duration) {
    if let Some(on) = on() {
        on.calls.with(action, |action| {
            action
                .outcomes
                .with(CallOutcome::LABELS[outcome as usize], |count| {
                    count.increment(1)
                });
            action.seconds.record(elapsed);
            action.mol_total.increment(1);
            action.mol_time.record(milliseconds(elapsed));
            action.requests.count();
            if let Some(name) = error {
                action.mol_errors.with(name, |count| count.increment(1));
                action.errors.count();
            }
        });
    }
}

/// A call to `action` is tried again.
pub fn mesh_call_retried(action: &str) {
    if let Some(on) = on() {
        on.retries.with(action, |count| count.increment(1));
    }
}

/// A request that nobody took is sent again.
pub fn mesh_request_resent() {
    if let Some(on) = on() {
        on.resent.increment(1);
    }
}

/// Answers came that nobody waits for.
pub fn mesh_orphans(count: u64) {
    if let Some(on) = on() {
        on.orphans.increment(count);
    }
}

/// An event arrived from the mesh.
pub fn mesh_event(event: &str) {
    if let Some(on) = on() {
        on.mesh_events.with(event, |count| count.increment(1));
    }
}

/// An event from the mesh became nothing: it is not of the documented form, or nobody is to hear of it.
pub fn mesh_event_ignored(event: &str) {
    if let Some(on) = on() {
        on.ignored_events.with(event, |count| count.increment(1));
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

/// Messages from the mesh were lost.
pub fn mesh_lost(loss: Loss, count: u64) {
    if let Some(on) = on() {
        on.mesh_lost[loss as usize].increment(count);
    }
}

/// Own events could not be sent: NATS is away, or they are too large.
pub fn mesh_unsent(count: u64) {
    if let Some(on) = on() {
        on.mesh_unsent.increment(count);
    }
}

/// Packets from others were dropped.
pub fn packets_dropped(why: Dropped, count: u64) {
    if let Some(on) = on() {
        on.packets_dropped[why as usize].increment(count);
    }
}

/// Own packets were over what the NATS server takes.
pub fn packets_too_large(count: u64) {
    if let Some(on) = on() {
        on.packets_too_large.increment(count);
    }
}

/// A packet was published; `kind` as it stands in a subject (`REQ`).
pub fn packet_published(kind: &str) {
    if let Some(on) = on() {
        on.published.with(kind, |count| count.increment(1));
    }
}

/// A packet was received.
pub fn packet_received(kind: &str) {
    if let Some(on) = on() {
        on.packets.with(kind, |count| count.increment(1));
    }
}

/// What the node has to do, as it is now: bytes of events that wait for the listener, bytes that wait for NATS, calls
/// that wait for their answers.
pub fn mesh_waiting(inbox: usize, outbox: usize, calls: usize) {
    if let Some(on) = on() {
        on.inbox_bytes.set(inbox as f64);
        on.outbox_bytes.set(outbox as f64);
        on.calls_waiting.set(calls as f64);
    }
}

/// Client sessions that may be open.
pub fn sessions_limit(sessions: usize) {
    if let Some(on) = on() {
        on.sessions_limit.set(sessions as f64);
    }
}

/// Bytes that may wait: of events to be handled, and for NATS.
pub fn mesh_limits(inbox: usize, outbox: usize) {
    if let Some(on) = on() {
        on.inbox_limit.set(inbox as f64);
        on.outbox_limit.set(outbox as f64);
    }
}

/// So many look-ups of a queue wait or run, as it is now.
pub fn lookups_waiting(queue: &str, jobs: usize) {
    if let Some(on) = on() {
        on.lookups.with(queue, |one| one.waiting.set(jobs as f64));
    }
}

/// The store is asked for `what`: the name of the question, whatever the store is.
pub fn store_read(what: &'static str) {
    if let Some(on) = on() {
        on.store_reads.with(what, |count| count.increment(1));
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
