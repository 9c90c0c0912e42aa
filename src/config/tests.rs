//! Whole configurations: what deployments set, precedence, and every variable good and bad.

mod traces;

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::Strategy;
use super::*;

const MESH: (&str, &str) = ("TRANSPORTER", "nats://nats:4222");

fn try_load(env: &[(&str, &str)]) -> Result<Loaded, Errors> {
    load(
        env.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

fn loaded(env: &[(&str, &str)]) -> Loaded {
    try_load(env).unwrap_or_else(|errors| panic!("{errors}"))
}

/// With a mesh, and `env` over it.
fn config(env: &[(&str, &str)]) -> Config {
    loaded(&[&[MESH], env].concat()).config
}

/// The lines that stop a start with a mesh and `env` over it.
fn errors(env: &[(&str, &str)]) -> Vec<String> {
    let Err(errors) = try_load(&[&[MESH], env].concat()) else {
        return Vec::new();
    };
    errors.to_string().lines().map(str::to_owned).collect()
}

fn notes(env: &[(&str, &str)], level: NoteLevel) -> Vec<String> {
    let notes = loaded(&[&[MESH], env].concat()).notes.into_iter();
    notes
        .filter(|note| note.level == level)
        .map(|note| note.text)
        .collect()
}

/// A TOML file that is gone with its guard.
struct TomlFile(PathBuf);

impl TomlFile {
    fn new(name: &str, content: &str) -> Self {
        let name = format!("ddp-streamer-config-{name}-{}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TomlFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

// contract: configuration/variable/TOKIO_WORKER_THREADS, configuration/variable/CONNECTION_TIMEOUT
// contract: configuration/variable/DDP_MAX_MESSAGE_BYTES, configuration/variable/DDP_MAX_BUFFERED_BYTES
// contract: configuration/variable/DDP_MAX_SUBSCRIPTIONS
#[test]
fn defaults_are_those_of_the_reference() {
    let config = config(&[]);
    assert_eq!((config.gateway.port, config.gateway.bind), (3000, None));
    assert_eq!(config.gateway.max_connections, 1000);
    assert_eq!(config.gateway.forwarded_count, 0);
    assert!(config.gateway.allowed_origins.is_empty());
    assert_eq!(config.gateway.handshake_timeout, Duration::from_secs(10));
    assert_eq!(config.session.heartbeat_interval, Duration::from_secs(30));
    assert_eq!(config.session.connection_timeout, Duration::from_secs(60));
    assert_eq!(config.session.handshake_timeout, Duration::from_secs(10));
    assert_eq!(config.session.max_message_bytes, 1 << 20);
    assert_eq!(config.session.max_buffered_bytes, 4 << 20);
    assert!(config.session.max_buffered_total >= 4 << 20);
    assert_eq!(config.session.max_subscriptions, 1000);
    assert!(!config.methods.password_login);
    let mesh = &config.mesh;
    assert_eq!(mesh.transporter.servers, ["nats://nats:4222"]);
    assert_eq!(mesh.node.namespace, "");
    assert!(mesh.node_id.ends_with(&format!("-{}", std::process::id())));
    assert_eq!(
        (
            mesh.node.serializer,
            mesh.node.balance,
            mesh.node.prefer_local
        ),
        (SerializerKind::Ejson, Strategy::RoundRobin, true)
    );
    assert_eq!(mesh.node.request_timeout, Duration::from_secs(60));
    let retry = RetryPolicy {
        enabled: false,
        retries: 5,
        delay: Duration::from_millis(100),
        max_delay: Duration::from_secs(1),
        factor: 2.0,
    };
    assert_eq!(mesh.node.retry, retry);
    assert_eq!(mesh.node.heartbeat_interval, Duration::from_secs(10));
    assert_eq!(mesh.node.heartbeat_timeout, Duration::from_secs(30));
    assert_eq!(mesh.node.bulkhead, None);
    assert_eq!(mesh.node.wait_for_services, Duration::from_secs(10));
    assert_eq!(config.license.check_interval, Duration::from_secs(20));
    assert_eq!(config.license.max_fails, 2);
    assert_eq!(
        config.store.url.expose(),
        "mongodb://localhost:27017/rocketchat"
    );
    assert_eq!(config.store.ping_interval, Duration::from_secs(10));
    assert_eq!(config.store.expire, Duration::from_secs(60));
    assert_eq!(config.metrics, None);
    assert_eq!(
        (config.logs.level, config.logs.format),
        (LogLevel::Info, LogFormat::Pretty)
    );
    assert_eq!((config.logs.file, config.logs.filter), (None, None));
    assert_eq!(config.shutdown_grace, Duration::from_secs(8));
    assert_eq!(config.health_mesh_grace, Duration::from_secs(600));
    assert_eq!(config.worker_threads, None);
    assert!(!config.disable_message_parser);
}

#[test]
fn serializers_by_their_names_in_any_case() {
    for (name, serializer) in [
        ("json", SerializerKind::Json),
        ("msgpack", SerializerKind::MsgPack),
        ("Notepack", SerializerKind::Notepack),
        ("cbor", SerializerKind::Cbor),
        ("PROTOBUF", SerializerKind::ProtoBuf),
    ] {
        assert_eq!(
            config(&[("SERIALIZER", name)]).mesh.node.serializer,
            serializer
        );
    }
}

/// What Rocket.Chat's Helm chart gives its microservices.
// contract: configuration/charts, configuration/variable/INSTANCE_IP, configuration/variable/MOLECULER_LOG_LEVEL
// contract: configuration/variable/NODE_ENV, configuration/variable/MS_METRICS
// contract: configuration/variable/MS_METRICS_PORT, configuration/variable/SKIP_PROCESS_EVENT_REGISTRATION
// contract: configuration/variable/MONGO_OPLOG_URL
#[test]
fn the_environment_of_a_chart() {
    let env = [
        ("TRANSPORTER", "nats://rocketchat-nats:4222"),
        ("HEARTBEAT_INTERVAL", "10"),
        ("HEARTBEAT_TIMEOUT", "30"),
        (
            "MONGO_URL",
            "mongodb://rocketchat:p%40ss@mongo-0.mongo:27017/rocketchat?replicaSet=rs0",
        ),
        (
            "MONGO_OPLOG_URL",
            "mongodb://oploguser:p%40ss@mongo-0.mongo:27017/local?replicaSet=rs0&authSource=admin",
        ),
        ("MS_NAMESPACE", "1.10"),
        ("NODE_ID", "7"),
        ("NODE_ENV", "production"),
        ("CACHE", ""),
        ("MOLECULER_LOG_LEVEL", "warn"),
        ("ROOT_URL", "https://chat.example.com"),
        ("INSTANCE_IP", "10.1.2.3"),
        ("SKIP_PROCESS_EVENT_REGISTRATION", "true"),
        ("SERIALIZER", "EJSON"),
        ("BALANCE_STRATEGY", "RoundRobin"),
        ("BALANCE_PREFER_LOCAL", "false"),
        ("RETRY_FACTOR", "2"),
        ("BULKHEAD_ENABLED", "false"),
        ("MS_METRICS", "true"),
        ("MS_METRICS_PORT", "9458"),
        ("TRACING_ENABLED", "false"),
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ("PATH", "/usr/bin"),
    ];
    let loaded = loaded(&env);
    let config = &loaded.config;
    assert_eq!(
        config.session.heartbeat_interval,
        Duration::from_secs(30),
        "the pair is the mesh's"
    );
    assert_eq!(config.mesh.node.heartbeat_interval, Duration::from_secs(10));
    assert_eq!(config.mesh.node.heartbeat_timeout, Duration::from_secs(30));
    assert_eq!(config.mesh.node.namespace, "1.10", "text stays text");
    assert_eq!(config.mesh.node_id, "7");
    assert!(!config.mesh.node.prefer_local);
    assert_eq!(
        (config.logs.level, config.logs.format),
        (LogLevel::Warn, LogFormat::Json)
    );
    assert_eq!(config.metrics, Some(MetricsConfig { port: 9458 }));
    assert!(
        loaded
            .notes
            .iter()
            .all(|note| note.level != NoteLevel::Warn),
        "{:?}",
        loaded.notes
    );
    let ignored = "accepted, without effect: INSTANCE_IP, SKIP_PROCESS_EVENT_REGISTRATION, MONGO_OPLOG_URL, ROOT_URL";
    assert!(loaded.notes.iter().any(|note| note.text == ignored));
    let shown = format!("{loaded:?}");
    assert!(!shown.contains("p%40ss"), "{shown}");
}

/// What the compose file of Rocket.Chat's own CI gives it.
// contract: configuration/charts, configuration/variable/TRANSPORTER
#[test]
fn the_environment_of_the_ci_compose() {
    let env = [
        (
            "MONGO_URL",
            "mongodb://mongo:27017/rocketchat?replicaSet=rs0",
        ),
        ("TRANSPORTER", "monolith+nats://nats:4222"),
        ("MOLECULER_LOG_LEVEL", "info"),
        ("NODE_ENV", "production"),
        ("MONGO_OPLOG_URL", ""),
        ("BIND_IP", ""),
    ];
    let config = loaded(&env).config;
    assert_eq!(config.mesh.transporter.servers, ["nats://nats:4222"]);
    assert_eq!(config.gateway.bind, None);
}

/// Each variable: a value that changes something, and values that stop the start. Kept dense: it is a table.
// contract: configuration/errors, configuration/switches, configuration/variable/SERIALIZER, configuration/variable/MOLECULER_PROTOCOL
// contract: configuration/variable/TLS_CA_PATH, configuration/variable/RUST_LOG, configuration/variable/DB_WATCHERS
#[test]
#[rustfmt::skip]
fn every_variable_good_and_bad() {
    let good: &[(&str, &str)] = &[
        ("PORT", "4000"), ("PORT", "0"), ("PORT", "65535"), ("BIND_IP", "::1"), ("BIND_IP", "127.0.0.1"),
        ("MAX_CONCURRENT_CONNECTIONS", "1000000"), ("HEARTBEAT_INTERVAL", "59"), ("HEARTBEAT_TIMEOUT", "2"), ("DDP_HEARTBEAT_INTERVAL", "10"),
        ("CONNECTION_TIMEOUT", "300"), ("ENABLE_TLS", "no"), ("TLS_CERT_PATH", "/x"), ("TLS_KEY_PATH", "/x"), ("TLS_CA_PATH", "/proc/self/stat"),
        ("LOG_LEVEL", "FATAL"), ("MOLECULER_LOG_LEVEL", "trace"), ("RUST_LOG", "info,hyper=trace"), ("LOG_FORMAT", "json"), ("NODE_ENV", "test"),
        ("LOG_FILE_PATH", "/var/log/x"), ("HTTP_FORWARDED_COUNT", "2"), ("DDP_MAX_MESSAGE_BYTES", "2 MiB"), ("DDP_MAX_BUFFERED_BYTES", "64KiB"),
        ("DDP_MAX_BUFFERED_TOTAL", "4MiB"), ("DDP_MAX_SUBSCRIPTIONS", "37"), ("DDP_PASSWORD_LOGIN", "on"), ("SHUTDOWN_GRACE", "2.5"), ("HEALTH_MESH_GRACE", "0"),
        ("DDP_ALLOWED_ORIGINS", "https://*.example.com, https://a.b"), ("DDP_HANDSHAKE_TIMEOUT", "1"), ("DDP_SERVER_URL", "wss://chat.example.com/websocket"), ("RELAY_HTTP", "off"),
        ("MONGO_URL", "memory:"), ("MONGO_URL", "memory:/seed.json"), ("MONGO_URL", "mongodb+srv://u:p@cluster.example.com/chat"),
        ("ADMIN_PORT", "off"), ("ADMIN_BIND_IP", "::1"), ("ADMIN_HOSTS", "status.example.com, 10.0.0.5, [::1]"),
        ("ADMIN_TOKEN", "a-token-that-fits"), ("DDP_RATE_LIMIT", "settings"), ("RATE_LIMITER_EXEMPT", "10.0.0.0/8, 192.0.2.1,2001:db8::/32"),
        ("DDP_MAX_CONNECTIONS_PER_IP", "20"), ("DDP_MAX_CONNECTIONS_PER_IP", "off"), ("DDP_MAX_SESSIONS_PER_USER", "1"), ("DDP_LOGIN_RATE", "10/60"), ("DDP_LOGIN_RATE", "off"), ("TOKIO_WORKER_THREADS", "2"), ("INSTANCE_IP", "10.0.0.1 172.17.0.1"),
        ("MULTIPLE_INSTANCES_PING_INTERVAL", "30"), ("MULTIPLE_INSTANCES_EXPIRE", "5"), ("DISABLE_MESSAGE_PARSER", "true"),
        ("TRANSPORTER", "tls://a:1,b:2"), ("BROKER", "Moleculer"), ("NATS_URL", "nats://x"), ("MS_NAMESPACE", "team.a"), ("NODE_ID", "pod-1.svc"),
        ("SERIALIZER", "json"), ("SERIALIZER", "MsgPack"), ("SERIALIZER", "notepack"), ("MOLECULER_PROTOCOL", "5"), ("BALANCE_STRATEGY", "Latency"), ("BALANCE_PREFER_LOCAL", "0"), ("REQUEST_TIMEOUT", "5"), ("RETRY_ENABLED", "yes"),
        ("RETRY_RETRIES", "0"), ("RETRY_DELAY", "0"), ("RETRY_MAX_DELAY", "5000"), ("RETRY_FACTOR", "1.5"), ("BULKHEAD_ENABLED", "1"),
        ("BULKHEAD_CONCURRENCY", "3"), ("BULKHEAD_MAX_QUEUE_SIZE", "0"), ("WAIT_FOR_SERVICES_TIMEOUT", "0"), ("LICENSE_CHECK_INTERVAL", "1"),
        ("MAX_FAILS", "1"), ("MS_METRICS", "on"), ("MS_METRICS_PORT", "0"), ("TRACING_ENABLED", "off"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=b, authorization=Bearer%20x"), ("OTEL_SERVICE_NAME", "x"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c=%C3%A9"), ("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_TRACES_SAMPLER_ARG", "0.25"), ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c/v1/traces"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC"), ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", ""),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2147483647"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"), ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/x"), ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/x"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/x"), ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/x"), ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/x"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/x"), ("OTEL_BSP_SCHEDULE_DELAY", "200"), ("OTEL_BSP_EXPORT_TIMEOUT", "5000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2048"), ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "64"), ("OTEL_SPAN_EVENT_COUNT_LIMIT", "1"), ("OTEL_SPAN_LINK_COUNT_LIMIT", "1"),
        ("OTEL_PROPAGATORS", "Tracecontext, baggage"), ("OTEL_PROPAGATORS", "none"), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "0"), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2147483647"), ("CACHE", "x"),
        ("SKIP_PROCESS_EVENT_REGISTRATION", "x"), ("MONGO_OPLOG_URL", "x"), ("ROOT_URL", "x"), ("DB_WATCHERS", "x"), ("TLS_TICKET_KEY_PATH", "/x"),
    ];
    for (name, value) in good {
        assert_eq!(errors(&[(name, value)]), [""; 0], "{name}={value}");
    }
    for variable in VARIABLES {
        assert!(good.iter().any(|(name, _)| *name == variable.name), "{} has no good value here", variable.name);
    }

    let bad: &[(&str, &[&str])] = &[
        ("PORT", &["abc", "65536", "-1", "3000.5", "0x10"]), ("BIND_IP", &["localhost", "1.2.3"]), ("MAX_CONCURRENT_CONNECTIONS", &["0", "1000001", "many"]),
        ("HEARTBEAT_INTERVAL", &["9", "61", "ten"]), ("HEARTBEAT_TIMEOUT", &["0", "x"]), ("DDP_HEARTBEAT_INTERVAL", &["9", "61"]),
        ("CONNECTION_TIMEOUT", &["29", "301", "30"]), ("ENABLE_TLS", &["maybe"]), ("TLS_CA_PATH", &["/nowhere.pem", "/tmp"]), ("LOG_LEVEL", &["loud"]),
        ("MOLECULER_LOG_LEVEL", &["loud"]), ("RUST_LOG", &["a=b=c"]), ("LOG_FORMAT", &["xml"]), ("HTTP_FORWARDED_COUNT", &["-1", "101"]),
        ("DDP_MAX_MESSAGE_BYTES", &["1", "2GiB", "99999999999"]), ("DDP_MAX_BUFFERED_BYTES", &["0"]), ("DDP_MAX_BUFFERED_TOTAL", &["x", "4194303"]), ("DDP_MAX_SUBSCRIPTIONS", &["0", "100001"]),
        ("DDP_PASSWORD_LOGIN", &["ja"]), ("SHUTDOWN_GRACE", &["0", "8s"]), ("HEALTH_MESH_GRACE", &["86401"]), ("DDP_ALLOWED_ORIGINS", &["https://a b"]),
        ("DDP_HANDSHAKE_TIMEOUT", &["0", "301"]), ("DDP_SERVER_URL", &["http://x", "ws://", "ws://a b", "ws://u:p@a"]), ("RELAY_HTTP", &["x"]), ("MONGO_URL", &["postgres://x", "mongodb://", "x"]),
        ("ADMIN_PORT", &["70000", "x"]), ("ADMIN_BIND_IP", &["x"]), ("ADMIN_HOSTS", &["a b", "a:1", "https://a"]),
        ("DDP_RATE_LIMIT", &["on", "x"]), ("RATE_LIMITER_EXEMPT", &["10.0.0.0/33", "x"]), ("DDP_MAX_CONNECTIONS_PER_IP", &["-1", "x"]),
        ("DDP_MAX_SESSIONS_PER_USER", &["x"]), ("DDP_LOGIN_RATE", &["10", "0/60", "10/0", "10/x", "1001/60", "1/86401"]),
        ("ADMIN_TOKEN", &["fifteen-letters", "sixteen letters ", "sechzehn-zeichen-ü"]), ("TOKIO_WORKER_THREADS", &["0", "1025"]),
        ("MULTIPLE_INSTANCES_PING_INTERVAL", &["0"]), ("MULTIPLE_INSTANCES_EXPIRE", &["0"]), ("DISABLE_MESSAGE_PARSER", &["x"]),
        ("TRANSPORTER", &["redis://x", "TCP", "nats"]), ("BROKER", &["amqp"]), ("NATS_URL", &["http://x"]), ("MS_NAMESPACE", &["a b", "a>", "*", "a..b"]),
        ("NODE_ID", &["a b", ".", "x*"]), ("SERIALIZER", &["Avro", "Thrift"]), ("MOLECULER_PROTOCOL", &["3", "4,5"]), ("BALANCE_STRATEGY", &["Shard"]), ("BALANCE_PREFER_LOCAL", &["x"]),
        ("REQUEST_TIMEOUT", &["0", "1e3"]), ("RETRY_ENABLED", &["x"]), ("RETRY_RETRIES", &["101"]), ("RETRY_DELAY", &["x"]), ("RETRY_MAX_DELAY", &["x"]),
        ("RETRY_FACTOR", &["0.5", "NaN", "inf"]), ("BULKHEAD_ENABLED", &["x"]), ("BULKHEAD_CONCURRENCY", &["0"]), ("BULKHEAD_MAX_QUEUE_SIZE", &["-1"]),
        ("WAIT_FOR_SERVICES_TIMEOUT", &["600001"]), ("LICENSE_CHECK_INTERVAL", &["0"]), ("MAX_FAILS", &["0"]), ("MS_METRICS", &["x"]),
        ("MS_METRICS_PORT", &["x"]), ("TRACING_ENABLED", &["x"]), ("OTEL_EXPORTER_OTLP_ENDPOINT", &["localhost:4317"]), ("OTEL_EXPORTER_OTLP_PROTOCOL", &["x"]),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &["unix:///x"]), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", &["http"]), ("OTEL_EXPORTER_OTLP_HEADERS", &["a", "a=é", "a b=c"]),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", &["=x", "a=%0a"]), ("OTEL_EXPORTER_OTLP_TIMEOUT", &["2147483648", "10s"]), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", &["-1"]),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", &["zip"]), ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", &["zstd"]), ("OTEL_RESOURCE_ATTRIBUTES", &["a", "a=%", "a;b=c"]),
        ("OTEL_TRACES_SAMPLER", &["x-ray", "xray,always_on"]), ("OTEL_TRACES_SAMPLER_ARG", &["1.1", "-0.1", "half"]), ("OTEL_SDK_DISABLED", &["x"]),
        ("OTEL_BSP_SCHEDULE_DELAY", &["0"]), ("OTEL_BSP_EXPORT_TIMEOUT", &["x"]), ("OTEL_BSP_MAX_QUEUE_SIZE", &["0"]), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &["0"]),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", &["-1"]), ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", &["x"]), ("OTEL_SPAN_EVENT_COUNT_LIMIT", &["x"]),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", &["x"]), ("OTEL_PROPAGATORS", &["b4", "tracecontext,b4"]), ("OTEL_TRACES_EXPORTER", &["x", "otlp,x"]),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", &["-1", "2147483648"]), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", &["x"]),
    ];
    for (name, values) in bad {
        for value in *values {
            let lines = errors(&[(name, value)]);
            assert_eq!(lines.len(), 1, "{name}={value}: {lines:?}");
            assert!(lines[0].starts_with(&format!("{name}=")), "{lines:?}");
            assert!(lines[0].contains(": not accepted; expected "), "{lines:?}");
        }
    }
    let takes_anything = |shape| matches!(shape, Shape::Text | Shape::Ignored | Shape::Path);
    for variable in VARIABLES.iter().filter(|variable| !takes_anything(variable.shape)) {
        assert!(bad.iter().any(|(name, _)| *name == variable.name), "{} has no bad value here", variable.name);
    }
}

