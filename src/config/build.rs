//! Checked values put in their places.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::check::Checked;
use super::heartbeat::Heartbeats;
use super::host;
use super::mesh::{
    Broker, Bulkhead, MeshSettings, NodeSettings, Protocols, RetryPolicy, SerializerKind, Strategy,
};
use super::nats::NatsServers;
use super::secret::Secret;
use super::tracing;
use super::types::{
    Config, GatewayConfig, LicenseConfig, LogConfig, LogFormat, LogLevel, LoginRateConfig,
    MethodsConfig, MetricsConfig, RateLimitConfig, RelayConfig, SessionConfig, StatusPageConfig,
    StoreConfig, TlsConfig,
};
use super::variables::{
    ADMIN_BIND_IP, ADMIN_PORT, ADMIN_TOKEN, DDP_MAX_BUFFERED_BYTES, DDP_MAX_BUFFERED_TOTAL,
    DDP_RATE_LIMIT, DDP_SERVER_URL, ENABLE_TLS, MS_METRICS_PORT, NATS_URL, RATE_LIMITER_EXEMPT,
    RELAY_HTTP, TLS_CERT_PATH, TLS_KEY_PATH, TLS_TICKET_KEY_PATH, TRANSPORTER,
};

/// Pings that an `instances` document may miss before it is dropped.
const PINGS_BEFORE_EXPIRY: u32 = 3;
const MINUTE_SECONDS: u64 = 60;

pub(super) fn config(checked: &Checked, beats: &Heartbeats, relays: bool) -> Config {
    Config {
        gateway: GatewayConfig {
            port: checked.number("PORT"),
            bind: checked.ip("BIND_IP"),
            max_connections: checked.number("MAX_CONCURRENT_CONNECTIONS"),
            max_connections_per_address: count(checked, "DDP_MAX_CONNECTIONS_PER_IP"),
            forwarded_count: checked.number("HTTP_FORWARDED_COUNT"),
            allowed_origins: checked.list("DDP_ALLOWED_ORIGINS"),
            handshake_timeout: checked.span("DDP_HANDSHAKE_TIMEOUT"),
            tls: tls(checked),
        },
        session: SessionConfig {
            heartbeat_interval: beats.client,
            connection_timeout: checked.span("CONNECTION_TIMEOUT"),
            handshake_timeout: checked.span("DDP_HANDSHAKE_TIMEOUT"),
            max_message_bytes: checked.number("DDP_MAX_MESSAGE_BYTES"),
            max_buffered_bytes: checked.number(DDP_MAX_BUFFERED_BYTES),
            max_buffered_total: count(checked, DDP_MAX_BUFFERED_TOTAL).unwrap_or_else(|| {
                (host::memory() / 4).max(checked.number(DDP_MAX_BUFFERED_BYTES))
            }),
            max_subscriptions: checked.number("DDP_MAX_SUBSCRIPTIONS"),
            request_timeout: checked.span("REQUEST_TIMEOUT"),
        },
        methods: MethodsConfig {
            password_login: checked.switch("DDP_PASSWORD_LOGIN"),
            rate_limit: (checked.word(DDP_RATE_LIMIT) == "settings").then(|| RateLimitConfig {
                exempt: checked.networks(RATE_LIMITER_EXEMPT),
            }),
            login_rate: checked
                .rate("DDP_LOGIN_RATE")
                .map(|(failures, within)| LoginRateConfig { failures, within }),
            max_sessions_per_user: count(checked, "DDP_MAX_SESSIONS_PER_USER"),
        },
        mesh: mesh(checked, beats),
        license: LicenseConfig {
            check_interval: checked.span("LICENSE_CHECK_INTERVAL"),
            max_fails: checked.number("MAX_FAILS"),
        },
        store: store(checked),
        relay: relays.then(|| relay(checked)).flatten(),
        metrics: checked.switch("MS_METRICS").then(|| MetricsConfig {
            port: checked.number(MS_METRICS_PORT),
        }),
        tracing: tracing::read(checked),
        status_page: status_page(checked),
        logs: logs(checked),
        shutdown_grace: checked.span("SHUTDOWN_GRACE"),
        health_mesh_grace: checked.span("HEALTH_MESH_GRACE"),
        worker_threads: checked
            .whole("TOKIO_WORKER_THREADS")
            .and_then(|count| count.try_into().ok()),
        disable_message_parser: checked.switch("DISABLE_MESSAGE_PARSER"),
    }
}

/// A number that may be off.
fn count(checked: &Checked, name: &str) -> Option<usize> {
    checked.whole(name)?.try_into().ok()
}

fn tls(checked: &Checked) -> Option<TlsConfig> {
    let path = |name| PathBuf::from(checked.text(name).unwrap_or_default());
    checked.switch(ENABLE_TLS).then(|| TlsConfig {
        certificate: path(TLS_CERT_PATH),
        key: path(TLS_KEY_PATH),
        ticket_keys: checked.text(TLS_TICKET_KEY_PATH).map(PathBuf::from),
    })
}

