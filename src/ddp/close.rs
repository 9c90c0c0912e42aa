//! Every way in which the service ends a session (reference/ddp.md, "Close codes").

/// Why the service closes a session. The service never sends 1000: mobile clients and bots take it as "do not come back".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    /// The service is shutting down.
    GoingAway,
    /// A protocol violation; also the normal end after `logout`.
    ProtocolError,
    /// What came was not parseable.
    UnsupportedData,
    /// A frame over the limit.
    MessageTooBig,
    /// The server behind a relayed session is gone.
    ServiceRestart,
    /// A consumer too slow for its queue.
    TooSlow,
    /// The server of a relayed session cannot be reached.
    ServerAway,
    /// A heartbeat or the handshake was missed.
    Timeout,
    /// Thrown out: forced logout, or the login token disappeared. Sent without a code, the client sees 1005.
    ThrownOut,
}

impl Close {
    /// Every close, for tables.
    pub const ALL: [Self; 9] = [
        Self::GoingAway,
        Self::ProtocolError,
        Self::UnsupportedData,
        Self::MessageTooBig,
        Self::ServiceRestart,
        Self::TooSlow,
        Self::ServerAway,
        Self::Timeout,
        Self::ThrownOut,
    ];

    /// The close code and reason on the wire; `None` closes without a code.
    #[must_use]
    pub fn code(self) -> Option<(u16, &'static str)> {
        match self {
            Self::GoingAway => Some((1001, "GOING_AWAY")),
            Self::ProtocolError => Some((1002, "CLOSE_PROTOCOL_ERROR")),
            Self::UnsupportedData => Some((1007, "UNSUPPORTED_DATA")),
            Self::MessageTooBig => Some((1009, "MESSAGE_TOO_BIG")),
            Self::ServiceRestart => Some((1012, "SERVICE_RESTART")),
            Self::TooSlow | Self::ServerAway => Some((1013, "TRY_AGAIN_LATER")),
            Self::Timeout => Some((4000, "TIMEOUT")),
            Self::ThrownOut => None,
        }
    }

    /// A short name for counters and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GoingAway => "going_away",
            Self::ProtocolError => "protocol_error",
            Self::UnsupportedData => "unsupported_data",
            Self::MessageTooBig => "message_too_big",
            Self::ServiceRestart => "service_restart",
            Self::TooSlow => "too_slow",
            Self::ServerAway => "server_away",
            Self::Timeout => "timeout",
            Self::ThrownOut => "thrown_out",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: ddp/close/1000
    #[test]
    fn a_normal_end_is_never_sent() {
        assert!(
            Close::ALL
                .iter()
                .all(|close| close.code().is_none_or(|(code, _)| code != 1000))
        );
    }
}