// contract: configuration/errors, configuration/secrets
#[test]
fn all_errors_at_once_in_the_order_of_the_table() {
    let env = [
        ("PORT", "x"),
        ("RETRY_FACTOR", "0"),
        ("MONGO_URL", "redis://me:secret@host"),
        ("LOG_LEVEL", "a\nb"),
        ("ENABLE_TLS", "true"),
        ("TLS_KEY_PATH", "/nowhere.pem"),
        ("TRACING_ENABLED", "yes"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/nowhere.pem"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512"),
    ];
    let Err(errors) = try_load(&env) else {
        panic!("accepted")
    };
    assert_eq!(
        errors.to_string(),
        "PORT=x: not accepted; expected a port, 1024–65535\n\
         LOG_LEVEL=a\\nb: not accepted; expected one of trace, debug, info, warn, error, fatal\n\
         MONGO_URL=redis://(hidden): not accepted; expected mongodb://…, mongodb+srv://…, memory: or memory:<seed file>\n\
         RETRY_FACTOR=0: not accepted; expected a number, 1–100\n\
         TRANSPORTER and DDP_SERVER_URL: neither is set; expected TRANSPORTER=nats://host:port to join a mesh, or DDP_SERVER_URL=ws://host:port to relay to a server\n\
         TLS_CERT_PATH=: not accepted; expected the path of a file that can be read, with ENABLE_TLS\n\
         TLS_KEY_PATH=/nowhere.pem: not accepted; expected the path of a file that can be read, with ENABLE_TLS\n\
         OTEL_EXPORTER_OTLP_CLIENT_KEY=/nowhere.pem: not accepted; expected the path of a file that can be read\n\
         OTEL_EXPORTER_OTLP_CLIENT_KEY=/nowhere.pem: not accepted; expected OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE as well\n\
         OTEL_BSP_MAX_EXPORT_BATCH_SIZE=512: not accepted; expected at most OTEL_BSP_MAX_QUEUE_SIZE (100)"
    );
}

