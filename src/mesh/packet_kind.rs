//! Kinds of packets: as Moleculer names them in its subjects, and as both brokers count them.

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
