//! What the door is told.

use std::net::IpAddr;
use std::time::Duration;

/// `PORT`.
const PORT: u16 = 3000;
/// `MAX_CONCURRENT_CONNECTIONS`.
const MAX_CONNECTIONS: usize = 1000;
/// `DDP_HANDSHAKE_TIMEOUT`.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings of the door.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// `PORT`; 0 takes any that is free.
    pub port: u16,
    /// `BIND_IP`; without one `::` for both families, or `0.0.0.0` on a host without IPv6.
    pub bind_ip: Option<IpAddr>,
    /// `MAX_CONCURRENT_CONNECTIONS`.
    pub max_connections: usize,
    /// `DDP_HANDSHAKE_TIMEOUT`: how long a client may take for each HTTP request, and for the upgrade.
    pub handshake_timeout: Duration,
    /// `HTTP_FORWARDED_COUNT`: how many proxies are trusted.
    pub forwarded_count: usize,
    /// `DDP_ALLOWED_ORIGINS`: origins with `*` and `?`; none allows all.
    pub allowed_origins: Vec<String>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            port: PORT,
            bind_ip: None,
            max_connections: MAX_CONNECTIONS,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            forwarded_count: 0,
            allowed_origins: Vec::new(),
        }
    }
}