// contract: relay/url, configuration/variable/DDP_SERVER_URL
#[test]
fn a_server_stands_in_the_place_of_the_mesh() {
    let alone = |env: &[(&str, &str)]| try_load(env).unwrap_err().0;
    assert_eq!(alone(&[]), [Problem::NoCore]);
    assert_eq!(alone(&[("TRANSPORTER", "  ")]), [Problem::NoCore]);
    let hidden = alone(&[("DDP_SERVER_URL", "ws://me:pass@server")]);
    assert!(
        hidden[0]
            .to_string()
            .starts_with("DDP_SERVER_URL=ws://(hidden): not accepted")
    );

    let url = ("DDP_SERVER_URL", "ws://rocketchat:3000");
    let relay = |env: &[(&str, &str)]| {
        loaded(env)
            .config
            .relay
            .map(|relay| relay.server.to_string())
    };
    assert_eq!(
        relay(&[url]),
        Some("ws://rocketchat:3000/websocket".to_owned())
    );
    let warnings = |env: &[(&str, &str)]| {
        let notes = loaded(env).notes.into_iter();
        let loud = notes.filter(|note| note.level == NoteLevel::Warn);
        loud.map(|note| note.text).collect::<Vec<_>>()
    };
    assert_eq!(warnings(&[url]), [""; 0]);
    assert_eq!(
        warnings(&[
            url,
            ("MS_NAMESPACE", "a"),
            ("MONGO_URL", "memory:"),
            ("LOG_LEVEL", "info")
        ]),
        ["without effect with DDP_SERVER_URL: MONGO_URL, MS_NAMESPACE"]
    );
    let idle = loaded(&[url]).idle;
    assert!(idle.contains(&"MONGO_URL") && !idle.contains(&"PORT"));
    let known = |name: &&str| VARIABLES.iter().any(|variable| variable.name == *name);
    assert!(idle.iter().all(known));
    assert!(loaded(&[url, MESH]).idle.is_empty());
    assert!(
        loaded(&[url, ("RELAY_HTTP", "yes")])
            .config
            .relay
            .unwrap()
            .http
    );
    assert_eq!(warnings(&[MESH, ("RELAY_HTTP", "yes")]).len(), 1);
    for mesh in [MESH, ("BROKER", "nats")] {
        assert_eq!(relay(&[url, mesh]), None, "the mesh is used");
        assert_eq!(warnings(&[url, mesh]).len(), 1);
    }
}

