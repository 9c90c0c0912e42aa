//! What is counted here. Handles are made once, after the recorder was installed.

use metrics::{Counter, counter};

use crate::ddp::{Close, Framing};

/// Sessions that began, by `transport`.
const OPENED: &str = "ddp_sessions_opened_total";
/// Sessions that ended, by `reason`.
const CLOSED: &str = "ddp_sessions_closed_total";
/// Messages of clients, by `kind`.
const MESSAGES: &str = "ddp_messages_received_total";
/// Bytes read from clients.
const RECEIVED: &str = "ddp_received_bytes_total";
/// Bytes written to clients.
const SENT: &str = "ddp_sent_bytes_total";
/// Requests refused since too many of their session wait.
const REFUSED: &str = "ddp_requests_refused_total";
/// Panics of handlers that were caught.
const PANICS: &str = "ddp_handler_panics_total";

/// The kinds of messages, for [`MESSAGES`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Connect,
    Ping,
    Pong,
    Method,
    Sub,
    Unsub,
    Other,
    Malformed,
}

const KINDS: [&str; 8] = [
    "connect",
    "ping",
    "pong",
    "method",
    "sub",
    "unsub",
    "other",
    "malformed",
];

/// The counters of all sessions.
pub(super) struct Metrics {
    opened: [Counter; 2],
    messages: [Counter; KINDS.len()],
    pub(super) received: Counter,
    pub(super) sent: Counter,
    pub(super) refused: Counter,
    pub(super) panics: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self {
            opened: [Framing::Raw, Framing::SockJs]
                .map(|framing| counter!(OPENED, "transport" => framing.name())),
            messages: KINDS.map(|kind| counter!(MESSAGES, "kind" => kind)),
            received: counter!(RECEIVED),
            sent: counter!(SENT),
            refused: counter!(REFUSED),
            panics: counter!(PANICS),
        }
    }

    pub(super) fn opened(&self, framing: Framing) {
        self.opened[usize::from(framing == Framing::SockJs)].increment(1);
    }

    pub(super) fn message(&self, kind: Kind) {
        self.messages[kind as usize].increment(1);
    }

    /// `None`: the client left on its own account.
    pub(super) fn closed(&self, close: Option<Close>) {
        counter!(CLOSED, "reason" => close.map_or("client_left", Close::name)).increment(1);
    }
}
