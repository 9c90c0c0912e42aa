//! What is counted: latencies, sequences, the server's CPU time and memory.

pub(crate) mod account;
pub(crate) mod latency;
pub(crate) mod process;
pub(crate) mod tally;
pub(crate) mod trend;
