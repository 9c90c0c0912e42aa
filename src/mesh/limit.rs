//! Log lines that others can drive hard: one now and then, with the count of those left out.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// One line of a kind in this time.
const PAUSE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct RateLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    left_out: u64,
}

impl RateLimit {
    /// Whether to log now, and how many were left out since the last time.
    pub(crate) fn pass(&self) -> Option<u64> {
        let mut state = self.0.lock();
        let now = Instant::now();
        if state
            .last
            .is_some_and(|last| now.duration_since(last) < PAUSE)
        {
            state.left_out += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_next_line_says_how_many_were_left_out() {
        let limit = RateLimit::default();
        let passed: Vec<_> = (0..4).map(|_| limit.pass()).collect();
        assert_eq!(passed, [Some(0), None, None, None]);
        tokio::time::advance(PAUSE).await;
        assert_eq!(limit.pass(), Some(3));
    }
}
