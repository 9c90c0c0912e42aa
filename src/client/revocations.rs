//! When users' logins were last put in doubt: who logs in by an answer from before that is looked at once more.
//!
//! What ends logins is told of the sessions that there are. A login whose answer is on its way is none yet.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Users share so many places by their hashes. Who shares one is looked at without need, which asks the database once.
const PLACES: usize = 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Revocations {
    count: AtomicU64,
    last: Box<[Mutex<Last>]>,
    hasher: RandomState,
}

/// When logins of a user were last put in doubt.
#[derive(Debug, Default)]
struct Last {
    /// The count then.
    at: u64,
    /// The tokens that were not, with their user, hashed.
    kept: Box<[u64]>,
}

impl Default for Revocations {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            last: (0..PLACES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Revocations {
    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// A user's logins are in doubt now, but for those with these tokens.
    pub(super) fn revoke<'a>(&self, user: &str, kept: impl Iterator<Item = &'a str>) {
        let kept = kept.map(|token| self.hasher.hash_one((user, token)));
        let kept = kept.collect();
        if let Some(last) = self.place(user) {
            let mut last = last.lock();
            let at = 1 + self.count.fetch_add(1, Ordering::SeqCst);
            *last = Last { at, kept };
        }
    }

    /// Whether a user's login with this token was put in doubt since there were so many.
    pub(super) fn since(&self, count: u64, user: &str, token: &str) -> bool {
        let token = self.hasher.hash_one((user, token));
        self.place(user).is_some_and(|last| {
            let last = last.lock();
            last.at > count && !last.kept.contains(&token)
        })
    }

    fn place(&self, user: &str) -> Option<&Mutex<Last>> {
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
        assert!(!revocations.since(before, "u", "t"));
        revocations.revoke("u", ["kept"].into_iter());
        assert!(revocations.since(before, "u", "t"));
        assert!(!revocations.since(before, "u", "kept"));
        assert!(!revocations.since(revocations.count(), "u", "t"));
    }
}
