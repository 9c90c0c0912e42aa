//! What the rooms are given: checked values with units, one struct a room.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::host;
use super::mesh::MeshSettings;
use super::secret::Secret;
use super::server_url::ServerUrl;
use super::tracing::TracingConfig;

/// The whole configuration. `app` hands each room its own part.
#[derive(Debug, Clone)]
pub struct Config {
    /// The door.
    pub gateway: GatewayConfig,
    /// One client's task.
    pub session: SessionConfig,
    /// What a client calls.
    pub methods: MethodsConfig,
    /// The node, of either broker.
    pub mesh: MeshSettings,
    /// The scalability licence rule.
    pub license: LicenseConfig,
    /// MongoDB, or the store in memory.
    pub store: StoreConfig,
    /// The server that sessions are relayed to, where no mesh is named.
    pub relay: Option<RelayConfig>,
    /// `None` with `MS_METRICS=false`.
    pub metrics: Option<MetricsConfig>,
    /// `None` with `TRACING_ENABLED=false`, or with `OTEL_SDK_DISABLED=true`.
    pub tracing: Option<TracingConfig>,
    /// `None` while `ADMIN_PORT` is off.
    pub status_page: Option<StatusPageConfig>,
    /// Logs.
    pub logs: LogConfig,
    /// `SHUTDOWN_GRACE`: the whole stop after SIGTERM.
    pub shutdown_grace: Duration,
    /// `HEALTH_MESH_GRACE`: how long NATS may be away before `/health` fails.
    pub health_mesh_grace: Duration,
    /// `TOKIO_WORKER_THREADS`; `None` is one a core.
    pub worker_threads: Option<usize>,
    /// `DISABLE_MESSAGE_PARSER`: ephemeral messages go out without `md`.
    pub disable_message_parser: bool,
}

/// What the door needs.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// `PORT`; 0 lets the system choose.
    pub port: u16,
    /// `BIND_IP`; `None` is every address of both families, where the host has both.
    pub bind: Option<IpAddr>,
    /// `MAX_CONCURRENT_CONNECTIONS`.
    pub max_connections: usize,
    /// `HTTP_FORWARDED_COUNT`: proxies to trust in `X-Forwarded-For`.
    pub forwarded_count: usize,
    /// `DDP_MAX_CONNECTIONS_PER_IP`; `None` while it is off.
    pub max_connections_per_address: Option<usize>,
    /// `DDP_ALLOWED_ORIGINS`: globs with `*` and `?`; empty allows any.
    pub allowed_origins: Vec<String>,
    /// `DDP_HANDSHAKE_TIMEOUT`, for the TLS handshake and for the HTTP upgrade.
    pub handshake_timeout: Duration,
    /// `None` with `ENABLE_TLS=false`.
    pub tls: Option<TlsConfig>,
}

/// Where the certificate is.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// `TLS_CERT_PATH`: the chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// `TLS_KEY_PATH`: its private key in PEM.
    pub key: PathBuf,
    /// `TLS_TICKET_KEY_PATH`: keys for session tickets that several streamers share.
    pub ticket_keys: Option<PathBuf>,
}

impl GatewayConfig {
    /// The address to listen on. Without `BIND_IP` it tries whether this host has IPv6.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind.unwrap_or_else(host::any_address), self.port)
    }
}

/// What one client's task needs.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Silence before a client is pinged.
    pub heartbeat_interval: Duration,
    /// Silence before a client is closed; above `heartbeat_interval`.
    pub connection_timeout: Duration,
    /// `DDP_HANDSHAKE_TIMEOUT`, for the DDP `connect`.
    pub handshake_timeout: Duration,
    /// `DDP_MAX_MESSAGE_BYTES`: the largest frame from a client.
    pub max_message_bytes: usize,
    /// `DDP_MAX_BUFFERED_BYTES`: unsent bytes before a session is closed 1013.
    pub max_buffered_bytes: usize,
    /// `DDP_MAX_BUFFERED_TOTAL`: unsent bytes of all sessions before those that lag are closed 1013.
    pub max_buffered_total: usize,
    /// `DDP_MAX_SUBSCRIPTIONS`: publications of one session.
    pub max_subscriptions: usize,
    /// `REQUEST_TIMEOUT`: how long the calls are still done that a client made before it left, all of them together.
    pub request_timeout: Duration,
}

