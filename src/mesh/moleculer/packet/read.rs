//! Reading packets: the envelope once, everything else borrowed.

use std::borrow::Cow;

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::info::InfoPacket;
use super::protocol::takes;
use crate::config::Protocols;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::json::present;

/// Why a payload is dropped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Not JSON, or a field of the envelope is missing or of another type.
    #[error("malformed: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another protocol than those that are taken.
    #[error("protocol version {0}")]
    Version(String),
}

/// A packet of any kind.
#[derive(Debug)]
pub(crate) enum Packet<'a> {
    Discover(Bare<'a>),
    Info(InfoPacket<'a>),
    Heartbeat(HeartbeatPacket<'a>),
    Disconnect(Bare<'a>),
    Ping(PingPacket<'a>),
    Pong(PongPacket<'a>),
    Request(RequestPacket<'a>),
    Response(ResponsePacket<'a>),
    Event(EventPacket<'a>),
}

impl<'a> Packet<'a> {
    /// Reads a payload that came on a subject of this kind.
    pub(crate) fn read(
        kind: PacketKind,
        json: &'a [u8],
        taken: Protocols,
    ) -> Result<Self, ReadError> {
        Ok(match kind {
            PacketKind::Discover => Self::Discover(checked(json, taken, |p: &Bare<'a>| &p.ver)?),
            PacketKind::Info => Self::Info(checked(json, taken, |p: &InfoPacket<'a>| &p.ver)?),
            PacketKind::Heartbeat => {
                Self::Heartbeat(checked(json, taken, |p: &HeartbeatPacket<'a>| &p.ver)?)
            }
            PacketKind::Disconnect => {
                Self::Disconnect(checked(json, taken, |p: &Bare<'a>| &p.ver)?)
            }
            PacketKind::Ping => Self::Ping(checked(json, taken, |p: &PingPacket<'a>| &p.ver)?),
            PacketKind::Pong => Self::Pong(checked(json, taken, |p: &PongPacket<'a>| &p.ver)?),
            PacketKind::Request => {
                Self::Request(checked(json, taken, |p: &RequestPacket<'a>| &p.ver)?)
            }
            PacketKind::Response => {
                Self::Response(checked(json, taken, |p: &ResponsePacket<'a>| &p.ver)?)
            }
            PacketKind::Event => Self::Event(EventPacket::read(json, taken)?),
        })
    }

    /// Who sent it.
    pub(crate) fn sender(&self) -> &str {
        match self {
            Self::Discover(p) | Self::Disconnect(p) => &p.sender,
            Self::Info(p) => &p.sender,
            Self::Heartbeat(p) => &p.sender,
            Self::Ping(p) => &p.sender,
            Self::Pong(p) => &p.sender,
            Self::Request(p) => &p.sender,
            Self::Response(p) => &p.sender,
            Self::Event(p) => &p.sender,
        }
    }
}

fn checked<'a, T: Deserialize<'a>>(
    json: &'a [u8],
    taken: Protocols,
    version: impl Fn(&T) -> &str,
) -> Result<T, ReadError> {
    // Looked at once as a whole, which is fast; `from_slice` would look at each text of it.
    let Ok(text) = std::str::from_utf8(json) else {
        return Err(not_text(json, taken));
    };
    // Values without their keys would be taken for a packet as well.
    if !text.trim_start().starts_with('{') {
        return Err(ReadError::Malformed(serde_json::Error::custom("no object")));
    }
    match serde_json::from_str::<T>(text) {
        Ok(packet) if takes(taken, version(&packet)) => Ok(packet),
        Ok(packet) => Err(ReadError::Version(shortened(version(&packet)))),
        // Another protocol has other packets: that it is another one is the better thing to say.
        Err(error) => Err(foreign(json, taken).unwrap_or(error.into())),
    }
}

/// That it is of another protocol, if it is.
fn foreign(json: &[u8], taken: Protocols) -> Option<ReadError> {
    let version = serde_json::from_slice::<Version>(json).ok()?.ver.get();
    let unquoted = version
        .strip_prefix('"')
        .and_then(|version| version.strip_suffix('"'));
    let known = unquoted.is_some_and(|version| takes(taken, version));
    (!known).then(|| ReadError::Version(shortened(unquoted.unwrap_or(version))))
}

#[cold]
fn not_text(json: &[u8], taken: Protocols) -> ReadError {
    foreign(json, taken)
        .unwrap_or_else(|| ReadError::Malformed(serde_json::Error::custom("not UTF-8")))
}

#[derive(Deserialize)]
struct Version<'a> {
    #[serde(borrow)]
    ver: &'a RawValue,
}

fn shortened(text: &str) -> String {
    text.chars().take(16).collect()
}

/// DISCOVER, DISCONNECT: nothing but the envelope.
#[derive(Debug, Deserialize)]
pub(crate) struct Bare<'a> {
    #[serde(borrow)]
    pub(crate) ver: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sender: Cow<'a, str>,
}

/// A node lives.
#[derive(Debug, Deserialize)]
pub(crate) struct HeartbeatPacket<'a> {
    #[serde(borrow)]
    pub(crate) ver: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sender: Cow<'a, str>,
    /// Percent of the host's CPU, where its system tells of one.
    #[serde(default, deserialize_with = "number")]
    pub(crate) cpu: Option<f32>,
    /// Some discoverers add it: the INFO that the heartbeat belongs to.
    pub(crate) seq: Option<u64>,
    /// Some discoverers add it, perhaps only its first characters.
    #[serde(rename = "instanceID")]
    pub(crate) instance_id: Option<Cow<'a, str>>,
}

/// A number as EJSON writes it. One that JSON has none for (Node.js counts NaN percent where its host lists no CPUs) is an
/// object, and tells nothing.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct NoNumber {
        #[serde(rename = "$InfNaN")]
        _sign: IgnoredAny,
    }
    let json = <&RawValue>::deserialize(deserializer)?.get();
    let read = match json.starts_with('{') {
        true => serde_json::from_str::<NoNumber>(json).map(|_| None),
        false => serde_json::from_str(json),
    };
    read.map_err(D::Error::custom)
}

/// A round trip on its way out: time and id are given back as they came.
#[derive(Debug, Deserialize)]
pub(crate) struct PingPacket<'a> {
    #[serde(borrow)]
    pub(crate) ver: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sender: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) time: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) id: Option<&'a RawValue>,
}

/// A round trip on its way back.
#[derive(Debug, Deserialize)]
pub(crate) struct PongPacket<'a> {
    #[serde(borrow)]
    pub(crate) ver: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sender: Cow<'a, str>,
    pub(crate) id: Option<Cow<'a, str>>,
    /// The other node's clock when the ping came, milliseconds.
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) arrived: Option<&'a RawValue>,
}

/// A call.
#[derive(Debug, Deserialize)]
pub(crate) struct RequestPacket<'a> {
    #[serde(borrow)]
    pub(crate) ver: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sender: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) action: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) meta: Option<&'a RawValue>,
    pub(crate) stream: Option<bool>,
    pub(crate) seq: Option<u64>,
}

/// An answer.
#[derive(Debug, Deserialize)]
pub(crate) struct ResponsePacket<'a> {
    #[serde(borrow)]
    pub(crate) ver: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sender: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    pub(crate) success: bool,
    /// `None`: the callee returned nothing. `null` is a value.
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) error: Option<&'a RawValue>,
    pub(crate) stream: Option<bool>,
    pub(crate) seq: Option<u64>,
}

/// An event.
#[derive(Debug, Deserialize)]
pub(crate) struct EventPacket<'a> {
    #[serde(borrow)]
    pub(crate) ver: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sender: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) event: Cow<'a, str>,
    /// The array of the listener's arguments, raw.
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) data: Option<&'a RawValue>,
    /// Absent or empty: every group.
    pub(crate) groups: Option<Vec<Cow<'a, str>>>,
    pub(crate) broadcast: Option<bool>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) meta: Option<&'a RawValue>,
}

impl<'a> EventPacket<'a> {
    pub(crate) fn read(json: &'a [u8], taken: Protocols) -> Result<Self, ReadError> {
        checked(json, taken, |p: &EventPacket<'a>| &p.ver)
    }
}
