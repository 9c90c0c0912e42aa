//! Whether the database answers, as the last operation told.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// Whether the database answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreState {
    /// Nothing was asked yet.
    Connecting,
    /// The last operation was answered.
    Ready,
    /// The last operation found nobody.
    Away,
}

impl fmt::Display for StoreState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Ready => "ready",
            Self::Away => "away",
        })
    }
}

/// A [`StoreState`] that many may read and set.
#[derive(Debug, Default)]
pub(super) struct SharedState(AtomicU8);

impl SharedState {
    pub(super) fn get(&self) -> StoreState {
        match self.0.load(Ordering::Relaxed) {
            0 => StoreState::Connecting,
            1 => StoreState::Ready,
            _ => StoreState::Away,
        }
    }

    /// Sets it, and answers what it was.
    pub(super) fn set(&self, state: StoreState) -> StoreState {
        let number = match state {
            StoreState::Connecting => 0,
            StoreState::Ready => 1,
            StoreState::Away => 2,
        };
        let before = self.get();
        if before != state {
            self.0.store(number, Ordering::Relaxed);
        }
        before
    }
}
