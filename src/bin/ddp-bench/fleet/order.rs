//! What the conductor asks of the shards.

use std::sync::Arc;
use std::time::Duration;

use crate::wire::script::Lost;

/// What the conductor asks of the shards.
#[derive(Clone)]
pub(crate) enum Order {
    /// Set up sessions; `Note::Settled` tells when all are ready or gave up.
    Open,
    /// All connections end, and all come back at once; `Note::Settled` likewise.
    Storm,
    /// Begin to count the marks of this run; answered with a `Note::Lap`.
    Begin(u16),
    /// Tell what was counted since the last lap, and which calls are on their way where no more are made; count anew.
    Lap,
    /// Tell the counts, with what never came: `sent[key]` events were published.
    Finish(Arc<Vec<u32>>),
    /// The sessions of `Settings::stalling` stop reading, or read again.
    Stall(bool),
    /// All open their first room once more within this time; `Note::Settled` tells when all were answered.
    Visit {
        /// From the first to the last.
        within: Duration,
        /// Which users have lost their access before.
        lost: Lost,
        /// Their neighbours lose it meanwhile: whoever of them comes so long after the first must be refused as well.
        later: Option<Duration>,
    },
    /// Keep this many calls on their way in this shard; 0: no more.
    Call(u32),
    /// Tell which sessions are waited for, with a `Note::Missing`.
    Missing,
    /// End all connections.
    Close,
    /// End the thread.
    Quit,
}
