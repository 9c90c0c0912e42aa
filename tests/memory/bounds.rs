//! The table: the most that a byte of each kind of input may cost, and what of it may stay.

pub struct Bound {
    pub kind: &'static str,
    /// Bytes that are held at most for each byte that came.
    pub peak: u32,
    /// Bytes that are still held for it when it was answered.
    pub stays: u32,
}

const fn bound(kind: &'static str, peak: u32, stays: u32) -> Bound {
    Bound { kind, peak, stays }
}

/// Above each what was measured (of an unoptimized build, November 2026).
pub const ALL: &[Bound] = &[
    // 109.0 and 0.0
    bound("the head of a request", 120, 0),
    // 109.8 and 0.5
    bound(
        "the head of an upgrade, and what a session keeps of it",
        121,
        0,
    ),
    // 2.9 and 0.0
    bound("a message in one frame", 4, 0),
    // 0.3 and 0.0
    bound("a message in frames of one byte", 1, 0),
    // 12.9 and 0.0
    bound("pings of the WebSocket", 16, 0),
    // 3.4 and 0.0
    bound("pings of DDP", 5, 1),
    // 5.9 and 0.0
    bound("a ping with a long id", 7, 0),
    // 0.0 and 0.0
    bound("messages without a word", 1, 0),
    // 4.9 and 0.0
    bound("a message of an unknown kind", 6, 0),
    // 2.9 and 0.0
    bound("a message of many fields", 4, 0),
    // 2.9 and 0.0
    bound("values in values", 4, 0),
    // 2.9 and 0.0
    bound("values that EJSON knows", 4, 0),
    // 2.9 and 0.0
    bound("a method with many params", 4, 0),
    // 3.9 and 0.0
    bound("a method of the core with many params", 5, 0),
    // 2.9 and 0.0
    bound("a write of many arguments", 4, 0),
    // 18.9 and 0.0
    bound("a login of many fields", 21, 0),
    // 6.2 and 0.0
    bound("a login with a long token", 7, 0),
    // 3.1 and 0.5
    bound("many small methods", 4, 1),
    // 2.9 and 0.0
    bound("a publication with many params", 4, 0),
    // 18.9 and 0.0
    bound("a publication with many options", 21, 0),
    // 2.9 and 0.0
    bound("a publication with many rule arguments", 4, 0),
    // 19.9 and 0.0
    bound("a publication with a rule argument of many fields", 22, 0),
    // 2.9 and 0.0
    bound("a publication with a long event name", 4, 0),
    // 2.9 and 0.0
    bound("the end of a publication with a long id", 4, 0),
    // 3.1 and 0.0
    bound("many small publications that are refused", 4, 1),
    // 39.7 and 32.0
    bound("whoever is to be watched, many and unknown", 44, 36),
    // 2.9 and 0.0
    bound("an array of SockJS", 4, 0),
    // 3.5 and 1.8
    bound("publications that stay", 4, 2),
    // 0.1 and 0.0
    bound("pings of the WebSocket, and no answer is read", 1, 0),
    // 0.6 and 0.0
    bound("pings of DDP, and no answer is read", 1, 0),
    // 0.0 and 0.0
    bound("a packet in EJSON", 1, 0),
    // 0.0 and 0.0
    bound("a packet in JSON", 1, 0),
    // 14.5 and 0.0
    bound("a packet in MsgPack", 16, 0),
    // 14.5 and 0.0
    bound("a packet in Notepack", 16, 0),
    // 14.5 and 0.0
    bound("a packet in CBOR", 16, 0),
    // 1.0 and 0.0
    bound("a packet in ProtoBuf", 2, 0),
    // 59.2 and 50.7
    bound("a node, and what it offers", 66, 56),
    // 17.9 and 0.0
    bound("a room's message of many fields", 20, 0),
    // 29.8 and 0.0
    bound("a room of many fields", 33, 0),
    // 17.9 and 0.0
    bound("a user's change of many fields", 20, 0),
    // 5.9 and 0.0
    bound("a user's many tokens", 7, 0),
    // 0.0 and 0.0
    bound("an event of many arguments", 1, 0),
    // 5.9 and 0.0
    bound("many rooms with imported messages", 7, 0),
    // 17.9 and 0.0
    bound("presence of many fields", 20, 0),
    // 287.8 and 0.0
    bound("a text that is parsed", 317, 0),
    // 0.9 and 0.0
    bound("what another node's client wrote", 1, 0),
];

impl Bound {
    pub fn of(kind: &str) -> &Self {
        static NONE: Bound = bound("", 0, 0);
        ALL.iter().find(|one| one.kind == kind).unwrap_or(&NONE)
    }
}
