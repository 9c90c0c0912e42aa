//! Labels whose values are few and known: closed types, so that a count is an index and never a look-up by text.

/// An enum of label values, in the order of their numbers.
macro_rules! labels {
    ($($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $label:literal,)* })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// The label of each value, by its number.
            pub(super) const LABELS: &'static [&'static str] = &[$($label),*];
        }
    )*};
}

labels! {
    /// How a client's frames are wrapped.
    Transport {
        /// One text frame, one message.
        Raw = "raw",
        /// SockJS.
        SockJs = "sockjs",
    }

    /// Why a connection was refused before it was a session.
    Refusal {
        /// No WebSocket upgrade of RFC 6455.
        Malformed = "malformed",
        /// An origin that is not allowed.
        Origin = "origin",
        /// The connection limit.
        Limit = "limit",
        /// The connection limit of one address.
        Address = "address",
        /// The service is stopping.
        Draining = "draining",
        /// The server that sessions are relayed to is away.
        Away = "server_away",
        /// No TLS handshake, where TLS is spoken.
        Tls = "tls",
        /// It was idle, and gave way to a new one.
        Idle = "idle",
    }

    /// Where log lines go.
    LogSink {
        /// Standard output.
        Stdout = "stdout",
        /// `LOG_FILE_PATH`.
        File = "file",
    }

    /// What a client sent.
    #[allow(missing_docs, reason = "most are the message's own name")]
    Incoming {
        Connect = "connect",
        Ping = "ping",
        Pong = "pong",
        Method = "method",
        Sub = "sub",
        Unsub = "unsub",
        /// No `msg`, or one that is not known.
        Other = "other",
        /// Not readable at all: the session is closed.
        Malformed = "malformed",
    }

    /// What is sent to clients.
    #[allow(missing_docs, reason = "most are the message's own name")]
    Outgoing {
        Connected = "connected",
        Failed = "failed",
        Ping = "ping",
        Pong = "pong",
        Result = "result",
        Updated = "updated",
        Ready = "ready",
        Nosub = "nosub",
        Added = "added",
        Changed = "changed",
        Removed = "removed",
        Error = "error",
        /// The greeting.
        Other = "other",
    }

    /// What became of a connection to the server that a session asked for.
    Connect {
        /// It stands.
        Ok = "ok",
        /// The server cannot be reached.
        Unreachable = "unreachable",
        /// It said no, or hung up.
        Refused = "refused",
        /// It did not answer in time, or the session's turn did not come.
        TimedOut = "timeout",
    }

    /// Of a status code, its first digit.
    StatusClass {
        /// 2xx, and 1xx.
        Success = "2xx",
        /// 3xx.
        Redirection = "3xx",
        /// 4xx.
        ClientError = "4xx",
        /// 5xx.
        ServerError = "5xx",
    }

    /// How a call to the core ended.
    CallOutcome {
        /// Answered.
        Ok = "ok",
        /// The core said no: a Meteor error.
        Refused = "refused",
        /// Answered with another error, or unreadably.
        Failed = "error",
        /// No answer in time.
        TimedOut = "timeout",
        /// No node offers it, its node was lost, or NATS is away.
        Unavailable = "unavailable",
        /// The bulkhead is full, or the request too large.
        Overloaded = "overloaded",
        /// The own node leaves.
        Cancelled = "cancelled",
    }

    /// Where messages of the mesh were lost.
    Loss {
        /// In the NATS client: a subscription was full. At least so many.
        Subscription = "subscription",
        /// Before the listener: its queue was full.
        Queue = "queue",
    }

    /// Why a packet was dropped.
    Dropped {
        /// It cannot be read.
        Malformed = "malformed",
        /// Another protocol.
        Version = "version",
    }

    /// What became of a span.
    SpanFate {
        /// The collector took it.
        Sent = "sent",
        /// Too many waited.
        Queue = "dropped_queue",
        /// The collector did not take it.
        Collector = "dropped_collector",
    }

    /// Whose panic was caught: a bug that harmed nobody else.
    Panicked {
        /// A method's, a publication's or a teardown's.
        Session = "session",
        /// The event listener's, or that of an action's handler.
        Mesh = "mesh",
    }
}

impl Outgoing {
    /// What a message of ours is: each begins with its name.
    pub(super) fn of(json: &[u8]) -> Self {
        let Some(rest) = json.strip_prefix(br#"{"msg":""#) else {
            return Self::Other;
        };
        let end = memchr::memchr(b'"', rest).unwrap_or_default();
        match &rest[..end] {
            b"changed" => Self::Changed,
            b"result" => Self::Result,
            b"updated" => Self::Updated,
            b"ready" => Self::Ready,
            b"nosub" => Self::Nosub,
            b"added" => Self::Added,
            b"removed" => Self::Removed,
            b"ping" => Self::Ping,
            b"pong" => Self::Pong,
            b"connected" => Self::Connected,
            b"failed" => Self::Failed,
            b"error" => Self::Error,
            _ => Self::Other,
        }
    }
}

/// What `error` of a `result` or `nosub` is told as; clients see more of them, since apps and the core make their own.
pub(super) const ERROR_CODES: &[&str] = &[
    "400",
    "401",
    "403",
    "404",
    "413",
    "429",
    "500",
    "503",
    "504",
    "not-allowed",
    "error-not-allowed",
    "invalid-event-name",
    "totp-required",
    "_OTHER",
];

/// The place of an error's code in [`ERROR_CODES`].
pub(super) fn error_code(code: &str) -> usize {
    let known = ERROR_CODES.iter().position(|known| *known == code);
    known.unwrap_or(ERROR_CODES.len() - 1)
}

/// The codes of ddp.md's table and of the WebSocket protocol; clients may send any other.
pub(super) fn close_code(code: u16) -> &'static str {
    match code {
        1000 => "1000",
        1001 => "1001",
        1002 => "1002",
        1005 => "1005",
        1006 => "1006",
        1007 => "1007",
        1009 => "1009",
        1012 => "1012",
        1013 => "1013",
        4000 => "4000",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_by_number() {
        assert_eq!(Outgoing::LABELS[Outgoing::Changed as usize], "changed");
        assert_eq!(Incoming::LABELS[Incoming::Malformed as usize], "malformed");
        assert_eq!(CallOutcome::LABELS.len(), 7);
    }

    #[test]
    fn our_messages_are_known_by_their_beginning() {
        for label in Outgoing::LABELS {
            let json = format!(r#"{{"msg":"{label}","id":"1"}}"#);
            assert_eq!(
                Outgoing::LABELS[Outgoing::of(json.as_bytes()) as usize],
                *label
            );
        }
        for other in [&br#"{"server_id":"0"}"#[..], b"", br#"{"msg":""#] {
            assert_eq!(Outgoing::of(other), Outgoing::Other);
        }
    }
}
