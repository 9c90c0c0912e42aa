//! `ddp-streamer record` and `replay`: a workspace's traffic in a file that can go with a bug report, and back onto a mesh.
//!
//! **Recording**: the mesh is listened to from outside ([`mesh::overhear`](crate::mesh::overhear)), which nobody on it notices; each packet becomes a line (`line`) from which everything
//! was replaced that must not leave the workspace (`redaction`), in a file with an end (`file`).
//!
//! **Replaying**: the file is read whole and found sound before anything is played (`read`); then its events, and nothing else of it, go to a sandbox or onto a mesh
//! (`stage`), in the pace in which they came or another (`replay`). Calls are never played: they would change things.

pub mod args;
mod error;
mod file;
mod line;
mod read;
mod recorder;
mod redaction;
mod replay;
mod stage;
#[cfg(test)]
mod tests;

pub use args::{Onto, Record, Replay, Speed};
pub use error::{RecordError, ReplayError};
pub use recorder::record;
pub use replay::replay;
