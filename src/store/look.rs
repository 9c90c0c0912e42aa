//! What an operator wants to know of the database before anybody is served.

use std::time::Duration;

use super::error::StoreError;

/// What a look at the database found.
#[derive(Debug, Clone)]
pub struct Look {
    /// The server's version.
    pub version: String,
    /// The database's name.
    pub database: String,
    /// A question and its answer.
    pub round_trip: Duration,
    /// How many milliseconds the server's clock is ahead of ours; `None` when it does not tell the time.
    pub ahead_ms: Option<i64>,
    /// Collections that are read and are not there.
    pub missing: Vec<&'static str>,
    /// Collections that may not be read, and why.
    pub refused: Vec<(&'static str, StoreError)>,
    /// How many collections are read.
    pub read: usize,
}
