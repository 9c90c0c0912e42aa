//! What is overheard on a mesh by somebody who only listens: packets of others, each once.
//!
//! Who listens along is no node. Nothing is published on the mesh's subjects, no INFO and no heartbeat, so nobody takes the listener into a registry; it is in no
//! queue group, so it takes nothing from those who are meant to have it. But NATS says that nobody is there only where nobody listens at all: a
//! call to a service that is gone waits for its time-out meanwhile.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::packet_kind::PacketKind;
use super::remote_error::RemoteError;

/// A moment of listening along.
#[derive(Debug)]
pub enum Overheard<'a> {
    /// The server has taken the subscriptions: from here on nothing is missed. Told again after an outage.
    Listening,
    /// A packet.
    Packet(Packet<'a>),
    /// The same once more, for another of those who listen to it.
    Copy,
    /// Something on the mesh's subjects that is no packet in the mesh's encoding.
    Unreadable,
    /// A packet of protocol 5, where that is not taken.
    OfProtocol5,
    /// This many were lost between NATS and here: this process does not keep up.
    Lost(u64),
    /// No connection: what is sent meanwhile is not heard.
    Away(String),
    /// A second has passed.
    Turn,
}

/// A packet of somebody else.
#[derive(Debug)]
pub struct Packet<'a> {
    /// The node that sent it; empty with the plain broker, which does not tell.
    pub sender: Cow<'a, str>,
    /// The one node that it is for.
    pub target: Option<&'a str>,
    /// What it says.
    pub body: Body<'a>,
}

/// What a packet says.
#[derive(Debug)]
pub enum Body<'a> {
    /// An event.
    Event {
        /// Such as `watch.messages`.
        name: Cow<'a, str>,
        /// The JSON array of its arguments; not checked to be one.
        data: &'a RawValue,
        /// To all who listen, not to one of each group.
        broadcast: bool,
    },
    /// A call.
    Request {
        /// Joins it to its answer; empty with the plain broker.
        id: Cow<'a, str>,
        /// Such as `accounts.login`.
        action: Cow<'a, str>,
        /// The JSON array of its arguments; not checked to be one.
        params: &'a RawValue,
    },
    /// An answer.
    Response {
        /// That of the call.
        id: Cow<'a, str>,
        /// What was returned, if anything was.
        result: Result<Option<&'a RawValue>, Box<RemoteError>>,
    },
    /// A node and what it offers.
    Info {
        /// What runs it, such as `nodejs 0.14.35`.
        client: String,
        /// Its services.
        services: Vec<ServiceHeard>,
    },
    /// A node lives, with its CPU percent.
    Heartbeat(Option<f32>),
    /// The rest: nothing but who sent it to whom.
    Bare(PacketKind),
}

/// A service as its node tells of it.
#[derive(Debug)]
pub struct ServiceHeard {
    /// Its full name.
    pub name: String,
    /// The events it listens to.
    pub events: Vec<String>,
    /// The actions it offers.
    pub actions: Vec<String>,
}

/// Why nobody can listen along.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// None of the servers was reached.
    #[error("NATS is not reached: {0}")]
    Unreached(String),
    /// This user may not subscribe.
    #[error("NATS does not let this user listen: {0}")]
    Refused(String),
    /// A bus inside a process has no outside.
    #[error("there is no NATS server to listen to")]
    NoServer,
}
