//! Packets on their way out: checked against the server's bound, queued for the transport, now or never.

use std::sync::atomic::Ordering;

use async_nats::{HeaderMap, HeaderValue};
use bytes::Bytes;
use uuid::Uuid;

use super::base::Base;
use super::error::CallError;
use super::moleculer::MoleculerNode;
use super::node_id::NodeId;
use super::packet::PacketKind;
use super::queue::Refused;

/// What waits for the connection.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// What it counts as.
    pub(super) kind: PacketKind,
    pub(super) subject: String,
    pub(super) payload: Bytes,
    /// What it asks; the answer, or the word that nobody is there, comes to this connection's inbox.
    pub(super) asks: Option<Asks>,
    /// Only the plain broker's errors have some.
    pub(super) headers: Option<HeaderMap>,
}

/// The last token of a subject of a connection's inbox.
#[derive(Debug)]
pub(super) enum Asks {
    /// A call, by its id.
    Call(Uuid),
    /// Who is there.
    Around(String),
}

impl Outgoing {
    pub(super) fn new(kind: PacketKind, subject: String, payload: Bytes) -> Self {
        Self {
            kind,
            subject,
            payload,
            asks: None,
            headers: None,
        }
    }

    /// What the server counts, in bytes.
    fn size(&self) -> usize {
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
pub(super) enum PublishError {
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

impl Base {
    /// Queues something for the connection. Nothing over the server's bound is ever published.
    pub(super) fn send(&self, outgoing: Outgoing) -> Result<(), PublishError> {
        let size = outgoing.size();
        let limit = self.max_payload.load(Ordering::Relaxed);
        if size > limit {
            self.stats.too_large.add(1);
            return Err(PublishError::TooLarge { size, limit });
        }
        let cost = size + outgoing.subject.len();
        Ok(self.outbox.push(outgoing, cost)?)
    }

    /// An event was not sent, nor will be.
    pub(super) fn event_lost(&self, event: &str, error: PublishError) {
        self.stats.events_lost_out.add(1);
        match error {
            PublishError::TooLarge { size, limit } => {
                self.limits.too_large.log(|left_out| {
                    tracing::error!(
                        event,
                        size,
                        limit,
                        left_out,
                        "an event is too large for the NATS server"
                    );
                });
            }
            PublishError::Away | PublishError::Full => {
                self.limits.lost_out.log(|left_out| {
                    tracing::warn!(
                        event,
                        left_out,
                        "events to the mesh are lost: it is away or does not take them"
                    );
                });
            }
        }
    }
}

impl PublishError {
    /// What a caller is told.
    pub(super) fn of_call(self, action: &str) -> CallError {
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

impl MoleculerNode {
    /// A packet to one node or to all.
    pub(super) fn publish(
        &self,
        kind: PacketKind,
        to: Option<&NodeId>,
        json: Vec<u8>,
    ) -> Result<(), PublishError> {
        let payload = self.encode(kind, json)?;
        self.publish_payload(kind, to, payload, None)
    }

    /// A request, with its id.
    pub(super) fn publish_request(
        &self,
        to: &NodeId,
        json: Vec<u8>,
        id: Uuid,
    ) -> Result<(), PublishError> {
        let payload = self.encode(PacketKind::Request, json)?;
        self.publish_payload(PacketKind::Request, Some(to), payload, Some(id))
    }

    /// The same bytes may go to several nodes: only the subject differs.
    pub(super) fn publish_payload(
        &self,
        kind: PacketKind,
        to: Option<&NodeId>,
        payload: Bytes,
        asked: Option<Uuid>,
    ) -> Result<(), PublishError> {
        let subject = match to {
            Some(node) => self.subjects.node(kind, node),
            None => self.subjects.all(kind),
        };
        self.send(Outgoing {
            asks: asked.map(Asks::Call),
            ..Outgoing::new(kind, subject, payload)
        })
    }

    /// A packet in the mesh's encoding. What has no form in it (it is nested too deeply) is refused as too large: what a
    /// client sent is at fault, and no repetition helps.
    pub(super) fn encode(&self, kind: PacketKind, json: Vec<u8>) -> Result<Bytes, PublishError> {
        let size = json.len();
        self.config.serializer.encode(kind, json).map_err(|error| {
            self.limits.unwritable.log(|left_out| {
                tracing::warn!(packet = kind.name(), %error, left_out, "a packet cannot be written in the mesh's encoding");
            });
            self.stats.too_large.add(1);
            let limit = self.max_payload.load(Ordering::Relaxed);
            PublishError::TooLarge { size, limit }
        })
    }
}
