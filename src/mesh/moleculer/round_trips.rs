//! Pings that wait for their answers.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

/// Older ones are given up.
const MAX_PINGS: usize = 1024;

/// See the module.
#[derive(Default)]
pub(super) struct RoundTrips(Mutex<HashMap<String, Instant>>);

impl RoundTrips {
    pub(super) fn start(&self) -> String {
        let id = Uuid::new_v4().to_string();
        let mut pings = self.0.lock();
        if pings.len() >= MAX_PINGS {
            pings.clear();
        }
        pings.insert(id.clone(), Instant::now());
        id
    }

    /// A ping to all is answered by all.
    pub(super) fn started(&self, id: &str) -> Option<Instant> {
        self.0.lock().get(id).copied()
    }

    pub(super) fn forget_before(&self, time: Instant) {
        self.0.lock().retain(|_, started| *started >= time);
    }
}
