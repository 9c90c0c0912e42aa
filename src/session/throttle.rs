//! A log line at most every so often.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Lets one log line through in a while, with the count of those that were left out before it.
#[derive(Debug)]
pub(crate) struct Throttle {
    every: Duration,
    state: Mutex<(Option<Instant>, u64)>,
}

impl Throttle {
    pub(crate) const fn new(every: Duration) -> Self {
        Self {
            every,
            state: Mutex::new((None, 0)),
        }
    }

    /// How many lines were left out since the last one; `None` when this one is to be left out too.
    pub(crate) fn pass(&self) -> Option<u64> {
        let now = Instant::now();
        let (last, left_out) = &mut *self.state.lock();
        if last.is_some_and(|last| now.saturating_duration_since(last) < self.every) {
            *left_out += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_are_left_out_and_counted() {
        let throttle = Throttle::new(Duration::from_secs(3));
        assert_eq!(throttle.pass(), Some(0));
        assert_eq!((throttle.pass(), throttle.pass()), (None, None));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(throttle.pass(), Some(2));
    }
}
