//! What is counted of the server that sessions are relayed to.

use super::installed::get as on;
use super::labels::{Connect, StatusClass};

/// The server that sessions are relayed to is there, or away.
pub fn relay_up(up: bool) {
    if let Some(on) = on() {
        on.relay_up.set(if up { 1.0 } else { 0.0 });
    }
}

/// A session asked for a connection to that server.
pub fn relay_connected(outcome: Connect) {
    if let Some(on) = on() {
        on.relay_connects[outcome as usize].increment(1);
    }
}

/// A session's connection to that server was lost.
pub fn relay_lost() {
    if let Some(on) = on() {
        on.relay_lost.increment(1);
    }
}

/// An HTTP request was passed to that server, and answered with this status.
pub fn http_passed(status: u16) {
    if let Some(on) = on() {
        let class = match status {
            0..300 => StatusClass::Success,
            300..400 => StatusClass::Redirection,
            400..500 => StatusClass::ClientError,
            500.. => StatusClass::ServerError,
        };
        on.relay_http[class as usize].increment(1);
    }
}
