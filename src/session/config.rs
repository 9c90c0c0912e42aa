//! What a session may and how long it waits, where the operator has no say; the rest is `config::SessionConfig`.

use std::time::Duration;

/// After this time a client that has not spoken yet is pinged (reference/ddp.md, "Heartbeat").
pub(super) const EARLY_PING: Duration = Duration::from_millis(30);
/// Who looks at the clock so much too late has slept (a suspended machine, a paused container, no processor), and learnt
/// nothing of the other side meanwhile: it asks once more before it gives anybody up.
pub const OVERSLEPT: Duration = Duration::from_secs(5);
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
