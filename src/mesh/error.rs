//! What can go wrong with the node as a whole and with a call: matched by kind, never by text.

use std::time::Duration;

use super::node_id::NodeId;
use super::remote_error::RemoteError;

/// The node cannot be built or run.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The namespace cannot stand in a subject.
    #[error("'{0}' cannot be a namespace: it must be able to stand in a NATS subject")]
    InvalidNamespace(String),
    /// A server address cannot be read.
    #[error("'{server}' is not a NATS server address: {reason}")]
    InvalidServer {
        /// As it was given, without credentials.
        server: String,
        /// What the parser said.
        reason: String,
    },
    /// `run` was called before.
    #[error("the node runs already")]
    AlreadyRunning,
}

/// Where it happened, if that is known: the plain broker does not tell.
fn on(node: Option<&NodeId>) -> String {
    node.map(|node| format!(" on '{node}' node"))
        .unwrap_or_default()
}

/// A call that brought no result. The numbers are Moleculer's. A `node` is who was asked, where that is known.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// Nobody has ever offered it, or the asked node does not offer it.
    #[error("Service '{action}' is not found{}.", on(.node.as_ref()))]
    ServiceNotFound {
        /// What was called.
        action: String,
        /// The node that was asked, or was to be.
        node: Option<NodeId>,
    },
    /// It was offered once; at present nobody does.
    #[error("Service '{action}' is not available.")]
    ServiceNotAvailable {
        /// What was called.
        action: String,
    },
    /// The transport is away, or went away before the answer came. Nothing is kept to be sent later.
    #[error("The mesh is away; '{action}' was not called or its answer is lost.")]
    MeshAway {
        /// What was called.
        action: String,
    },
    /// No answer in time.
    #[error("Request is timed out when call '{action}' action{}.", on(.node.as_ref()))]
    Timeout {
        /// What was called.
        action: String,
        /// Who should have answered.
        node: Option<NodeId>,
        /// How long it was waited.
        after: Duration,
    },
    /// The packet is over what the server takes.
    #[error("Request too large")]
    TooLarge {
        /// What was called.
        action: String,
        /// Size of the packet in bytes.
        size: usize,
        /// The server's bound in bytes.
        limit: usize,
    },
    /// The called node left or fell silent before it answered.
    #[error("Request is rejected when call '{action}' action{}.", on(.node.as_ref()))]
    NodeLost {
        /// What was called.
        action: String,
        /// Who should have answered.
        node: Option<NodeId>,
    },
    /// Too many calls of this action wait already, or too many bytes wait to be sent.
    #[error("Queue is full. Request '{action}' is rejected.")]
    QueueFull {
        /// What was called.
        action: String,
    },
    /// The callee answered with an error.
    #[error("{0}")]
    Remote(Box<RemoteError>),
    /// The callee began a chunked answer, or one that cannot be read: nothing that is called here does.
    #[error("'{action}' was answered{} in a form that is not supported: {reason}.", on(.node.as_ref()))]
    BadAnswer {
        /// What was called.
        action: String,
        /// Who answered.
        node: Option<NodeId>,
        /// What was wrong with it.
        reason: &'static str,
    },
    /// The own node leaves.
    #[error("The node leaves the mesh; '{action}' is given up.")]
    Cancelled {
        /// What was called.
        action: String,
    },
}

impl CallError {
    /// The names of all of them; `RemoteError` stands for those that others threw, with names of their own.
    pub const NAMES: &'static [&'static str] = &[
        "ServiceNotFoundError",
        "ServiceNotAvailableError",
        "BrokerDisconnectedError",
        "RequestTimeoutError",
        "PayloadTooLarge",
        "RequestRejectedError",
        "QueueIsFullError",
        "InvalidPacketDataError",
        "RequestSkippedError",
        "RemoteError",
    ];

    /// Moleculer's number for it.
    pub fn code(&self) -> i64 {
        match self {
            Self::ServiceNotFound { .. } | Self::ServiceNotAvailable { .. } => 404,
            Self::TooLarge { .. } => 413,
            Self::QueueFull { .. } => 429,
            Self::BadAnswer { .. } => 500,
            Self::MeshAway { .. } | Self::NodeLost { .. } | Self::Cancelled { .. } => 503,
            Self::Timeout { .. } => 504,
            Self::Remote(error) => error.status(),
        }
    }

    /// Whether the same call may succeed a little later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::ServiceNotFound { .. }
            | Self::ServiceNotAvailable { .. }
            | Self::MeshAway { .. }
            | Self::Timeout { .. }
            | Self::NodeLost { .. }
            | Self::QueueFull { .. } => true,
            Self::TooLarge { .. } | Self::BadAnswer { .. } | Self::Cancelled { .. } => false,
            Self::Remote(error) => error.retryable,
        }
    }

    /// The name that Moleculer's class for it has: a label for metrics and the `name` on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::ServiceNotFound { .. } => "ServiceNotFoundError",
            Self::ServiceNotAvailable { .. } => "ServiceNotAvailableError",
            Self::MeshAway { .. } => "BrokerDisconnectedError",
            Self::Timeout { .. } => "RequestTimeoutError",
            Self::TooLarge { .. } => "PayloadTooLarge",
            Self::NodeLost { .. } => "RequestRejectedError",
            Self::QueueFull { .. } => "QueueIsFullError",
            Self::BadAnswer { .. } => "InvalidPacketDataError",
            Self::Cancelled { .. } => "RequestSkippedError",
            Self::Remote(error) => &error.name,
        }
    }

    /// Moleculer's `type` for it.
    pub fn type_(&self) -> &str {
        match self {
            Self::ServiceNotFound { .. } => "SERVICE_NOT_FOUND",
            Self::ServiceNotAvailable { .. } => "SERVICE_NOT_AVAILABLE",
            Self::MeshAway { .. } => "BAD_GATEWAY",
            Self::Timeout { .. } => "REQUEST_TIMEOUT",
            Self::TooLarge { .. } => "PAYLOAD_TOO_LARGE",
            Self::NodeLost { .. } => "REQUEST_REJECTED",
            Self::QueueFull { .. } => "QUEUE_FULL",
            Self::BadAnswer { .. } => "INVALID_PACKET_DATA",
            Self::Cancelled { .. } => "REQUEST_SKIPPED",
            Self::Remote(error) => error.type_.as_deref().unwrap_or_default(),
        }
    }
}

impl From<RemoteError> for CallError {
    fn from(error: RemoteError) -> Self {
        Self::Remote(Box::new(error))
    }
}