fn status_page(checked: &Checked) -> Option<StatusPageConfig> {
    checked.whole(ADMIN_PORT)?;
    let address = checked.ip(ADMIN_BIND_IP);
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Some(StatusPageConfig {
        address: SocketAddr::new(address, checked.number(ADMIN_PORT)),
        hosts: checked.list("ADMIN_HOSTS"),
        token: checked.text(ADMIN_TOKEN).map(Secret::new),
    })
}

fn mesh(checked: &Checked, beats: &Heartbeats) -> MeshSettings {
    let broker = checked.broker();
    let transporter = match broker {
        Broker::Nats if checked.has(NATS_URL) || !checked.has(TRANSPORTER) => NATS_URL,
        _ => TRANSPORTER,
    };
    MeshSettings {
        broker,
        transporter: match (broker, checked.nats(transporter)) {
            (_, Some(servers)) => servers,
            (Broker::Moleculer, None) => NatsServers::default(),
            (Broker::Nats, None) => NatsServers::of_this_host(),
        },
        transporter_from: transporter,
        tls_ca: checked.text("TLS_CA_PATH").map(PathBuf::from),
        node_id: checked
            .text("NODE_ID")
            .unwrap_or_else(|| host::default_node_id(broker)),
        node: NodeSettings {
            namespace: checked.text("MS_NAMESPACE").unwrap_or_default(),
            serializer: SerializerKind::ALL
                .into_iter()
                .find(|kind| kind.name() == checked.word("SERIALIZER"))
                .unwrap_or_default(),
            protocols: match checked.word("MOLECULER_PROTOCOL") {
                "5" => Protocols::FourAndFive,
                _ => Protocols::Four,
            },
            balance: match checked.word("BALANCE_STRATEGY") {
                "Random" => Strategy::Random,
                "CpuUsage" => Strategy::CpuUsage,
                "Latency" => Strategy::Latency,
                _ => Strategy::RoundRobin,
            },
            prefer_local: checked.switch("BALANCE_PREFER_LOCAL"),
            request_timeout: checked.span("REQUEST_TIMEOUT"),
            retry: RetryPolicy {
                enabled: checked.switch("RETRY_ENABLED"),
                retries: checked.number("RETRY_RETRIES"),
                delay: checked.span("RETRY_DELAY"),
                max_delay: checked.span("RETRY_MAX_DELAY"),
                factor: checked.factor("RETRY_FACTOR"),
            },
            heartbeat_interval: beats.mesh,
            heartbeat_timeout: beats.mesh_timeout,
            bulkhead: checked.switch("BULKHEAD_ENABLED").then(|| Bulkhead {
                concurrency: checked.number("BULKHEAD_CONCURRENCY"),
                max_queue: checked.number("BULKHEAD_MAX_QUEUE_SIZE"),
            }),
            wait_for_services: checked.span("WAIT_FOR_SERVICES_TIMEOUT"),
        },
    }
}

fn relay(checked: &Checked) -> Option<RelayConfig> {
    Some(RelayConfig {
        server: checked.server(DDP_SERVER_URL)?,
        tls_ca: checked.text("TLS_CA_PATH").map(PathBuf::from),
        request_timeout: checked.span("REQUEST_TIMEOUT"),
        http: checked.switch(RELAY_HTTP),
    })
}

fn store(checked: &Checked) -> StoreConfig {
    let ping_interval = checked.span("MULTIPLE_INSTANCES_PING_INTERVAL");
    let expire = checked
        .time("MULTIPLE_INSTANCES_EXPIRE")
        .unwrap_or_else(|| {
            let pings = ping_interval * PINGS_BEFORE_EXPIRY;
            let minutes = pings
                .as_millis()
                .div_ceil(u128::from(MINUTE_SECONDS) * 1000);
            Duration::from_secs(
                u64::try_from(minutes)
                    .unwrap_or(u64::MAX)
                    .saturating_mul(MINUTE_SECONDS),
            )
        });
    StoreConfig {
        url: Secret::new(checked.text("MONGO_URL").unwrap_or_default()),
        ping_interval,
        expire,
    }
}

fn logs(checked: &Checked) -> LogConfig {
    let level = match checked.word("LOG_LEVEL") {
        "" => checked.word("MOLECULER_LOG_LEVEL"),
        level => level,
    };
    let production = checked.text("NODE_ENV").as_deref() == Some("production");
    LogConfig {
        level: match level {
            "trace" => LogLevel::Trace,
            "debug" => LogLevel::Debug,
            "warn" => LogLevel::Warn,
            "error" => LogLevel::Error,
            "fatal" => LogLevel::Fatal,
            _ => LogLevel::Info,
        },
        format: match checked.word("LOG_FORMAT") {
            "json" => LogFormat::Json,
            "pretty" => LogFormat::Pretty,
            _ if production => LogFormat::Json,
            _ => LogFormat::Pretty,
        },
        file: checked.text("LOG_FILE_PATH").map(PathBuf::from),
        filter: checked.text("RUST_LOG"),
    }
}