// contract: configuration/variable/HEARTBEAT_INTERVAL, relay/without-a-mesh
#[test]
fn a_pair_of_heartbeats_has_no_effect_in_front_of_a_server() {
    let url = ("DDP_SERVER_URL", "ws://rocketchat:3000");
    let (interval, timeout) = (("HEARTBEAT_INTERVAL", "20"), ("HEARTBEAT_TIMEOUT", "10"));
    let said = |env: &[(&str, &str)]| {
        let notes = loaded(env).notes.into_iter();
        let loud = notes.filter(|note| note.level != NoteLevel::Debug);
        loud.map(|note| note.text).collect::<Vec<_>>()
    };
    assert_eq!(
        said(&[url, interval, timeout]),
        [
            "HEARTBEAT_INTERVAL and HEARTBEAT_TIMEOUT are read as a mesh's pair, and there is none: clients are pinged after 30s of silence",
            "without effect with DDP_SERVER_URL: HEARTBEAT_TIMEOUT, HEARTBEAT_INTERVAL",
        ]
    );
    assert_eq!(
        said(&[url, timeout]),
        [
            "heartbeats: clients are pinged after 30s of silence",
            "without effect with DDP_SERVER_URL: HEARTBEAT_TIMEOUT",
        ]
    );
    assert_eq!(
        said(&[url, interval]),
        [
            "HEARTBEAT_INTERVAL without HEARTBEAT_TIMEOUT is read as the clients': clients are pinged after 20s of silence"
        ]
    );
}

