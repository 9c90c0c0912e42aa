//! A log line that clients or the mesh can provoke is written at most once in a while, with the number of those left out.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// One place that logs, at most once an interval.
///
/// ```ignore
/// static FULL: Limited = Limited::every(Duration::from_secs(3));
/// FULL.log(|left_out| warn!(left_out, "the connection limit is reached"));
/// ```
#[derive(Debug)]
pub struct Limited {
    every: Duration,
    /// Milliseconds after [`now`]'s start from which the next line may be written; 0 before the first.
    next: AtomicU64,
    left_out: AtomicU64,
}

impl Limited {
    /// At most one line in `every`.
    pub const fn every(every: Duration) -> Self {
        Self {
            every,
            next: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Calls `line` when its time has come, with the number of calls left out since the last line; else counts this one.
    ///
    /// The last ones of a burst are told by the next line, whenever that is.
    pub fn log(&self, line: impl FnOnce(u64)) {
        let now = now();
        let next = self.next.load(Ordering::Relaxed);
        let after = now + u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX / 2);
        let mine = now >= next
            && self
                .next
                .compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if mine {
            line(self.left_out.swap(0, Ordering::Relaxed));
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Milliseconds since the first call in this process.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_an_interval_and_the_rest_counted() {
        // Another test may have begun the process's time after this one's stood still.
        now();
        tokio::time::advance(Duration::from_secs(60)).await;
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
