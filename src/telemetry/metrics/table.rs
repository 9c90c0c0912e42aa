//! Every metric by name, one row each: no name is written anywhere else.
//!
//! Names that existing dashboards read are kept as they are. Ours use base units and their suffixes.

use metrics::Unit;

/// One metric. Only this file makes rows.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The name that is exported.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// One line for whoever reads the export.
    pub help: &'static str,
}

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counted into these buckets (upper bounds).
    Histogram(&'static [f64]),
    /// Quantiles of the last minutes: for dashboards that expect them.
    Summary,
}

/// The quantiles of every summary.
pub const QUANTILES: &[f64] = &[0.5, 0.9, 0.95, 0.99, 0.999];

/// Of calls and methods, in seconds: from an answer within the host to `REQUEST_TIMEOUT`.
const LATENCY: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Of work within this process, in seconds.
const INNER: &[f64] = &[
    0.000_01, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.5, 1.0,
];

/// Up to the last write, in seconds: a client may be slow.
const WRITTEN: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
];

const fn counter(name: &'static str, help: &'static str) -> Row {
    Row {
        name,
        kind: Kind::Counter,
        unit: Unit::Count,
        help,
    }
}

const fn gauge(name: &'static str, help: &'static str) -> Row {
    Row {
        name,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help,
    }
}

const fn seconds(name: &'static str, buckets: &'static [f64], help: &'static str) -> Row {
    Row {
        name,
        kind: Kind::Histogram(buckets),
        unit: Unit::Seconds,
        help,
    }
}

const fn summary_ms(name: &'static str, help: &'static str) -> Row {
    Row {
        name,
        kind: Kind::Summary,
        unit: Unit::Milliseconds,
        help,
    }
}

impl Row {
    const fn bytes(mut self) -> Self {
        self.unit = Unit::Bytes;
        self
    }

    const fn seconds(mut self) -> Self {
        self.unit = Unit::Seconds;
        self
    }
}

macro_rules! table {
    ($($name:ident = $row:expr;)*) => {
        $(pub(super) const $name: Row = $row;)*
        /// Every row.
        pub const TABLE: &[Row] = &[$($name),*];
    };
}