// contract: configuration/variable/DDP_MAX_MESSAGE_BYTES, relay/limits/message
#[test]
fn a_message_for_a_server_fits_into_what_may_be_unsent() {
    let limits = |message, each| {
        [
            ("DDP_MAX_MESSAGE_BYTES", message),
            ("DDP_MAX_BUFFERED_BYTES", each),
        ]
    };
    let url = ("DDP_SERVER_URL", "ws://rocketchat:3000");
    let relayed = |message, each| try_load(&[&[url][..], &limits(message, each)].concat());
    assert!(relayed("2000", "2014").is_ok());
    assert_eq!(
        relayed("2000", "2013").unwrap_err().to_string(),
        "DDP_MAX_MESSAGE_BYTES=2000: not accepted; expected bytes, with DDP_SERVER_URL at least 14 below DDP_MAX_BUFFERED_BYTES (2013)"
    );
    assert_eq!(errors(&limits("2000", "2013")), [""; 0], "in a mesh");
}

// contract: configuration/variable/HEARTBEAT_INTERVAL, configuration/variable/HEARTBEAT_TIMEOUT
// contract: configuration/variable/DDP_HEARTBEAT_INTERVAL, configuration/variable/CONNECTION_TIMEOUT
// contract: mesh/broker/url, configuration/variable/NATS_URL, configuration/variable/BROKER
#[test]
fn the_plain_broker_finds_nats_by_itself() {
    let mesh = |env: &[(&str, &str)]| loaded(&[&[("BROKER", "nats")], env].concat()).config.mesh;
    let nobody_says = mesh(&[]);
    assert_eq!(nobody_says.broker, Broker::Nats);
    assert_eq!(nobody_says.transporter.servers, ["nats://localhost:4222"]);
    assert!(
        !nobody_says
            .node_id
            .ends_with(&format!("-{}", std::process::id()))
    );
    let transporter = ("TRANSPORTER", "monolith+nats://me:pass@a:1");
    let of_transporter = mesh(&[transporter]).transporter;
    assert_eq!(of_transporter.servers, ["nats://a:1"]);
    assert!(of_transporter.credentials.is_some());
    let own = mesh(&[transporter, ("NATS_URL", "tls://b:2"), ("NODE_ID", "pod.1")]);
    assert_eq!(own.transporter.servers, ["tls://b:2"]);
    assert_eq!(
        (own.transporter.credentials, own.node_id),
        (None, "pod.1".to_owned())
    );

    assert_eq!(
        config(&[("NATS_URL", "nats://b:2")])
            .mesh
            .transporter
            .servers,
        ["nats://nats:4222"]
    );
    let warnings = notes(&[("NATS_URL", "nats://b:2")], NoteLevel::Warn);
    assert_eq!(
        warnings,
        ["NATS_URL has no effect without BROKER=nats: TRANSPORTER is used"]
    );
    let idle = [
        ("BROKER", "nats"),
        ("MS_NAMESPACE", "a"),
        ("SERIALIZER", "CBOR"),
        ("DDP_SERVER_URL", "ws://x"),
    ];
    assert_eq!(
        notes(&idle, NoteLevel::Warn),
        [
            "DDP_SERVER_URL has no effect: BROKER=nats, and the mesh is used",
            "without effect with BROKER=nats: MS_NAMESPACE, SERIALIZER",
        ]
    );
}

