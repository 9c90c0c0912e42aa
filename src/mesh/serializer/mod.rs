//! The encoding of packets.
//!
//! Inside the node every packet is JSON text (EJSON is JSON text in which dates and binaries are objects). A serializer
//! brings another encoding to and from that text at the edge, packet by packet, so that neither the node nor the rooms
//! above know of it. EJSON and JSON are that text already and cost nothing.

use std::borrow::Cow;

use bytes::Bytes;

use super::packet::PacketKind;

/// Which encoding the mesh uses: the same on all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SerializerKind {
    /// JSON text; dates are `{"$date":ms}`, binaries `{"$binary":base64}`. What Rocket.Chat uses unless told otherwise.
    #[default]
    Ejson,
    /// JSON text; dates are ISO texts.
    Json,
}

/// A payload is not in this encoding, or a packet cannot be written in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SerializeError(pub Cow<'static, str>);

impl SerializerKind {
    /// As `SERIALIZER` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ejson => "EJSON",
            Self::Json => "JSON",
        }
    }

    /// A payload as JSON text. `kind` matters to encodings with a schema (ProtoBuf).
    pub(crate) fn decode(self, _kind: PacketKind, payload: Bytes) -> Result<Bytes, SerializeError> {
        match self {
            Self::Ejson | Self::Json => Ok(payload),
        }
    }

    /// JSON text as a payload.
    pub(crate) fn encode(self, _kind: PacketKind, json: Vec<u8>) -> Result<Bytes, SerializeError> {
        match self {
            Self::Ejson | Self::Json => Ok(Bytes::from(json)),
        }
    }
}
