//! Packets of Moleculer's protocol 4: one JSON document each.
//!
//! Reading looks at the envelope once and borrows everything: `data`, `params`, `meta` and `error` stay raw JSON, slices
//! of the payload. Writing puts raw JSON into an envelope without looking into it. Keys and their order are those of
//! Moleculer 0.14, so that a recorded packet and one of ours cannot be told apart.

mod info;
mod read;
mod write;

pub(crate) use info::{ActionInfo, ClientInfo, EventInfo, InfoOut, InfoPacket, ServiceInfo, info};
pub(crate) use read::{
    EventPacket, HeartbeatPacket, Packet, PingPacket, PongPacket, ReadError, RequestPacket,
    ResponsePacket,
};
pub(crate) use write::{
    EventOut, Outcome, RequestOut, Writer, bare, event, heartbeat, ping, pong, request, response,
};

/// The protocol that Moleculer 0.14 speaks.
pub(crate) const PROTOCOL: &str = "4";

/// The second token of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PacketKind {
    /// Who is there?
    Discover,
    /// A node and what it offers.
    Info,
    /// A node lives.
    Heartbeat,
    /// A node leaves.
    Disconnect,
    /// Round trip, out.
    Ping,
    /// Round trip, back.
    Pong,
    /// A call.
    Request,
    /// An answer.
    Response,
    /// An event.
    Event,
}

impl PacketKind {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 9] = [
        Self::Discover,
        Self::Info,
        Self::Heartbeat,
        Self::Disconnect,
        Self::Ping,
        Self::Pong,
        Self::Request,
        Self::Response,
        Self::Event,
    ];

    /// As it stands in a subject.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discover => "DISCOVER",
            Self::Info => "INFO",
            Self::Heartbeat => "HEARTBEAT",
            Self::Disconnect => "DISCONNECT",
            Self::Ping => "PING",
            Self::Pong => "PONG",
            Self::Request => "REQ",
            Self::Response => "RES",
            Self::Event => "EVENT",
        }
    }
}