#[test]
fn heartbeats_are_read_by_the_pair_rule() {
    let read = |env: &[(&str, &str)]| {
        let config = config(env);
        let seconds = |time: Duration| time.as_secs_f64();
        (
            seconds(config.session.heartbeat_interval),
            seconds(config.mesh.node.heartbeat_interval),
            seconds(config.mesh.node.heartbeat_timeout),
        )
    };
    let (interval, timeout, own) = (
        "HEARTBEAT_INTERVAL",
        "HEARTBEAT_TIMEOUT",
        "DDP_HEARTBEAT_INTERVAL",
    );
    assert_eq!(read(&[(interval, "20")]), (20.0, 10.0, 30.0));
    assert_eq!(read(&[(interval, "5"), (timeout, "20")]), (30.0, 5.0, 20.0));
    assert_eq!(
        read(&[(interval, "5"), (timeout, "20"), (own, "15")]),
        (15.0, 5.0, 20.0)
    );
    assert_eq!(read(&[(interval, "20"), (own, "15")]), (15.0, 10.0, 30.0));
    assert_eq!(read(&[(timeout, "60")]), (30.0, 10.0, 60.0));
    assert_eq!(read(&[(timeout, "3")]), (30.0, 1.0, 3.0), "three beats fit");

    let said = |env: &[(&str, &str)], word: &str| {
        notes(env, NoteLevel::Info)
            .iter()
            .any(|note| note.contains(word))
    };
    assert!(said(
        &[(interval, "10"), (timeout, "30")],
        "read as the mesh's pair"
    ));
    assert!(said(&[(interval, "20")], "read as the clients'"));
    assert_eq!(
        notes(&[(interval, "20"), (timeout, "20")], NoteLevel::Warn).len(),
        1
    );
    assert_eq!(
        errors(&[(interval, "60")]),
        ["CONNECTION_TIMEOUT=60: not accepted; expected seconds above HEARTBEAT_INTERVAL (60s)"]
    );
}

// contract: configuration/variable/CACHE, configuration/variable/ROOT_URL
#[test]
fn what_is_worth_saying_is_said() {
    assert_eq!(notes(&[], NoteLevel::Warn), [""; 0]);
    assert_eq!(
        notes(&[("PORT", "80")], NoteLevel::Warn),
        ["PORT=80: below 1024, where binding may need privileges"]
    );
    assert_eq!(
        notes(&[("MAX_CONCURRENT_CONNECTIONS", "20000")], NoteLevel::Info),
        ["MAX_CONCURRENT_CONNECTIONS=20000: outside the usual range 100–10000"]
    );
    assert_eq!(
        notes(&[("MAX_CONCURRENT_CONNECTIONS", "10000")], NoteLevel::Info),
        [""; 0]
    );
    assert_eq!(
        notes(&[("DDP_SERVER_URL", "ws://x")], NoteLevel::Warn),
        ["DDP_SERVER_URL has no effect: TRANSPORTER is set, and the mesh is used"]
    );
    assert_eq!(notes(&[("MONGO_URL", "memory:")], NoteLevel::Warn).len(), 1);
    assert_eq!(
        notes(&[("DDP_PASSWORD_LOGIN", "true")], NoteLevel::Warn),
        [
            "DDP_PASSWORD_LOGIN opens CVE-2026-28514, CVE-2026-30831 and CVE-2026-30833 on cores that are not mended"
        ]
    );
    let timed = [("MONGO_URL", "mongodb://a/b?socketTimeoutMS=20000")];
    let left_out = "MONGO_URL: socketTimeoutMS has no effect, each operation has its own time-out";
    assert!(notes(&timed, NoteLevel::Debug).contains(&left_out.to_owned()));
    assert_eq!(
        notes(
            &[
                ("MULTIPLE_INSTANCES_PING_INTERVAL", "90"),
                ("MULTIPLE_INSTANCES_EXPIRE", "1")
            ],
            NoteLevel::Warn
        )
        .len(),
        1
    );
    let ignored = "accepted, without effect: CACHE, ROOT_URL".to_owned();
    assert!(notes(&[("CACHE", "x"), ("ROOT_URL", "y")], NoteLevel::Debug).contains(&ignored));
}

// contract: configuration/variable/LOG_LEVEL, configuration/variable/LOG_FORMAT
// contract: configuration/variable/MOLECULER_LOG_LEVEL, configuration/variable/BIND_IP, configuration/variable/PORT
// contract: configuration/variable/MULTIPLE_INSTANCES_EXPIRE, configuration/variable/MULTIPLE_INSTANCES_PING_INTERVAL
#[test]
fn values_land_where_they_belong() {
    let config = config(&[
        ("MULTIPLE_INSTANCES_PING_INTERVAL", "25"),
        ("BULKHEAD_ENABLED", "true"),
        ("BULKHEAD_CONCURRENCY", "3"),
        ("BULKHEAD_MAX_QUEUE_SIZE", "7"),
        ("DDP_ALLOWED_ORIGINS", "https://*.a , https://b,"),
        ("LOG_LEVEL", "Debug"),
        ("MOLECULER_LOG_LEVEL", "fatal"),
        ("NODE_ENV", "production"),
        ("LOG_FORMAT", "PRETTY"),
        ("BIND_IP", "127.0.0.1"),
        ("PORT", "81"),
    ]);
    assert_eq!(
        config.store.expire,
        Duration::from_secs(120),
        "three pings, rounded up to a minute"
    );
    assert_eq!(
        config.mesh.node.bulkhead,
        Some(Bulkhead {
            concurrency: 3,
            max_queue: 7
        })
    );
    assert_eq!(config.gateway.allowed_origins, ["https://*.a", "https://b"]);
    assert_eq!(
        (config.logs.level, config.logs.format),
        (LogLevel::Debug, LogFormat::Pretty)
    );
    assert_eq!(config.gateway.address().to_string(), "127.0.0.1:81");
}

