//! `DDP_SERVER_URL`: `ws://host[:port][/path]`, `wss://…`.

use std::fmt;

use super::nats::host_and_port;

/// The path of a Meteor server's raw WebSocket.
const PATH: &str = "/websocket";

/// Where the server is that sessions are relayed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// `wss://`.
    pub tls: bool,
    /// Its name or address; an IPv6 address without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path, and the query if there is one; `/websocket` where the URL has none.
    pub path: String,
}

impl ServerUrl {
    /// Reads a URL without user information or fragment.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return None,
        };
        // All of it goes into the head of a request.
        if rest.contains(|c: char| !c.is_ascii_graphic() || c == '#') {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = host_and_port(authority)?;
        let path = match path.strip_prefix('/').unwrap_or(path) {
            "" => PATH.to_owned(),
            query if query.starts_with('?') => format!("{PATH}{query}"),
            _ => path.to_owned(),
        };
        Some(Self {
            tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            path,
        })
    }

    /// `host:port` as a `Host` field has it: the port only where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.tls, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: relay/url
    #[test]
    fn the_forms_of_a_server() {
        for (text, expected) in [
            (
                "ws://rocketchat:3000/websocket",
                "ws://rocketchat:3000/websocket",
            ),
            ("ws://rocketchat:3000", "ws://rocketchat:3000/websocket"),
            ("WS://rocketchat:3000/", "ws://rocketchat:3000/websocket"),
            ("ws://10.0.0.1?x=1", "ws://10.0.0.1/websocket?x=1"),
            ("ws://a/?x=1", "ws://a/websocket?x=1"),
            ("wss://chat.example.org", "wss://chat.example.org/websocket"),
            ("wss://a:80/chat/websocket?y", "wss://a:80/chat/websocket?y"),
            ("ws://[::1]:3000/x", "ws://[::1]:3000/x"),
        ] {
            assert_eq!(
                ServerUrl::parse(text).unwrap().to_string(),
                expected,
                "{text}"
            );
        }
        let wss = ServerUrl::parse("wss://[fe80::1]").unwrap();
        assert_eq!((wss.tls, &*wss.host, wss.port), (true, "fe80::1", 443));
        for text in [
            "http://a",
            "ws:/a",
            "ws://",
            "ws:///x",
            "ws://a b",
            "ws://a/ö",
            "ws://me:pass@a",
            "ws://a/#x",
            "ws://a:0",
        ] {
            assert_eq!(ServerUrl::parse(text), None, "{text}");
        }
    }
}
