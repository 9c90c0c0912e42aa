//! Where the server is.

use super::TerminalError;

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Address {
    /// `ws://`, `wss://`, also as `http://` and `https://`, or nothing at all before the host; `/websocket` when no path is named.
    pub(super) fn parse(text: &str) -> Result<Self, TerminalError> {
        let wrong = || TerminalError::Address(text.to_owned());
        let (scheme, rest) = text.split_once("://").unwrap_or(("ws", text));
        let tls = match scheme {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(wrong()),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let path = if path.len() > 1 { path } else { "/websocket" };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong())?)
            }
            _ => (authority, if tls { 443 } else { 80 }),
        };
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        if host.is_empty() || text.contains(bad) {
            return Err(wrong());
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }

    /// The host as the system's resolver takes it.
    pub(super) fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// As it is shown, and sent in the handshake.
    pub(super) fn url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_understood() {
        let rows = [
            (
                "ws://127.0.0.1:3000/websocket",
                "ws://127.0.0.1:3000/websocket",
            ),
            ("localhost:3000", "ws://localhost:3000/websocket"),
            (
                "wss://chat.example.org",
                "wss://chat.example.org:443/websocket",
            ),
            (
                "https://chat.example.org/",
                "wss://chat.example.org:443/websocket",
            ),
            (
                "http://[::1]:3000/sub/websocket",
                "ws://[::1]:3000/sub/websocket",
            ),
            ("ws://[::1]", "ws://[::1]:80/websocket"),
        ];
        for (typed, meant) in rows {
            assert_eq!(Address::parse(typed).unwrap().url(), meant);
        }
        for typed in [
            "",
            "ftp://a",
            "ws://",
            "ws://a:b",
            "ws://user@host",
            "ws://a b",
        ] {
            assert!(Address::parse(typed).is_err(), "{typed}");
        }
    }
}
