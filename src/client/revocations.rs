//! When users' logins were last put in doubt: who logs in by an answer from before that is looked at once more.
//!
//! What ends logins is told of the sessions that there are. A login whose answer is on its way is none yet.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Users share so many places by their hashes: 8 KiB. Who shares one is looked at without need, which asks the database once.
const PLACES: usize = 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Revocations {
    count: AtomicU64,
    /// The count when logins of these users were put in doubt.
    last: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Default for Revocations {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            last: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Revocations {
    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// A user's logins are in doubt now.
    pub(super) fn revoke(&self, user: &str) {
        let now = 1 + self.count.fetch_add(1, Ordering::SeqCst);
        if let Some(last) = self.place(user) {
            last.fetch_max(now, Ordering::SeqCst);
        }
    }

    /// Whether a user's logins were put in doubt since there were so many.
    pub(super) fn since(&self, count: u64, user: &str) -> bool {
        self.place(user)
            .is_some_and(|last| last.load(Ordering::SeqCst) > count)
    }

    fn place(&self, user: &str) -> Option<&AtomicU64> {
        self.last.get(self.hasher.hash_one(user) as usize % PLACES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_since_counts() {
        let revocations = Revocations::default();
        let before = revocations.count();
        assert!(!revocations.since(before, "u"));
        revocations.revoke("u");
        assert!(revocations.since(before, "u"));
        assert!(!revocations.since(revocations.count(), "u"));
    }
}