/// The server that stands in the place of the mesh.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// `DDP_SERVER_URL`.
    pub server: ServerUrl,
    /// `TLS_CA_PATH`: further trusted certificates.
    pub tls_ca: Option<PathBuf>,
    /// `REQUEST_TIMEOUT`: how long the server may take to answer an HTTP request.
    pub request_timeout: Duration,
    /// `RELAY_HTTP`: plain requests are passed to the server.
    pub http: bool,
}

/// What the methods need.
#[derive(Debug, Clone)]
pub struct MethodsConfig {
    /// `DDP_PASSWORD_LOGIN`: password logins are passed on to the account service.
    pub password_login: bool,
    /// `DDP_RATE_LIMIT`; `None` while it is off.
    pub rate_limit: Option<RateLimitConfig>,
    /// `DDP_LOGIN_RATE`; `None` while it is off.
    pub login_rate: Option<LoginRateConfig>,
    /// `DDP_MAX_SESSIONS_PER_USER`; `None` while it is off.
    pub max_sessions_per_user: Option<usize>,
}

/// The workspace's own rate limits hold.
#[derive(Debug, Clone)]
pub struct RateLimitConfig {
    /// `RATE_LIMITER_EXEMPT`: networks left out, besides loopback.
    pub exempt: Vec<IpNet>,
}

/// How many logins may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginRateConfig {
    /// So many from one address,
    pub failures: usize,
    /// in so long.
    pub within: Duration,
}

/// The scalability licence rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LicenseConfig {
    /// `LICENSE_CHECK_INTERVAL`.
    pub check_interval: Duration,
    /// `MAX_FAILS`: failures in a row before the rule is applied.
    pub max_fails: u32,
}

/// What the store needs.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `MONGO_URL`: `mongodb://…`, `mongodb+srv://…`, `memory:` or `memory:<seed file>`.
    pub url: Secret,
    /// `MULTIPLE_INSTANCES_PING_INTERVAL`: how often the own `instances` document is touched.
    pub ping_interval: Duration,
    /// `MULTIPLE_INSTANCES_EXPIRE`: when an untouched `instances` document is dropped.
    pub expire: Duration,
}

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsConfig {
    /// `MS_METRICS_PORT`; 0 lets the system choose.
    pub port: u16,
}

/// Where the status page is, and who may see it.
#[derive(Debug, Clone)]
pub struct StatusPageConfig {
    /// `ADMIN_BIND_IP` and `ADMIN_PORT`.
    pub address: SocketAddr,
    /// `ADMIN_HOSTS`: further names by which it may be asked.
    pub hosts: Vec<String>,
    /// `ADMIN_TOKEN`: what has to be shown; there where `address` is not this machine's own.
    pub token: Option<Secret>,
}

/// What is logged, how and where.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `LOG_LEVEL`, else `MOLECULER_LOG_LEVEL`, else info.
    pub level: LogLevel,
    /// `LOG_FORMAT`, else by `NODE_ENV`.
    pub format: LogFormat,
    /// `LOG_FILE_PATH`: logs also go there.
    pub file: Option<PathBuf>,
    /// `RUST_LOG`: filters that win over `level`; they parse.
    pub filter: Option<String>,
}

/// From the most to the least talkative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// What helps to find a fault, client mistakes among it.
    Debug,
    /// What an operator wants to know.
    Info,
    /// Something is off, nothing is lost.
    Warn,
    /// Someone must act.
    Error,
    /// What ends the process.
    Fatal,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        })
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}
