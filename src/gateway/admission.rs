//! How many clients come in (`MAX_CONCURRENT_CONNECTIONS`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::telemetry::limit::Limited;

/// A refusal is logged at most once in this time.
const REFUSAL_EVERY: Duration = Duration::from_secs(3);
/// Coming near the limit is logged at most once in this time.
const NEAR_EVERY: Duration = Duration::from_secs(60);
/// At so many percent of the limit its name is logged.
const NEAR_PERCENT: usize = 80;

/// Counts the clients that are in.
#[derive(Debug)]
pub(super) struct Admission {
    limit: usize,
    inside: AtomicUsize,
    refused: Limited,
    near: Limited,
}

/// One client's place; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Permit(Arc<Admission>);

impl Admission {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            inside: AtomicUsize::new(0),
            refused: Limited::every(REFUSAL_EVERY),
            near: Limited::every(NEAR_EVERY),
        })
    }

    /// A place, unless all are taken.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Permit> {
        let (order, limit) = (Ordering::Relaxed, self.limit);
        let more = |inside: usize| (inside < limit).then_some(inside + 1);
        let Ok(before) = self.inside.fetch_update(order, order, more) else {
            self.refused.log(|left_out| {
                tracing::warn!(
                    limit,
                    left_out,
                    "MAX_CONCURRENT_CONNECTIONS is reached: clients are refused with 503"
                );
            });
            return None;
        };
        if before + 1 == (limit * NEAR_PERCENT).div_ceil(100) {
            self.near.log(|left_out| {
                tracing::warn!(
                    limit,
                    inside = before + 1,
                    left_out,
                    "{NEAR_PERCENT} % of MAX_CONCURRENT_CONNECTIONS are taken"
                );
            });
        }
        Some(Permit(self.clone()))
    }

    pub(super) fn is_full(&self) -> bool {
        self.inside() >= self.limit
    }

    pub(super) fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let admission = Admission::new(2);
        let first = admission.admit().unwrap();
        let _second = admission.admit().unwrap();
        assert!(admission.is_full() && admission.admit().is_none());
        drop(first);
        assert_eq!(admission.inside(), 1);
        assert!(admission.admit().is_some());
    }
}
