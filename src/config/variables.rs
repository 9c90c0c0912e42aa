//! Every variable, one row each: name, default, what is accepted, what it does. Documentation and the `config` command are made of these rows.

use super::shape::Shape;

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// The name in the environment; a file has it in lower case.
    pub name: &'static str,
    /// The default as text; empty for none, or for one that depends on the host.
    pub default: &'static str,
    /// What is accepted.
    pub shape: Shape,
    /// What it does, in a few words.
    pub doc: &'static str,
    /// Never shown.
    pub secret: bool,
}

const fn row(
    name: &'static str,
    default: &'static str,
    shape: Shape,
    doc: &'static str,
) -> Variable {
    Variable {
        name,
        default,
        shape,
        doc,
        secret: false,
    }
}

const fn secret(
    name: &'static str,
    default: &'static str,
    shape: Shape,
    doc: &'static str,
) -> Variable {
    Variable {
        name,
        default,
        shape,
        doc,
        secret: true,
    }
}

/// The file read before the environment; it cannot be named in a file.
pub const CONFIG_FILE: &str = "CONFIG_FILE";

/// The word for nothing in OpenTelemetry's variables.
pub(super) const NONE: &str = "none";

const LOG_LEVELS: &[&str] = &["trace", "debug", "info", "warn", "error", "fatal"];

