//! What waits for the connection, and why something may not.

use async_nats::{HeaderMap, HeaderValue};
use bytes::Bytes;
use uuid::Uuid;

use super::queue::Refused;
use crate::mesh::error::CallError;
use crate::mesh::packet_kind::PacketKind;

/// What waits for the connection.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// What it counts as.
    pub(crate) kind: PacketKind,
    pub(crate) subject: String,
    pub(crate) payload: Bytes,
    /// What it asks; the answer, or the word that nobody is there, comes to this connection's inbox.
    pub(crate) asks: Option<Asks>,
    /// Only the plain broker's errors have some.
    pub(crate) headers: Option<HeaderMap>,
}

/// The last token of a subject of a connection's inbox.
#[derive(Debug)]
pub(crate) enum Asks {
    /// A call, by its id.
    Call(Uuid),
    /// Who is there.
    Around(String),
}

impl Outgoing {
    pub(crate) fn new(kind: PacketKind, subject: String, payload: Bytes) -> Self {
        Self {
            kind,
            subject,
            payload,
            asks: None,
            headers: None,
        }
    }

    /// What the server counts, in bytes.
    pub(crate) fn size(&self) -> usize {
        let headers = self.headers.as_ref().map_or(0, |headers| {
            // `name: value` and a line end each, after the line that says that these are headers.
            headers.iter().fold(16, |bytes, (name, values)| {
                let value = |value: &HeaderValue| name.to_string().len() + value.as_str().len() + 4;
                bytes + values.iter().map(value).sum::<usize>()
            })
        });
        self.payload.len() + headers
    }
}

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublishError {
    /// There is no connection.
    Away,
    /// Too much waits already: the server takes nothing.
    Full,
    /// Over what the server takes, in bytes.
    TooLarge { size: usize, limit: usize },
}

impl From<Refused> for PublishError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::Closed => Self::Away,
        }
    }
}

impl PublishError {
    /// What a caller is told.
    pub(crate) fn of_call(self, action: &str) -> CallError {
        let action = action.to_owned();
        match self {
            Self::Away => CallError::MeshAway { action },
            Self::Full => CallError::QueueFull { action },
            Self::TooLarge { size, limit } => CallError::TooLarge {
                action,
                size,
                limit,
            },
        }
    }
}
