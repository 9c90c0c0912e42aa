//! Doors for `fuzz/` and `benches/`: what reads bytes is kept by its room to itself otherwise.

use bytes::Bytes;

use crate::mesh::{PacketKind, SerializeError, SerializerKind};

/// Decodes the WebSocket frames of a client in `bytes`, in place, and hands over the text of each message. Ends at the
/// first frame that is broken or has not come whole.
pub fn read_frames(bytes: &mut [u8], message: impl FnMut(&str)) {
    crate::session::read_frames(bytes, message);
}

/// Reads a payload of the mesh as a packet of one kind; says whether it is one.
pub fn read_packet(
    serializer: SerializerKind,
    kind: PacketKind,
    payload: impl Into<Bytes>,
) -> bool {
    crate::mesh::read_packet(serializer, kind, payload.into())
}

/// Writes a packet, given as JSON text, in an encoding.
///
/// # Errors
/// The text is no packet of this kind.
pub fn write_packet(
    serializer: SerializerKind,
    kind: PacketKind,
    json: impl Into<Vec<u8>>,
) -> Result<Bytes, SerializeError> {
    serializer.encode(kind, json.into())
}
