//! What a session may and how long it waits.

use std::time::Duration;

/// Defaults of reference/configuration.md.
mod default {
    use std::time::Duration;

    /// `HEARTBEAT_INTERVAL`.
    pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);
    /// `CONNECTION_TIMEOUT`.
    pub(super) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
    /// `DDP_HANDSHAKE_TIMEOUT`.
    pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
    /// `DDP_MAX_MESSAGE_BYTES`.
    pub(super) const MAX_MESSAGE_BYTES: usize = 1 << 20;
    /// `DDP_MAX_BUFFERED_BYTES`.
    pub(super) const MAX_BUFFERED_BYTES: usize = 4 << 20;
    /// `DDP_MAX_SUBSCRIPTIONS`.
    pub(super) const MAX_SUBSCRIPTIONS: usize = 1000;
}

/// After this time a client that has not spoken yet is pinged (reference/ddp.md, "Heartbeat").
pub(super) const EARLY_PING: Duration = Duration::from_millis(30);
/// How often the house is told that a client is active, at most.
pub(super) const ACTIVITY_INTERVAL: Duration = Duration::from_secs(30);
/// How long a session that is closing may take to write what is left and its close frame.
pub(super) const FLUSH_LINGER: Duration = Duration::from_secs(10);
/// How long the client's own close frame, or the end of its stream, is awaited after ours.
pub(super) const FAREWELL_LINGER: Duration = Duration::from_secs(5);
/// A client that was thrown out is cut off after this time in all.
pub(super) const THROWN_OUT_LINGER: Duration = Duration::from_secs(5);
/// How long the slow part of a teardown may take.
pub(super) const CLOSED_TIMEOUT: Duration = Duration::from_secs(30);
/// How many bytes of requests of one session may wait.
pub(super) const MAX_WAITING_BYTES: usize = 1 << 20;
/// How many requests of one session may wait.
pub(super) const MAX_WAITING_REQUESTS: usize = 2000;

/// The settings of all sessions.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Silence after which a client is pinged.
    pub heartbeat_interval: Duration,
    /// Silence after which a client is closed; above the interval.
    pub connection_timeout: Duration,
    /// How long a client may take for its `connect`.
    pub handshake_timeout: Duration,
    /// The largest message of a client, in bytes.
    pub max_message_bytes: usize,
    /// The most unsent bytes of one session.
    pub max_buffered_bytes: usize,
    /// The most publications of one session.
    pub max_subscriptions: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval: default::HEARTBEAT_INTERVAL,
            connection_timeout: default::CONNECTION_TIMEOUT,
            handshake_timeout: default::HANDSHAKE_TIMEOUT,
            max_message_bytes: default::MAX_MESSAGE_BYTES,
            max_buffered_bytes: default::MAX_BUFFERED_BYTES,
            max_subscriptions: default::MAX_SUBSCRIPTIONS,
        }
    }
}
