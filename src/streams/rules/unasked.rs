//! That a rule could not be asked.

use std::time::Duration;

use tracing::warn;

use crate::telemetry::limit::Limited;

/// A rule could not be asked: the mesh or the database is away, or answered something else than was agreed. The cause is
/// in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rule could not be asked")]
pub(in crate::streams) struct Unasked;

impl Unasked {
    /// Says why, at most once in ten seconds: an outage is told once, not by every client.
    pub(in crate::streams) fn because(what: &str, cause: &dyn std::fmt::Display) -> Self {
        static LINE: Limited = Limited::every(Duration::from_secs(10));
        LINE.log(|left_out| warn!(what, %cause, left_out, "a rule could not be asked"));
        Self
    }
}

pub(super) fn unasked(what: &str, cause: &dyn std::fmt::Display) -> Unasked {
    Unasked::because(what, cause)
}
