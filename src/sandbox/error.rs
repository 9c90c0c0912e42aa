//! What keeps the sandbox from running.

use std::net::SocketAddr;

use super::database::DatabaseError;
use crate::mesh::MeshError;

/// Each is one line for whoever started it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The page's port is somebody else's.
    #[error(
        "the page cannot be served on {address}: {reason}. Choose another port with --page-port, 0 for any"
    )]
    PagePort {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The mesh cannot be joined as asked.
    #[error("the mesh cannot be joined: {0}")]
    Mesh(#[from] MeshError),
    /// What was given or what the environment says of the mesh cannot be used, or nobody is there.
    #[error("the mesh cannot be joined: {0}")]
    NotJoined(String),
    /// Somebody's workspace is on this mesh.
    #[error(
        "{0}: half of its calls would come to the sandbox, and people would be logged out. Name another server or --namespace, or say --yes-into-this-mesh"
    )]
    Living(String),
    /// A node id that cannot be one.
    #[error("{0}")]
    NodeId(String),
    /// The documents could not be put where the streamer reads them.
    #[error("{0}")]
    Database(String),
    /// An event to broadcast has no arguments that could be read.
    #[error("the arguments of {event} must be a JSON array: {reason}")]
    Arguments {
        /// Which.
        event: String,
        /// What is wrong.
        reason: String,
    },
    /// Nobody took an event that was to be broadcast.
    #[error("{to} did not take the event: {reason}")]
    Broadcast {
        /// Who should have.
        to: String,
        /// Why not.
        reason: String,
    },
    /// An event that was to be broadcast has no listeners.
    #[error("nobody on this mesh lists {0}")]
    Unheard(String),
    /// The streamer could not be started beside the core.
    #[error("the service cannot be started: {0}")]
    Service(String),
}

impl From<DatabaseError> for SandboxError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error.to_string())
    }
}
