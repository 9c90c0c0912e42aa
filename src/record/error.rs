//! What keeps a recording from being made or played: each is one line for whoever asked.

use crate::mesh::ListenError;
use crate::sandbox::SandboxError;

/// Why nothing, or no more, is recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The environment names a single server.
    #[error("DDP_SERVER_URL is set: there is no mesh to record")]
    NoMesh,
    /// A setting of the mesh cannot be used.
    #[error("{0}")]
    Settings(String),
    /// There is nothing to listen to.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The file cannot be made.
    #[error("{path} cannot be made: {error}")]
    Create {
        /// As it was named.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file cannot be written.
    #[error("the recording cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

/// Why nothing, or not all, is played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The environment names a single server.
    #[error("DDP_SERVER_URL is set: there is no mesh to play onto")]
    NoMesh,
    /// A setting of the mesh cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Read {
        /// As it was named.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A line of it is none of a recording.
    #[error("{path}:{line}: {problem}")]
    Line {
        /// As it was named.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Somebody may work on this mesh.
    #[error(
        "nothing was played: {0}. With --yes-into-this-mesh it is played all the same, to everybody who is connected there"
    )]
    NotASandbox(String),
    /// The mesh cannot be joined.
    #[error("the mesh was not joined: {0}")]
    NotJoined(String),
    /// The sandbox does not take it.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The mesh did not take all of it.
    #[error("{0} events were lost: the mesh was away, or did not take them")]
    Lost(u64),
}