// contract: configuration/variable/MS_METRICS_PORT
#[test]
fn metrics_need_a_port_of_their_own() {
    let taken = [("MS_METRICS", "true"), ("MS_METRICS_PORT", "3000")];
    assert_eq!(
        errors(&taken),
        ["MS_METRICS_PORT=3000: not accepted; expected another port than PORT"]
    );
    assert_eq!(errors(&taken[1..]), [""; 0]);
}

// contract: configuration/errors
#[test]
fn a_bare_percent_in_a_url_is_told_how_to_be_written() {
    let transporter = errors(&[("TRANSPORTER", "nats://me:100%sure@nats:4222")]);
    assert_eq!(
        transporter,
        [
            "TRANSPORTER=nats://(hidden): not accepted; expected nats://[user:pass@]host:port[,…] or tls://…; write %25 \
             for the % in a user name or password"
        ]
    );
    let plain = [("BROKER", "nats"), ("NATS_URL", "nats://me:%@nats:4222")];
    let mongo = [("MONGO_URL", "mongodb://me:50%@mongo/rocketchat")];
    for env in [&plain[..], &mongo] {
        let lines = errors(env);
        assert!(
            lines[0].ends_with("; write %25 for the % in a user name or password"),
            "{lines:?}"
        );
    }
    let other = errors(&[("TRANSPORTER", "nats://me:100%25sure@")]);
    assert!(!other[0].contains("%25"), "{other:?}");
}

// contract: configuration/errors, configuration/secrets, configuration/variable/MONGO_URL
#[test]
fn what_the_driver_refuses_of_a_url_stops_the_start() {
    let options = |scheme: &str, host: &str, options: &str| {
        let url = format!("{scheme}://me:secret@{host}/chat?{options}");
        errors(&[("MONGO_URL", &url)])
    };
    for (host, taken) in [
        ("a", "socketTimeoutMS=20000"),
        ("a,b", "maxPoolSize=0&replicaSet=rs0"),
        ("a", "directConnection=true"),
    ] {
        assert_eq!(options("mongodb", host, taken), [""; 0], "{taken}");
    }
    let line = |scheme: &str, refusal: &str| {
        [format!(
            "MONGO_URL={scheme}://(hidden): not accepted; expected mongodb://…, mongodb+srv://…, memory: or memory:<seed file>; {refusal}"
        )]
    };
    let several = "cannot specify multiple seeds with directConnection=true";
    assert_eq!(
        options("mongodb", "a,b", "directConnection=true"),
        line("mongodb", several)
    );
    // Without asking DNS for its hosts.
    assert_eq!(
        options("mongodb+srv", "a.example.com", "maxConnecting=0"),
        line("mongodb+srv", "cannot specify maxConnecting=0")
    );
}

// contract: configuration/variable/ADMIN_PORT, configuration/variable/ADMIN_BIND_IP
// contract: configuration/variable/ADMIN_TOKEN, configuration/variable/ADMIN_HOSTS
#[test]
fn the_status_page_is_off_and_then_of_this_host() {
    let page = |env: &[(&str, &str)]| {
        let address = config(env).status_page;
        address.map(|page| page.address.to_string())
    };
    assert_eq!(page(&[]), None);
    assert_eq!(page(&[("ADMIN_BIND_IP", "0.0.0.0")]), None);
    let (port, ip) = (("ADMIN_PORT", "9000"), ("ADMIN_BIND_IP", "::1"));
    assert_eq!(page(&[port]).as_deref(), Some("127.0.0.1:9000"));
    assert_eq!(page(&[port, ip]).as_deref(), Some("[::1]:9000"));
    let elsewhere = [("ADMIN_PORT", "9000"), ("ADMIN_BIND_IP", "0.0.0.0")];
    assert_eq!(
        errors(&elsewhere),
        [
            "ADMIN_BIND_IP=0.0.0.0: not accepted; expected an address of this machine alone (127.0.0.1, ::1), or a \
             secret in ADMIN_TOKEN"
        ]
    );
    let secret = ("ADMIN_TOKEN", "a-token-that-fits");
    let hosts = ("ADMIN_HOSTS", "status.example.com,[::1]");
    let page = config(&[elsewhere[0], elsewhere[1], secret, hosts]).status_page;
    let page = page.expect("a page");
    assert_eq!(page.hosts, ["status.example.com", "::1"]);
    assert_eq!(page.token, Some(Secret::new("a-token-that-fits")));
    let short = errors(&[("ADMIN_TOKEN", "too-short")]);
    assert!(short[0].starts_with("ADMIN_TOKEN=(hidden): "), "{short:?}");
    for other in ["PORT", "MS_METRICS_PORT"] {
        assert_eq!(
            errors(&[
                ("MS_METRICS", "true"),
                (other, "9001"),
                ("ADMIN_PORT", "9001")
            ]),
            [format!(
                "ADMIN_PORT=9001: not accepted; expected another port than {other}"
            )]
        );
    }
}

