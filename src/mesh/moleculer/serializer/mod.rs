//! The encoding of packets.
//!
//! Inside the node every packet is JSON text (EJSON is JSON text in which dates and binaries are objects). A serializer
//! brings another encoding to and from that text at the edge, packet by packet, so that neither the node nor the rooms
//! above know of it. EJSON is that text already and costs nothing.
//!
//! - **In**: bytes → [`text::EjsonText`], written while reading. A native date becomes `{"$date":ms}`, bytes `{"$binary":…}`,
//!   what was never meant to be EJSON (`{"$date":5}` as plain data) is escaped: what `EJSON.stringify` would make of the
//!   packet in a node of Rocket.Chat.
//! - **Out**: text → [`value::Value`], EJSON resolved → bytes, as that node's `EJSON.parse` and serializer would.
//!
//! JSON and ProtoBuf (JSON text inside) have neither dates nor binaries: a date travels as an ISO text and stays one.
//!
//! Nothing is allocated by a length that the payload merely claims; nesting ends at [`MAX_DEPTH`](crate::ejson::MAX_DEPTH).

mod cbor;
mod date_text;
mod error;
mod json;
mod msgpack;
mod numbers;
mod protobuf;
mod surrogates;
mod text;
mod value;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use error::SerializeError;

use crate::config::SerializerKind;
use crate::mesh::packet_kind::PacketKind;

impl SerializerKind {
    /// A payload as JSON text. `kind` matters to encodings with a schema (ProtoBuf).
    pub(crate) fn decode(self, kind: PacketKind, payload: Bytes) -> Result<Bytes, SerializeError> {
        match self {
            Self::Ejson => Ok(payload),
            Self::Json => json::decode(payload),
            Self::MsgPack | Self::Notepack => msgpack::decode(&payload).map(Bytes::from),
            Self::Cbor => cbor::decode(&payload).map(Bytes::from),
            Self::ProtoBuf => protobuf::decode(kind, payload).map(Bytes::from),
        }
    }

    /// JSON text as a payload.
    pub(crate) fn encode(self, kind: PacketKind, json: Vec<u8>) -> Result<Bytes, SerializeError> {
        match self {
            Self::Ejson => Ok(json),
            Self::Json => json::encode(json),
            Self::MsgPack => msgpack::encode(json, msgpack::Dialect::Msgpack5),
            Self::Notepack => msgpack::encode(json, msgpack::Dialect::Notepack),
            Self::Cbor => cbor::encode(json),
            Self::ProtoBuf => protobuf::encode(kind, &json),
        }
        .map(Bytes::from)
    }
}