table! {
    USERS_CONNECTED = gauge("users_connected", "Open client sessions");
    USERS_LOGGED = gauge("users_logged", "Sessions that are logged in");
    SUBSCRIPTION = summary_ms("rocketchat_subscription", "Time from a sub to its ready or nosub");

    SESSIONS = gauge("ddp_sessions", "Open client sessions, by transport");
    ACCEPTED = counter("ddp_sessions_accepted_total", "Client sessions opened, by transport");
    REFUSED = counter("ddp_connections_refused_total", "Connections refused, by reason");
    ACCEPT_ERRORS = counter("ddp_accept_errors_total", "Connections that could not be accepted");
    CLOSED = counter("ddp_sessions_closed_total", "Client sessions closed, by close code");
    SLOW_CONSUMERS = counter("ddp_slow_consumers_total", "Sessions closed because they did not read");
    RECEIVED = counter("ddp_messages_received_total", "DDP messages from clients, by kind");
    SENT = counter("ddp_messages_sent_total", "DDP messages to clients, by kind");
    RECEIVED_BYTES = counter("ddp_received_bytes_total", "Bytes of frames from clients").bytes();
    SENT_BYTES = counter("ddp_sent_bytes_total", "Bytes of frames to clients").bytes();
    QUEUE_BYTES = gauge("ddp_queue_bytes", "Bytes queued for clients and not yet written").bytes();
    TOPICS = gauge("ddp_topics", "Topics that a session listens to: stream and event name");
    TASKS = gauge("ddp_tasks", "Tasks that have not ended: one a session, and the service's own");
    REQUESTS_REFUSED = counter("ddp_requests_refused_total", "Requests refused because too many of their session wait");
    ERRORS = counter("ddp_errors_total", "Methods and subscriptions answered with an error, by kind and code");
    SESSIONS_LIMIT = gauge("ddp_sessions_limit", "Client sessions that may be open");
    RATE_LIMITED = counter("rocketchat_ddp_rate_limit_exceeded", "Requests refused by the workspace's rate limits, by limit, type and name");
    METHOD_SECONDS = seconds("ddp_method_duration_seconds", LATENCY, "Time from a method to its result, by method and outcome");

    RELAY_UP = gauge("relay_server_up", "1 while the server that sessions are relayed to is there");
    RELAY_CONNECTS = counter("relay_connects_total", "Connections to that server that sessions asked for, by outcome");
    RELAY_LOST = counter("relay_lost_total", "Sessions whose connection to that server was lost");
    RELAY_HTTP = counter("relay_http_requests_total", "HTTP requests passed to that server, by class of the answer's status");
    CERTIFICATE_SECONDS = gauge("tls_certificate_remaining_seconds", "Until the certificate that clients are shown expires; below 0 once it has").seconds();
    LOG_LINES_LOST = counter("log_lines_lost_total", "Log lines that could not be written, by where to");

    STREAM_EVENTS = counter("stream_events_total", "Stream events, by stream");
    STREAM_DELIVERIES = counter("stream_deliveries_total", "Stream events put into a session's queue, by stream");
    STREAM_ENCODINGS = counter("stream_encodings_total", "Frames built for stream events, by stream");
    FAN_OUT_SECONDS = seconds("stream_fan_out_seconds", INNER, "Time to hand one stream event to all its listeners");
    EVENT_SECONDS = seconds("stream_event_latency_seconds", INNER, "Time from a broadcast's arrival to the last listener's queue");
    EVENT_WRITTEN_SECONDS = seconds("stream_event_written_seconds", WRITTEN, "Time from a broadcast's arrival until its frame has left for the last listener, or that one has");
    LOOKUPS_WAITING = gauge("lookups_waiting", "Look-ups that wait or run, by queue");
    LOOKUPS_LIMIT = gauge("lookups_limit", "Look-ups that may wait or run, by queue");
    LOOKUPS_LOST = counter("lookups_lost_total", "Look-ups that did not fit their queue or fell with a panic, by queue");
    PANICS = counter("panics_caught_total", "Panics that harmed nobody else, by where");
    ACCESS_CACHE = counter("authorization_cache_total", "Access questions, by whether an earlier answer was reused");

    MESH_CALLS = counter("mesh_calls_total", "Calls to the core, by action and outcome");
    MESH_CALL_SECONDS = seconds("mesh_call_duration_seconds", LATENCY, "Time of calls to the core, by action");
    MESH_SERVICE_NODES = gauge("mesh_service_nodes", "Nodes that offer a service that clients cannot do without");
    MESH_EVENTS = counter("mesh_events_received_total", "Events from the mesh, by name");
    MESH_IGNORED = counter("mesh_events_ignored_total", "Events from the mesh that became nothing, by name");
    MESH_RESENT = counter("mesh_requests_resent_total", "Requests sent again because nobody took them");
    MESH_CALLS_WAITING = gauge("mesh_calls_waiting", "Calls that wait for their answers");
    MESH_INBOX_BYTES = gauge("mesh_inbox_bytes", "Bytes of events that wait to be handled").bytes();
    MESH_OUTBOX_BYTES = gauge("mesh_outbox_bytes", "Bytes that wait for NATS to take them").bytes();
    MESH_INBOX_LIMIT = gauge("mesh_inbox_limit_bytes", "Bytes of events that may wait to be handled").bytes();
    MESH_OUTBOX_LIMIT = gauge("mesh_outbox_limit_bytes", "Bytes that may wait for NATS to take them").bytes();
    MESH_LOST = counter("mesh_messages_lost_total", "Messages from the mesh that were lost, at least, by where");
    MESH_DROPPED = counter("mesh_packets_dropped_total", "Packets of others that were dropped, by reason");
    MESH_TOO_LARGE = counter("mesh_packets_too_large_total", "Own packets over what the NATS server takes");
    MESH_UNSENT = counter("mesh_events_unsent_total", "Own events that could not be sent");
    NATS_CONNECTED = gauge("nats_connected", "1 while NATS is connected");
    NATS_CONNECT_FAILURES = counter("nats_connect_failures_total", "Attempts to connect to NATS that failed");
    NATS_RECONNECTS = counter("nats_reconnects_total", "Connections to NATS after the first");

    STORE_READS = counter("store_reads_total", "Reads of the database (or of the memory that stands in for it), by what is read");
    MONGODB_OPERATIONS = counter("mongodb_operations_total", "Database operations, by operation and outcome");
    MONGODB_SECONDS = seconds("mongodb_operation_duration_seconds", LATENCY, "Time of database operations, by operation");

    SPANS = counter("traces_spans_total", "Spans made, by what became of them");

    MOL_REQUESTS = counter("moleculer_request_total", "Calls");
    MOL_REQUEST_ERRORS = counter("moleculer_request_error_total", "Failed calls");
    MOL_REQUEST_TIME = summary_ms("moleculer_request_time", "Time of calls");
    MOL_REQUESTS_RATE = gauge("moleculer_request_total_rate", "Calls a minute");
    MOL_REQUEST_ERRORS_RATE = gauge("moleculer_request_error_total_rate", "Failed calls a minute");
    MOL_REQUEST_TIME_RATE = gauge("moleculer_request_time_rate", "Timed calls a minute");
    MOL_RETRIES = counter("moleculer_request_retry_attempts_total", "Calls that were tried again");
    MOL_EVENT_BROADCAST = counter("moleculer_event_broadcast_total", "Events broadcast by this node");
    MOL_EVENT_BROADCAST_LOCAL = counter("moleculer_event_broadcast_local_total", "Events broadcast within this node");
    MOL_NODES = gauge("moleculer_registry_nodes_total", "Nodes known");
    MOL_NODES_ONLINE = gauge("moleculer_registry_nodes_online_total", "Nodes available");
    MOL_SERVICES = gauge("moleculer_registry_services_total", "Services known");
    MOL_ACTIONS = gauge("moleculer_registry_actions_total", "Actions known");
    MOL_EVENTS = gauge("moleculer_registry_events_total", "Event subscriptions known");
    MOL_PUBLISH = counter("moleculer_transit_publish_total", "Packets published, by type");
    MOL_RECEIVE = counter("moleculer_transit_receive_total", "Packets received, by type");
    MOL_ORPHANS = counter("moleculer_transit_orphan_response_total", "Answers that nobody waits for");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    // contract: telemetry/metrics/own
    #[test]
    fn names_are_unique_and_ours_carry_their_unit() {
        let mut names = HashSet::new();
        for row in TABLE {
            assert!(names.insert(row.name), "{} twice", row.name);
            assert!(!row.help.is_empty());
            let kept = ["moleculer_", "users_", "rocketchat_"]
                .iter()
                .any(|prefix| row.name.starts_with(prefix));
            if kept {
                continue;
            }
            assert_eq!(
                row.name.ends_with("_total"),
                row.kind == Kind::Counter,
                "{}",
                row.name
            );
            assert_eq!(
                row.name.ends_with("_seconds"),
                row.unit == Unit::Seconds,
                "{}",
                row.name
            );
            assert_eq!(
                row.name.contains("_bytes"),
                row.unit == Unit::Bytes,
                "{}",
                row.name
            );
            assert_ne!(row.kind, Kind::Summary, "{}", row.name);
        }
    }
}
