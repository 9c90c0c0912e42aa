//! centrifugo's client protocol in JSON, as far as a subscriber needs it, and the request of its HTTP API that publishes.
//!
//! Both sides may put several objects into one WebSocket frame, each on a line of its own. A command has an id, its reply
//! has the same; a ping is an empty object, and so is its answer.

use std::net::SocketAddr;

use memchr::{memchr_iter, memmem};

use super::json;

/// The path of its WebSockets.
pub(crate) const PATH: &str = "/connection/websocket";
/// The first command: `client.insecure` asks for no token.
pub(crate) const CONNECT: &str = r#"{"id":1,"connect":{}}"#;
/// Answers a ping.
pub(crate) const PONG: &str = "{}";

/// The `n`-th subscription, n from 0.
pub(crate) fn subscribe(n: usize, channel: &str) -> String {
    let id = n + 2;
    format!(r#"{{"id":{id},"subscribe":{{"channel":"{channel}"}}}}"#)
}

/// What a line from the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Wants a [`PONG`].
    Ping,
    /// A command was obeyed,
    Granted,
    /// or not.
    Refused,
    /// A push.
    Other,
}

impl Word {
    pub(crate) fn read(line: &[u8]) -> Self {
        let mut word = Self::Ping;
        json::members(line, |key, _| {
            word = match (key, word) {
                (b"error", _) => Self::Refused,
                (b"id", Self::Ping | Self::Other) => Self::Granted,
                (_, Self::Ping) => Self::Other,
                _ => word,
            };
            true
        });
        word
    }
}

/// The lines of a frame.
pub(crate) fn lines(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    let ends = memchr_iter(b'\n', frame).chain([frame.len()]);
    ends.map(move |end| {
        let line = &frame[from..end];
        from = end + 1;
        line
    })
    .filter(|line| !line.is_empty())
}

/// The request that publishes `data` in `channel`.
pub(crate) fn publish(host: SocketAddr, channel: &str, data: &str) -> String {
    let body = format!(r#"{{"channel":"{channel}","data":{data}}}"#);
    let length = body.len();
    format!(
        "POST /api/publish HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// The answer of the HTTP API at the beginning of `bytes`: its length, and what it says when it is no success.
/// `None` while it is not whole.
pub(crate) fn answer(bytes: &[u8]) -> Option<(usize, Result<(), String>)> {
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let mut lines = std::str::from_utf8(&bytes[..head])
        .unwrap_or_default()
        .lines();
    let status = lines.next().unwrap_or_default();
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head + length.unwrap_or_default();
    let body = bytes.get(head..whole)?;
    let granted = status.split(' ').nth(1) == Some("200") && json::member(body, "result").is_some();
    let said = || format!("{status}: {}", String::from_utf8_lossy(body).trim());
    Some((whole, granted.then_some(()).ok_or_else(said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_line_by_line() {
        let frame = b"{\"id\":1,\"connect\":{\"client\":\"x\",\"ping\":25,\"pong\":true}}\n{}\n\
            {\"push\":{\"channel\":\"a\",\"pub\":{\"data\":{\"id\":7,\"error\":1}}}}\n\
            {\"id\":3,\"error\":{\"code\":103,\"message\":\"permission denied\"}}\n";
        let words: Vec<Word> = lines(frame).map(Word::read).collect();
        let expected = [Word::Granted, Word::Ping, Word::Other, Word::Refused];
        assert_eq!(words, expected);
        assert_eq!(
            lines(b"{}").map(Word::read).collect::<Vec<_>>(),
            [Word::Ping]
        );
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn commands_are_json_and_their_ids_differ() {
        let ids = [CONNECT, &subscribe(0, "a"), &subscribe(1, "b")].map(|command| {
            let command: serde_json::Value = serde_json::from_str(command).unwrap();
            command["id"].as_u64().unwrap()
        });
        assert_eq!(ids, [1, 2, 3]);
    }

    #[test]
    fn a_request_says_how_long_it_is() {
        let request = publish(SocketAddr::from(([127, 0, 0, 1], 8000)), "a", r#"{"b":1}"#);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, r#"{"channel":"a","data":{"b":1}}"#);
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
    }

    #[test]
    fn answers_are_taken_one_by_one() {
        let granted = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 13\r\n\r\n{\"result\":{}}";
        let both = [granted.as_slice(), b"HTTP/1.1 2"].concat();
        assert_eq!(answer(&both), Some((granted.len(), Ok(()))));
        for cut in [0, 20, granted.len() - 1] {
            assert_eq!(answer(&granted[..cut]), None);
        }
        for (status, body) in [
            (
                "200 OK",
                r#"{"error":{"code":107,"message":"bad request"}}"#,
            ),
            ("401 Unauthorized", "unauthorized"),
        ] {
            let length = body.len();
            let refused = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            let said = format!("HTTP/1.1 {status}: {body}");
            assert_eq!(answer(refused.as_bytes()), Some((refused.len(), Err(said))));
        }
    }
}
