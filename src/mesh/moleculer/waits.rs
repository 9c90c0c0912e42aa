//! Waiting for a service that nobody offers yet: one wait for all callers, and no second one until it was seen again.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Names that are remembered. Callers use a handful of services; more than this means that somebody makes names up.
const MAX_NAMES: usize = 1024;

/// See the module.
#[derive(Default)]
pub(crate) struct Waits(Mutex<HashMap<String, Wait>>);

#[derive(Debug, Clone, Copy)]
enum Wait {
    Until(Instant),
    Failed,
}

impl Waits {
    /// Until when to wait for the service; `None`: not at all, it was waited for in vain.
    pub(crate) fn deadline(&self, service: &str, patience: Duration) -> Option<Instant> {
        let mut waits = self.0.lock();
        let now = Instant::now();
        match waits.get(service) {
            Some(Wait::Failed) => None,
            // A wait that nobody saw through to its end is over all the same.
            Some(Wait::Until(deadline)) if *deadline <= now => {
                waits.insert(service.to_owned(), Wait::Failed);
                None
            }
            Some(Wait::Until(deadline)) => Some(*deadline),
            None if waits.len() >= MAX_NAMES => None,
            None => {
                let deadline = now + patience;
                waits.insert(service.to_owned(), Wait::Until(deadline));
                Some(deadline)
            }
        }
    }

    /// It was waited for in vain.
    pub(crate) fn failed(&self, service: &str) {
        if let Some(wait) = self.0.lock().get_mut(service) {
            *wait = Wait::Failed;
        }
    }

    /// Services were seen: `missing` tells which still are not.
    pub(crate) fn seen(&self, missing: impl Fn(&str) -> bool) {
        self.0.lock().retain(|service, _| missing(service));
    }

    /// The mesh was away: what was not seen then may be here now.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}
