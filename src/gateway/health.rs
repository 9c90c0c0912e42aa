//! What probes are told: whether the process lives, is well, and takes clients.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A loop that has not turned for this long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// What the rest of the house knows of its health. The door itself adds draining, the connection limit and stuck loops.
pub trait Readiness: Send + Sync + 'static {
    /// For `/health`: false only before the first join, and when the mesh has been away longer than `HEALTH_MESH_GRACE`.
    ///
    /// # Errors
    /// Why it is not well, for the log.
    fn health(&self) -> Result<(), &'static str>;

    /// For `/readyz`: whether a new client could be served now.
    ///
    /// # Errors
    /// Why not, for the answer.
    fn ready(&self) -> Result<(), Cow<'static, str>>;

    /// Whether an upgrade makes sense now; where not, the door answers 503 with `Retry-After`.
    fn takes_clients(&self) -> bool {
        true
    }
}

/// Watches the loops of the process: one that does not turn any more makes it wedged.
///
/// It is asked from the HTTP side, on whatever thread is still free to answer; when none is, the probe's own time-out
/// says the same.
#[derive(Debug)]
pub struct Liveness {
    started: Instant,
    loops: Mutex<Vec<Weak<Turns>>>,
}

#[derive(Debug)]
struct Turns {
    name: &'static str,
    /// Milliseconds after the start.
    last: AtomicU64,
}

/// A loop's own end: it says that it turned, at least every few seconds. Dropped with the loop, it is watched no more.
#[derive(Debug)]
pub struct Beat {
    started: Instant,
    turns: Arc<Turns>,
}

impl Liveness {
    /// Watches nothing yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            loops: Mutex::default(),
        })
    }

    /// Watches a loop from now on.
    #[must_use]
    pub fn watch(&self, name: &'static str) -> Beat {
        let turns = Arc::new(Turns {
            name,
            last: AtomicU64::new(0),
        });
        let beat = Beat {
            started: self.started,
            turns,
        };
        beat.turned();
        let mut loops = self.loops.lock();
        loops.retain(|turns| turns.strong_count() > 0);
        loops.push(Arc::downgrade(&beat.turns));
        beat
    }

    /// The name of a loop that has not turned for ten seconds.
    #[must_use]
    pub fn stuck(&self) -> Option<&'static str> {
        let now = millis(self.started.elapsed());
        let limit = millis(STUCK_AFTER);
        self.loops
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .find(|turns| now.saturating_sub(turns.last.load(Ordering::Relaxed)) > limit)
            .map(|turns| turns.name)
    }
}

impl Beat {
    /// The loop turned.
    pub fn turned(&self) {
        self.turns
            .last
            .store(millis(self.started.elapsed()), Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stops_turning_is_named() {
        let liveness = Liveness::new();
        let (one, other) = (liveness.watch("one"), liveness.watch("other"));
        tokio::time::advance(STUCK_AFTER).await;
        assert_eq!(liveness.stuck(), None);
        one.turned();
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!(liveness.stuck(), Some("other"));
        drop(other);
        assert_eq!(liveness.stuck(), None);
    }
}
