//! Leaving without a bang: how the sessions end when the service stops (`SHUTDOWN_GRACE`).

use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

/// The quarters of the grace are cut at these points (reference/configuration.md, `SHUTDOWN_GRACE`).
const QUARTERS: u32 = 4;
/// What of the last quarter the sessions may use to flush: a quarter of it. The rest is the mesh's.
const FLUSH: u32 = 16;

/// When what happens in a drain.
#[derive(Debug, Clone, Copy)]
pub(super) struct DrainPlan {
    /// Until then new clients are still taken, and none is closed.
    pub(super) accept_until: Instant,
    /// Then the calls that are still open are refused, and nobody stays.
    pub(super) deadline: Instant,
    /// Then the sockets that are still open are cut.
    pub(super) cut: Instant,
}

impl DrainPlan {
    /// A drain that begins now.
    pub(super) fn new(grace: Duration) -> Self {
        let (now, quarter) = (Instant::now(), grace / QUARTERS);
        Self {
            accept_until: now + quarter,
            deadline: now + 3 * quarter,
            cut: now + 3 * quarter + grace / FLUSH,
        }
    }

    /// When one session that is at rest is closed: any time between the end of accepting and the deadline.
    pub(super) fn moment(&self) -> Instant {
        let spread = self.deadline.saturating_duration_since(self.accept_until);
        self.accept_until + spread.mul_f64(rand::rng().random())
    }
}
