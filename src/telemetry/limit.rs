//! A log line that clients or the mesh can provoke is written at most once in a while, with the number of those left out.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The interval of whoever has no reason for another.
const USUAL: Duration = Duration::from_secs(10);

/// One place that logs, at most once an interval.
///
/// ```ignore
/// static FULL: Limited = Limited::every(Duration::from_secs(3));
/// FULL.log(|left_out| warn!(left_out, "the connection limit is reached"));
/// ```
#[derive(Debug)]
pub struct Limited {
    every: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last: Option<Instant>,
    left_out: u64,
}

impl Default for Limited {
    fn default() -> Self {
        Self::every(USUAL)
    }
}

impl Limited {
    /// At most one line in `every`.
    pub const fn every(every: Duration) -> Self {
        Self {
            every,
            state: Mutex::new(State {
                last: None,
                left_out: 0,
            }),
        }
    }

    /// Calls `line` when its time has come, with the number of calls left out since the last line; else counts this one.
    ///
    /// The last ones of a burst are told by the next line, whenever that is.
    pub fn log(&self, line: impl FnOnce(u64)) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let early = |last| now.saturating_duration_since(last) < self.every;
        if state.last.is_some_and(early) {
            state.left_out += 1;
            return;
        }
        state.last = Some(now);
        let left_out = std::mem::take(&mut state.left_out);
        drop(state);
        line(left_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_an_interval_and_the_rest_counted() {
        let limited = Limited::every(Duration::from_secs(3));
        let mut lines = Vec::new();
        for _ in 0..5 {
            limited.log(|left_out| lines.push(left_out));
        }
        assert_eq!(lines, [0]);
        tokio::time::advance(Duration::from_millis(2999)).await;
        limited.log(|left_out| lines.push(left_out));
        assert_eq!(lines, [0]);
        tokio::time::advance(Duration::from_millis(1)).await;
        limited.log(|left_out| lines.push(left_out));
        assert_eq!(lines, [0, 5]);
        tokio::time::advance(Duration::from_secs(60)).await;
        limited.log(|left_out| lines.push(left_out));
        assert_eq!(lines, [0, 5, 0]);
    }

    #[test]
    fn works_without_a_runtime() {
        let limited = Limited::every(Duration::from_secs(3600));
        let mut lines = 0;
        limited.log(|_| lines += 1);
        limited.log(|_| lines += 1);
        assert_eq!(lines, 1);
    }
}
