//! What keeps the terminal from its answer.

use std::time::Duration;

/// Each is one line for whoever typed the command.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// Not an address.
    #[error("'{0}' is not an address: expected ws://host[:port][/websocket] or wss://…")]
    Address(String),
    /// Nobody answers there.
    #[error("{address} cannot be reached: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system or the server said.
        reason: String,
    },
    /// The connection ended.
    #[error("the server closed the connection{0}")]
    Closed(String),
    /// The server ended a subscription.
    #[error("the server ended {what}{why}")]
    Ended {
        /// Which.
        what: String,
        /// The server's error, behind a colon.
        why: String,
    },
    /// The server's certificates cannot be checked.
    #[error("TLS: {0}")]
    Tls(String),
    /// No answer in time.
    #[error("no answer to {what} within {} s", after.as_secs())]
    Silent {
        /// What was asked.
        what: String,
        /// How long it was waited.
        after: Duration,
    },
    /// The server speaks something else.
    #[error("not understood: {0}")]
    Strange(String),
    /// A method failed, or a subscription was refused.
    #[error("{what}: {error}")]
    Refused {
        /// Which.
        what: String,
        /// The server's error.
        error: String,
    },
}
