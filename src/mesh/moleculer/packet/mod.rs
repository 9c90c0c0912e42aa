//! Packets of Moleculer's protocol 4: one JSON document each.
//!
//! Reading looks at the envelope once and borrows everything: `data`, `params`, `meta` and `error` stay raw JSON, slices
//! of the payload. Writing puts raw JSON into an envelope without looking into it. Keys and their order are those of
//! Moleculer 0.14, so that a recorded packet and one of ours cannot be told apart.

mod error;
mod glance;
mod info;
mod protocol;
mod read;
mod write;

pub(crate) use glance::event_name;
pub(crate) use info::{InfoOut, InfoPacket, info};
pub(crate) use protocol::PROTOCOL_5;
pub(crate) use read::{
    EventPacket, HeartbeatPacket, Packet, PingPacket, PongPacket, ReadError, RequestPacket,
    ResponsePacket,
};
pub(crate) use write::{
    EventOut, Outcome, RequestOut, bare, event, heartbeat, ping, pong, request, response,
};
