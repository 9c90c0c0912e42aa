//! What clients that do not read cost together, and how long each of them has not: `DDP_MAX_BUFFERED_TOTAL`.
//!
//! Most sessions write what they get at once and are not counted here. A session whose socket takes no more, or that is
//! kept waiting, has a [`Lag`] until nothing of it is unsent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Notify;
use tokio::time::Instant;

/// What sessions may leave unsent, in bytes.
#[derive(Debug)]
pub struct Buffered {
    each: usize,
    all: usize,
    /// Unsent bytes of those that lag.
    lagging: AtomicUsize,
    bell: Notify,
}

impl Buffered {
    /// `each` session may have so many, and `all` together so many.
    #[must_use]
    pub fn new(each: usize, all: usize) -> Arc<Self> {
        Arc::new(Self {
            each,
            all,
            lagging: AtomicUsize::new(0),
            bell: Notify::new(),
        })
    }

    /// What one session may leave unsent.
    #[must_use]
    pub fn each(&self) -> usize {
        self.each
    }

    /// Whether those that lag have more unsent than all may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.lagging.load(Relaxed) > self.all
    }

    /// Waits until that may be so.
    pub async fn filled(&self) {
        self.bell.notified().await;
    }
}

/// One session that does not keep up. Its bytes are counted until it is dropped.
#[derive(Debug)]
pub(super) struct Lag {
    buffered: Arc<Buffered>,
    older: Part,
    newer: Part,
}

/// Bytes in a row, and when the first of them came.
#[derive(Debug, Clone, Copy)]
struct Part {
    came: Instant,
    bytes: usize,
}

impl Lag {
    /// Begins with what is unsent now.
    pub(super) fn of(buffered: &Arc<Buffered>, unsent: usize) -> Box<Self> {
        let (buffered, came) = (buffered.clone(), Instant::now());
        let mut lag = Self {
            buffered,
            older: Part { came, bytes: 0 },
            newer: Part { came, bytes: 0 },
        };
        lag.grow(unsent);
        Box::new(lag)
    }

    /// So many more are unsent.
    pub(super) fn grow(&mut self, bytes: usize) {
        // What was unsent when it began is one part, and what came since the other.
        let part = match self.older.bytes {
            0 => &mut self.older,
            _ => &mut self.newer,
        };
        if part.bytes == 0 {
            part.came = Instant::now();
        }
        part.bytes += bytes;
        self.buffered.lagging.fetch_add(bytes, Relaxed);
        if self.buffered.is_full() {
            self.buffered.bell.notify_one();
        }
    }

    /// So many were sent, the oldest first.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.older.bytes + self.newer.bytes);
        self.buffered.lagging.fetch_sub(bytes, Relaxed);
        let of_older = bytes.min(self.older.bytes);
        self.older.bytes -= of_older;
        self.newer.bytes -= bytes - of_older;
        if self.older.bytes == 0 {
            self.older = self.newer;
            self.newer.bytes = 0;
        }
    }

    /// When its oldest unsent bytes came, or others that came with them; `None` where none are unsent.
    pub(super) fn since(&self) -> Option<Instant> {
        (self.older.bytes > 0).then_some(self.older.came)
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        let bytes = self.older.bytes + self.newer.bytes;
        self.buffered.lagging.fetch_sub(bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lag_is_as_old_as_what_is_unsent() {
        let buffered = Buffered::new(100, 100);
        let began = Instant::now();
        let age = |lag: &Lag| (lag.since().unwrap() - began).as_secs();
        let mut lag = Lag::of(&buffered, 10);
        for bytes in [20, 30] {
            tokio::time::advance(Duration::from_secs(1)).await;
            lag.grow(bytes);
        }
        assert_eq!(age(&lag), 0);
        lag.shrink(9);
        assert_eq!(age(&lag), 0);
        lag.shrink(11);
        assert_eq!((age(&lag), buffered.lagging.load(Relaxed)), (1, 40));
        tokio::time::advance(Duration::from_secs(1)).await;
        lag.grow(1);
        lag.shrink(40);
        assert_eq!(age(&lag), 3);
        lag.shrink(100);
        assert_eq!((lag.since(), buffered.lagging.load(Relaxed)), (None, 0));
        tokio::time::advance(Duration::from_secs(1)).await;
        lag.grow(101);
        assert_eq!(age(&lag), 4);
        assert!(buffered.is_full());
        buffered.filled().await;
        drop(lag);
        assert!(!buffered.is_full());
    }
}