const OTLP_SCHEMES: &[&str] = &["http", "https"];
const OTLP_PROTOCOLS: &[&str] = &["grpc", "http/protobuf"];
const OTLP_COMPRESSIONS: &[&str] = &[NONE, "gzip"];
const EXPORTERS: &[&str] = &["otlp", NONE];
/// The largest number that OpenTelemetry's specification lets be said.
const INT_MAX: u64 = i32::MAX as u64;
const PROPAGATORS: &[&str] = &["tracecontext", "baggage", NONE];
const SAMPLERS: &[&str] = &[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// A day in seconds: no time-out or interval here is sensible beyond it.
const DAY: u64 = 86_400;

/// Every variable, in the order in which it is documented and checked. A row stays a line.
#[rustfmt::skip]
pub const VARIABLES: &[Variable] = &[
    row("PORT", "3000", Shape::Port, "listening port; below 1024 with a warning"),
    row("BIND_IP", "", Shape::Ip, "listening address; by default :: where the host has IPv6 (both families), else 0.0.0.0"),
    row("MAX_CONCURRENT_CONNECTIONS", "1000", Shape::Whole(1, 1_000_000), "above it an upgrade is refused with 503; 100–10000 is the usual range"),
    row(HEARTBEAT_INTERVAL, "", Shape::Seconds(1, 3600), "silence before a client is pinged, 10–60 (30); with HEARTBEAT_TIMEOUT set too, how often the mesh node beats"),
    row(HEARTBEAT_TIMEOUT, "", Shape::Seconds(1, 3600), "silence after which a mesh node counts as lost (30)"),
    row(DDP_HEARTBEAT_INTERVAL, "", Shape::Seconds(10, 60), "silence before a client is pinged, whatever HEARTBEAT_INTERVAL says"),
    row("CONNECTION_TIMEOUT", "60", Shape::Seconds(30, 300), "silence before a client is closed; above the client's heartbeat interval"),
    row(ENABLE_TLS, "false", Shape::Switch, "serve wss and https"),
    row(TLS_CERT_PATH, "", Shape::Path, "certificate chain in PEM; a file that changes is taken within seconds"),
    row(TLS_KEY_PATH, "", Shape::Path, "private key in PEM"),
    row(TLS_TICKET_KEY_PATH, "", Shape::Path, "keys for session tickets that several streamers share: 32 bytes in base64, one a line; the first seals, all open; read again when changed"),
    row("TLS_CA_PATH", "", Shape::File, "further trusted certificates in PEM"),
    row("LOG_LEVEL", "", Shape::OneOf(LOG_LEVELS), "by default MOLECULER_LOG_LEVEL, else info; RUST_LOG wins"),
    row("MOLECULER_LOG_LEVEL", "", Shape::OneOf(LOG_LEVELS), "the level where LOG_LEVEL is not set"),
    row("RUST_LOG", "", Shape::LogFilter, "filters that win over the level"),
    row("LOG_FORMAT", "", Shape::OneOf(&["json", "pretty"]), "by default json with NODE_ENV=production, else pretty"),
    row("NODE_ENV", "", Shape::Text, "production makes json the default of LOG_FORMAT"),
    row("LOG_FILE_PATH", "", Shape::Path, "logs also go to this file, rotated daily"),
    row("HTTP_FORWARDED_COUNT", "0", Shape::Whole(0, 100), "proxies to trust in X-Forwarded-For"),
    row(DDP_MAX_MESSAGE_BYTES, "1048576", Shape::Bytes(256, 1 << 30), "largest frame from a client; with DDP_SERVER_URL below DDP_MAX_BUFFERED_BYTES"),
    row(DDP_MAX_BUFFERED_BYTES, "4194304", Shape::Bytes(1024, 1 << 30), "unsent bytes of one session before it is closed 1013"),
    row(DDP_MAX_BUFFERED_TOTAL, "", Shape::Bytes(1024, 1 << 40), "unsent bytes of all sessions before those are closed 1013 that have not read for longest; by default a quarter of the memory of the cgroup or the machine"),
    row("DDP_MAX_SUBSCRIPTIONS", "1000", Shape::Whole(1, 100_000), "publications of one session"),
    row("DDP_PASSWORD_LOGIN", "false", Shape::Switch, "password logins are passed on to the account service"),
    row("SHUTDOWN_GRACE", "8", Shape::Seconds(1, 3600), "the whole stop after SIGTERM"),
    row("HEALTH_MESH_GRACE", "600", Shape::Seconds(0, DAY), "how long NATS may be away before /health fails"),
    row("DDP_ALLOWED_ORIGINS", "", Shape::Origins, "another Origin is refused with 403; empty allows any"),
    row("DDP_HANDSHAKE_TIMEOUT", "10", Shape::Seconds(1, 300), "for the HTTP upgrade, and again for the DDP connect"),
    row(DDP_SERVER_URL, "", Shape::Server, "the Rocket.Chat server that each session is relayed to; without TRANSPORTER only"),
    row(RELAY_HTTP, "false", Shape::Switch, "plain HTTP requests are passed to the server of DDP_SERVER_URL; a connection may rest for 75 s between them"),
    secret("MONGO_URL", "mongodb://localhost:27017/rocketchat", Shape::Mongo, "the database; memory: keeps everything in memory"),
    row(ADMIN_PORT, "", Shape::PortOrOff, "status page"),
    row(ADMIN_BIND_IP, "127.0.0.1", Shape::Ip, "address of the status page; another than this machine's own needs ADMIN_TOKEN"),
    row("ADMIN_HOSTS", "", Shape::Hosts, "further names by which the status page may be asked"),
    secret(ADMIN_TOKEN, "", Shape::Token(16), "what the status page asks for: as Bearer, or as the password of HTTP Basic"),
    row(DDP_RATE_LIMIT, "off", Shape::OneOf(&["off", "settings"]), "settings: the workspace's DDP_Rate_Limit_* settings hold for methods and subscriptions"),
    row(RATE_LIMITER_EXEMPT, "", Shape::Networks, "networks that DDP_RATE_LIMIT leaves out, besides loopback"),
    row("DDP_MAX_CONNECTIONS_PER_IP", "off", Shape::WholeOrOff(1, 1_000_000), "above it an upgrade is refused with 429; sessions whose address the proxies do not tell are not counted"),
    row("DDP_MAX_SESSIONS_PER_USER", "off", Shape::WholeOrOff(1, 1_000_000), "above it a login is refused with too-many-sessions"),
    row("DDP_LOGIN_RATE", "off", Shape::RateOrOff, "<failures>/<seconds> of one address; above it a login waits, from 1 s doubling to 60 s"),
    row("TOKIO_WORKER_THREADS", "", Shape::Whole(1, 1024), "threads that run tasks; by default one a core"),
    row("INSTANCE_IP", "", Shape::Ignored, "accepted, without effect: no address of this process is told to anybody"),
    row("MULTIPLE_INSTANCES_PING_INTERVAL", "10", Shape::Seconds(1, 3600), "how often the instances document is touched"),
    row("MULTIPLE_INSTANCES_EXPIRE", "", Shape::Minutes(1, 1440), "when an untouched one is dropped; by default three pings, rounded up to a minute"),
    row("DISABLE_MESSAGE_PARSER", "false", Shape::Switch, "ephemeral messages go out without md"),
    secret(TRANSPORTER, "", Shape::Nats, "the mesh's NATS servers; required without DDP_SERVER_URL and BROKER=nats"),
    row(BROKER, "moleculer", Shape::OneOf(&["moleculer", "nats"]), "how the mesh talks over NATS: Moleculer's protocol, or the plain broker of 8.x"),
    secret(NATS_URL, "", Shape::Nats, "the NATS servers of BROKER=nats; by default those of TRANSPORTER, else nats://localhost:4222"),
    row("MS_NAMESPACE", "", Shape::Subject, "the mesh's namespace"),
    row("NODE_ID", "", Shape::Subject, "by default <host name>-<pid>, or <host name>-<random UUID> with BROKER=nats"),
    row("SERIALIZER", "EJSON", Shape::OneOf(&["EJSON", "JSON", "MsgPack", "Notepack", "CBOR", "ProtoBuf"]), "how packets are written; every node uses the same"),
    row("MOLECULER_PROTOCOL", "4", Shape::OneOf(&["4", "5"]), "5 takes packets of protocol 5 (Moleculer 0.15) as well"),
    row("BALANCE_STRATEGY", "RoundRobin", Shape::OneOf(&["RoundRobin", "Random", "CpuUsage", "Latency"]), "how one of several nodes is picked"),
    row("BALANCE_PREFER_LOCAL", "true", Shape::Switch, "this node's own actions first"),
    row("REQUEST_TIMEOUT", "60", Shape::Seconds(1, 3600), "how long a call may take"),
    row("RETRY_ENABLED", "false", Shape::Switch, "repeat calls that are safe to repeat"),
    row("RETRY_RETRIES", "5", Shape::Whole(0, 100), "attempts after the first"),
    row("RETRY_DELAY", "100", Shape::Millis(0, 600_000), "before the first repetition"),
    row("RETRY_MAX_DELAY", "1000", Shape::Millis(0, 600_000), "the longest delay"),
    row("RETRY_FACTOR", "2", Shape::Factor(1, 100), "how the delay grows"),
    row("BULKHEAD_ENABLED", "false", Shape::Switch, "bound the calls in flight per action"),
    row("BULKHEAD_CONCURRENCY", "10", Shape::Whole(1, 1_000_000), "calls in flight per action"),
    row("BULKHEAD_MAX_QUEUE_SIZE", "10000", Shape::Whole(0, 10_000_000), "calls that wait; one more is refused"),
    row("WAIT_FOR_SERVICES_TIMEOUT", "10000", Shape::Millis(0, 600_000), "how long a call waits for a service that is not there"),
    row("LICENSE_CHECK_INTERVAL", "20", Shape::Seconds(1, DAY), "how often the licence is asked for"),
    row("MAX_FAILS", "2", Shape::Whole(1, 1000), "failures in a row before the licence rule is applied"),
    row("MS_METRICS", "false", Shape::Switch, "serve Prometheus metrics"),
    row(MS_METRICS_PORT, "9458", Shape::Port, "port of the metrics"),
    row(TRACING_ENABLED, "false", Shape::Switch, "send traces to an OpenTelemetry collector"),
    row(OTEL_SDK_DISABLED, "false", Shape::Switch, "no traces, whatever TRACING_ENABLED says"),
    row(OTEL_TRACES_EXPORTER, "otlp", Shape::Words(EXPORTERS), "none: no traces, whatever TRACING_ENABLED says"),
    row("OTEL_EXPORTER_OTLP_ENDPOINT", "", Shape::Url(OTLP_SCHEMES), "the collector; by default http://localhost:4317, with http/protobuf http://localhost:4318, /v1/traces added"),
    row("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", Shape::Url(OTLP_SCHEMES), "the same for traces, nothing added"),
    row("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", Shape::OneOf(OTLP_PROTOCOLS), "how traces travel"),
    row("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "", Shape::OneOf(OTLP_PROTOCOLS), "wins over it, as every …_TRACES_…"),
    secret("OTEL_EXPORTER_OTLP_HEADERS", "", Shape::Headers, "headers for the collector, such as authorization=Bearer%20…"),
    secret("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "", Shape::Headers, "in place of them"),
    row("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", Shape::Millis(0, INT_MAX), "for one batch, repetitions included; 0: as long as it takes"),
    row("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "", Shape::Millis(0, INT_MAX), "wins over it"),
    row("OTEL_EXPORTER_OTLP_COMPRESSION", "none", Shape::OneOf(OTLP_COMPRESSIONS), "of what is sent"),
    row("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "", Shape::OneOf(OTLP_COMPRESSIONS), "wins over it"),
    row("OTEL_EXPORTER_OTLP_CERTIFICATE", "", Shape::Path, "certificates in PEM that are trusted besides the host's and those of TLS_CA_PATH"),
    row("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "", Shape::Path, "in place of them"),
    row("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "", Shape::Path, "chain in PEM that is shown to the collector"),
    row("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "", Shape::Path, "in place of it"),
    row("OTEL_EXPORTER_OTLP_CLIENT_KEY", "", Shape::Path, "its private key in PEM"),
    row("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "", Shape::Path, "in place of it"),
    row("OTEL_SERVICE_NAME", "", Shape::Text, "by default service.name of OTEL_RESOURCE_ATTRIBUTES, else ddp-streamer"),
    row("OTEL_RESOURCE_ATTRIBUTES", "", Shape::Attributes, "what every trace says of this process besides"),
    row(OTEL_TRACES_SAMPLER, "parentbased_always_on", Shape::OneOf(SAMPLERS), "which traces are kept"),
    row(OTEL_TRACES_SAMPLER_ARG, "", Shape::Factor(0, 1), "the share that a …traceidratio keeps; by default 1"),
    row("OTEL_BSP_SCHEDULE_DELAY", "5000", Shape::Millis(1, INT_MAX), "the longest that a span waits to be sent"),
    row("OTEL_BSP_EXPORT_TIMEOUT", "30000", Shape::Millis(0, INT_MAX), "for one batch, where the exporter's own is longer; 0: that one holds"),
    row(OTEL_BSP_MAX_QUEUE_SIZE, "2048", Shape::Whole(1, INT_MAX), "spans that may wait, 1000000 at most; more are dropped and counted"),
    row(OTEL_BSP_MAX_EXPORT_BATCH_SIZE, "512", Shape::Whole(1, INT_MAX), "spans of one batch"),
    row("OTEL_ATTRIBUTE_COUNT_LIMIT", "128", Shape::Whole(0, INT_MAX), "attributes of a span"),
    row("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "", Shape::Whole(0, INT_MAX), "characters of an attribute; no limit unless set"),
    row("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "", Shape::Whole(0, INT_MAX), "wins over it"),
    row("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "", Shape::Whole(0, INT_MAX), "wins over it"),
    row("OTEL_SPAN_EVENT_COUNT_LIMIT", "128", Shape::Whole(0, INT_MAX), "events of a span"),
    row("OTEL_SPAN_LINK_COUNT_LIMIT", "128", Shape::Whole(0, INT_MAX), "links of a span"),
    row("OTEL_PROPAGATORS", "tracecontext,baggage", Shape::Words(PROPAGATORS), "how contexts travel; baggage is not carried"),
    row("CACHE", "", Shape::Ignored, "of other services"),
    row("SKIP_PROCESS_EVENT_REGISTRATION", "", Shape::Ignored, "of other services"),
    secret("MONGO_OPLOG_URL", "", Shape::Ignored, "of other services"),
    row("ROOT_URL", "", Shape::Ignored, "of other services"),
    row("DB_WATCHERS", "", Shape::Ignored, "of other services"),
];

pub(super) const HEARTBEAT_INTERVAL: &str = "HEARTBEAT_INTERVAL";
pub(super) const HEARTBEAT_TIMEOUT: &str = "HEARTBEAT_TIMEOUT";
pub(super) const DDP_HEARTBEAT_INTERVAL: &str = "DDP_HEARTBEAT_INTERVAL";
pub(super) const ENABLE_TLS: &str = "ENABLE_TLS";
pub(super) const TLS_CERT_PATH: &str = "TLS_CERT_PATH";
pub(super) const TLS_KEY_PATH: &str = "TLS_KEY_PATH";
pub(super) const TRACING_ENABLED: &str = "TRACING_ENABLED";
pub(super) const OTEL_SDK_DISABLED: &str = "OTEL_SDK_DISABLED";
pub(super) const OTEL_TRACES_EXPORTER: &str = "OTEL_TRACES_EXPORTER";
pub(super) const OTEL_TRACES_SAMPLER: &str = "OTEL_TRACES_SAMPLER";
pub(super) const OTEL_TRACES_SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
pub(super) const OTEL_BSP_MAX_QUEUE_SIZE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
pub(super) const OTEL_BSP_MAX_EXPORT_BATCH_SIZE: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
pub(super) const TRANSPORTER: &str = "TRANSPORTER";
pub(super) const BROKER: &str = "BROKER";
pub(super) const NATS_URL: &str = "NATS_URL";
pub(super) const RELAY_HTTP: &str = "RELAY_HTTP";
pub(super) const DDP_SERVER_URL: &str = "DDP_SERVER_URL";
pub(super) const TLS_TICKET_KEY_PATH: &str = "TLS_TICKET_KEY_PATH";
pub(super) const DDP_MAX_MESSAGE_BYTES: &str = "DDP_MAX_MESSAGE_BYTES";
pub(super) const DDP_MAX_BUFFERED_BYTES: &str = "DDP_MAX_BUFFERED_BYTES";
pub(super) const DDP_MAX_BUFFERED_TOTAL: &str = "DDP_MAX_BUFFERED_TOTAL";
pub(super) const DDP_RATE_LIMIT: &str = "DDP_RATE_LIMIT";
pub(super) const RATE_LIMITER_EXEMPT: &str = "RATE_LIMITER_EXEMPT";
pub(super) const ADMIN_PORT: &str = "ADMIN_PORT";
pub(super) const ADMIN_BIND_IP: &str = "ADMIN_BIND_IP";
pub(super) const ADMIN_TOKEN: &str = "ADMIN_TOKEN";
pub(super) const MS_METRICS_PORT: &str = "MS_METRICS_PORT";

/// The row of `name`.
pub(super) fn find(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_has_its_own_name_and_a_default_that_it_accepts() {
        let mut names = HashSet::new();
        for variable in VARIABLES {
            assert!(names.insert(variable.name), "{} twice", variable.name);
            assert_eq!(variable.name, variable.name.to_uppercase());
            assert!(!variable.doc.is_empty(), "{}", variable.name);
            let accepted =
                variable.default.is_empty() || variable.shape.parse(variable.default).is_some();
            assert!(accepted, "{}={}", variable.name, variable.default);
        }
    }
}
