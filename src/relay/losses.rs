//! When many legs are lost at once, their clients do not all come back at once.

use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng;
use tokio::time::Instant;

/// The closes of those that were lost together are spread over this time (reference/relay.md).
pub(super) const SPREAD: Duration = Duration::from_secs(2);
/// So many within that time are closed at once: they are no crowd.
const FEW: u32 = 10;

/// The legs that were lost lately.
#[derive(Debug, Default)]
pub(super) struct Losses(Mutex<Option<Lately>>);

#[derive(Debug)]
struct Lately {
    since: Instant,
    count: u32,
}

impl Losses {
    /// A leg was lost. Says when its client is closed, if not at once.
    pub(super) fn count(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut lately = self.0.lock();
        let fresh = lately.take().filter(|lately| now < lately.since + SPREAD);
        let mut fresh = fresh.unwrap_or(Lately {
            since: now,
            count: 0,
        });
        fresh.count += 1;
        let many = fresh.count > FEW;
        *lately = Some(fresh);
        many.then(|| now + SPREAD.mul_f64(rand::rng().random()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: relay/lost
    #[tokio::test(start_paused = true)]
    async fn a_few_are_closed_at_once_and_a_crowd_spread() {
        let losses = Losses::default();
        let now = Instant::now();
        let first: Vec<_> = (0..FEW).map(|_| losses.count()).collect();
        assert!(first.iter().all(Option::is_none));
        let crowd: Vec<_> = (0..1000).filter_map(|_| losses.count()).collect();
        assert_eq!(crowd.len(), 1000);
        for tenth in 0..10 {
            let tenths = |count: u32| now + SPREAD * count / 10;
            let within = crowd
                .iter()
                .filter(|at| (tenths(tenth)..tenths(tenth + 1)).contains(*at));
            assert!((50..150).contains(&within.count()));
        }
        tokio::time::advance(SPREAD).await;
        assert_eq!(losses.count(), None);
    }
}
