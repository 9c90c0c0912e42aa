//! What is counted here. Handles are made once, after the recorder was installed.

use metrics::{Counter, counter};

/// Upgrades that were refused, by `reason`.
const REFUSED: &str = "ddp_upgrades_refused_total";
/// Connections that could not be accepted.
const ACCEPT_ERRORS: &str = "ddp_accept_errors_total";

/// Why an upgrade was refused.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    Malformed,
    Origin,
    Full,
    Draining,
}

const REASONS: [&str; 4] = ["malformed", "origin", "full", "draining"];

/// The counters of the door.
pub(super) struct Metrics {
    refused: [Counter; REASONS.len()],
    pub(super) accept_errors: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self {
            refused: REASONS.map(|reason| counter!(REFUSED, "reason" => reason)),
            accept_errors: counter!(ACCEPT_ERRORS),
        }
    }

    pub(super) fn refused(&self, refusal: Refusal) {
        self.refused[refusal as usize].increment(1);
    }
}