// contract: configuration/precedence
#[test]
fn the_environment_wins_over_the_file_and_the_file_over_defaults() {
    let content = "port = 4000\nms_metrics = true\nretry_factor = 1.5\nddp_allowed_origins = [\"https://a\", \"https://b\"]\n\
                   shutdown_grace = 4\nms_namespace = \"1.10\"\nnode_id = \"\"\nbogus = 1\nPORT = 1\n";
    let file = TomlFile::new("wins", content);
    let loaded = loaded(&[
        MESH,
        ("CONFIG_FILE", file.path()),
        ("SHUTDOWN_GRACE", "3"),
        ("MS_NAMESPACE", ""),
    ]);
    let config = &loaded.config;
    assert_eq!(config.gateway.port, 4000);
    assert!(config.metrics.is_some());
    assert_eq!(config.mesh.node.retry.factor, 1.5);
    assert_eq!(config.gateway.allowed_origins, ["https://a", "https://b"]);
    assert_eq!(config.shutdown_grace, Duration::from_secs(3));
    assert_eq!(
        config.mesh.node.namespace, "1.10",
        "an empty variable is not set"
    );

    let warned: Vec<_> = loaded
        .notes
        .iter()
        .filter(|note| note.level == NoteLevel::Warn)
        .map(|note| note.text.as_str())
        .collect();
    assert_eq!(
        warned,
        [
            "CONFIG_FILE: nobody knows the key \"PORT\"",
            "CONFIG_FILE: nobody knows the key \"bogus\""
        ]
    );
    let origin = |name: &str| {
        loaded
            .values
            .iter()
            .find(|value| value.variable.name == name)
            .map(|value| (value.shown.as_str(), value.origin))
    };
    assert_eq!(origin("PORT"), Some(("4000", Origin::File)));
    assert_eq!(origin("SHUTDOWN_GRACE"), Some(("3", Origin::Environment)));
    assert_eq!(origin("REQUEST_TIMEOUT"), Some(("60", Origin::Default)));
    assert_eq!(
        origin("TRANSPORTER"),
        Some(("nats://(hidden)", Origin::Environment))
    );
    assert_eq!(origin("NODE_ID"), None);
}

#[test]
fn a_file_that_cannot_be_used_is_one_error_among_the_others() {
    let file = TomlFile::new(
        "bad",
        "port = \"x\"\nretry_delay = [[1]]\nms_metrics = { a = 1 }\n",
    );
    let lines = errors(&[("CONFIG_FILE", file.path()), ("MAX_FAILS", "0")]);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(
        lines.contains(
            &"PORT=x: not accepted (from CONFIG_FILE); expected a port, 1024–65535".to_owned()
        ),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("MS_METRICS=(a table): not accepted (from CONFIG_FILE)")),
        "{lines:?}"
    );

    let broken = TomlFile::new("broken", "mongo_url = \"mongodb://me:secret\nport = 1");
    let lines = errors(&[("CONFIG_FILE", broken.path()), ("MAX_FAILS", "0")]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("CONFIG_FILE=") && !lines[0].contains("secret"),
        "{lines:?}"
    );
    assert!(
        errors(&[("CONFIG_FILE", "/nowhere.toml")])[0].starts_with("CONFIG_FILE=/nowhere.toml: ")
    );
}

proptest! {
    #[test]
    fn no_text_panics(index in 0..VARIABLES.len(), value in ".{0,40}") {
        let _ = try_load(&[MESH, (VARIABLES[index].name, &value)]);
    }

    #[test]
    fn no_url_panics(value in "(monolith\\+)?(nats|tls|ws|mongodb)://[\\[\\]a-z:@,/.%0-9]{0,24}") {
        for name in ["TRANSPORTER", "DDP_SERVER_URL", "MONGO_URL"] {
            let _ = try_load(&[(name, &value)]);
        }
    }
}

// contract: configuration/variable/DDP_RATE_LIMIT, configuration/variable/RATE_LIMITER_EXEMPT
// contract: configuration/variable/DDP_MAX_CONNECTIONS_PER_IP, configuration/variable/DDP_MAX_SESSIONS_PER_USER
// contract: configuration/variable/DDP_LOGIN_RATE
#[test]
fn limits_are_off_unless_they_are_asked_for() {
    let quiet = config(&[]);
    assert!(quiet.methods.rate_limit.is_none() && quiet.methods.login_rate.is_none());
    assert_eq!(quiet.methods.max_sessions_per_user, None);
    assert_eq!(quiet.gateway.max_connections_per_address, None);
    let strict = config(&[
        ("DDP_RATE_LIMIT", "settings"),
        ("RATE_LIMITER_EXEMPT", "10.0.0.0/8,192.0.2.1"),
        ("DDP_MAX_CONNECTIONS_PER_IP", "20"),
        ("DDP_MAX_SESSIONS_PER_USER", "5"),
        ("DDP_LOGIN_RATE", "10/60"),
    ]);
    let exempt = strict.methods.rate_limit.unwrap().exempt;
    let exempt: Vec<_> = exempt.iter().map(ToString::to_string).collect();
    assert_eq!(exempt, ["10.0.0.0/8", "192.0.2.1/32"]);
    let rate = LoginRateConfig {
        failures: 10,
        within: Duration::from_secs(60),
    };
    assert_eq!(strict.methods.login_rate, Some(rate));
    assert_eq!(strict.methods.max_sessions_per_user, Some(5));
    assert_eq!(strict.gateway.max_connections_per_address, Some(20));
    let idle = notes(&[("RATE_LIMITER_EXEMPT", "10.0.0.0/8")], NoteLevel::Warn);
    assert_eq!(
        idle,
        ["RATE_LIMITER_EXEMPT has no effect without DDP_RATE_LIMIT=settings"]
    );
}

// contract: configuration/variable/TLS_TICKET_KEY_PATH
#[test]
fn ticket_keys_are_a_file_where_tls_is_spoken() {
    let here = [
        ("ENABLE_TLS", "true"),
        ("TLS_CERT_PATH", "Cargo.toml"),
        ("TLS_KEY_PATH", "Cargo.toml"),
    ];
    let tls = |keys: &str| {
        let set = [&here[..], &[("TLS_TICKET_KEY_PATH", keys)]].concat();
        errors(&set)
    };
    assert_eq!(tls("Cargo.lock"), [""; 0]);
    assert_eq!(tls(""), [""; 0]);
    let [wrong] = &tls("/no/keys")[..] else {
        panic!("one problem")
    };
    assert!(wrong.starts_with("TLS_TICKET_KEY_PATH"), "{wrong}");
}
