//! Doors for `fuzz/` and `benches/`: what reads bytes is kept by its room to itself otherwise.

use std::num::NonZero;
use std::time::Duration;

use bytes::Bytes;

use crate::client::Client;
use crate::config::NatsServers;
use crate::gateway::About;
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

/// Passes over what came on a connection, in two pieces, as is done before hyper reads it: what hyper reads, and whether
/// the first head was of HTTP/1.0.
#[must_use]
pub fn pass_over_head(first: &[u8], second: &[u8]) -> (Vec<u8>, bool) {
    crate::gateway::pass_over(first, second)
}

/// Whether the first head is an upgrade in so few fields that hyper is given no room for more.
#[must_use]
pub fn is_small_upgrade(bytes: &[u8]) -> bool {
    crate::gateway::is_small_upgrade(bytes)
}

/// Reads what `TLS_CERT_PATH` and `TLS_KEY_PATH` hold.
///
/// # Errors
/// What is wrong with it, for the operator.
pub fn read_certificate(chain: &[u8], key: &[u8]) -> Result<About, String> {
    crate::gateway::read_certificate(chain, key).map_err(|error| error.to_string())
}

/// Reads the URLs of NATS servers, as `TRANSPORTER` has them.
#[must_use]
pub fn nats_servers(text: &str) -> Option<NatsServers> {
    crate::config::nats_servers(text)
}

/// What `DDP_RATE_LIMIT=settings` does at each call of a method of the core: all limits on, each of so many requests in
/// this time; or off. Says whether the call may go on.
pub fn method_limits(each: Option<(NonZero<u32>, Duration)>) -> impl Fn(&str, &Client) -> bool {
    crate::methods::limits(each)
}
