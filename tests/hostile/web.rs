//! Bytes on a connection of their own, and the HTTP answers that come of them: each whole, in order, and whether the
//! connection stays.
//!
//! Where it is to stay, a request that is known to be good is asked behind the input (the *mark*), and only its answer
//! may follow: what was hidden in the input would be answered before it.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::language::{Input, bytes};
use crate::support::DEADLINE;

/// A request that is known to be good, and how its answer begins.
pub struct Mark {
    pub path: &'static str,
    pub fields: &'static str,
    pub body: &'static str,
}

/// One answer: its head in lower case, and its body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

pub struct Exchange {
    pub stream: TcpStream,
    came: Vec<u8>,
}

impl Exchange {
    pub async fn with(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        Self {
            stream: stream.expect("a connection"),
            came: Vec::new(),
        }
    }

    /// Writes to a server that may have closed already.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _closed = timeout(DEADLINE, self.stream.write_all(bytes)).await;
    }

    /// Reads more; whether there was any. A reset is an end as well.
    async fn more(&mut self, name: &str) -> bool {
        let read = timeout(DEADLINE, self.stream.read_buf(&mut self.came)).await;
        let read =
            read.unwrap_or_else(|_| panic!("{name}: nothing comes, after {:?}", self.shown()));
        read.is_ok_and(|read| read > 0)
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.came)
            .chars()
            .take(2000)
            .collect()
    }

    /// The next answer; `None` at the end of the connection. `bodiless` is the answer of a `HEAD`.
    pub async fn answer(&mut self, name: &str, bodiless: bool) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.came.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.more(name).await {
                assert!(
                    self.came.is_empty(),
                    "{name}: half an answer: {}",
                    self.shown()
                );
                return None;
            }
        };
        let rest = self.came.split_off(end + 4);
        let head = std::mem::replace(&mut self.came, rest);
        let head = String::from_utf8(head).unwrap_or_else(|_| panic!("{name}: no head"));
        let head = head.to_lowercase();
        let status = head.strip_prefix("http/1.").and_then(|rest| rest.get(2..5));
        let status: u16 = status
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("{name}: no answer: {head}"));
        let length = head.split("\r\ncontent-length: ").nth(1);
        let length = length.and_then(|rest| rest.split('\r').next()?.parse().ok());
        let length = match status {
            100..200 | 204 | 304 => 0,
            _ if bodiless => 0,
            _ => length.unwrap_or_else(|| panic!("{name}: no length: {head}")),
        };
        while self.came.len() < length {
            assert!(self.more(name).await, "{name}: half a body: {head}");
        }
        let rest = self.came.split_off(length);
        let body = std::mem::replace(&mut self.came, rest);
        Some(Answer {
            status,
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// Whether the connection ends, and nothing more comes before.
    pub async fn ends(&mut self, name: &str) {
        while self.more(name).await {}
        assert!(self.came.is_empty(), "{name}: more came: {}", self.shown());
    }
}

/// Plays one input. What is expected is a list of answers (`"400"`, `"200 ok"` with the body, `"200 {*"`
/// with its beginning, `"200 -"` without one), and
/// `open` or `closed`; an upgrade that is taken ends with `101`.
pub async fn play(input: &Input, port: u16, mark: Mark) {
    let name = &*input.name;
    let (end, expected) = input.expect.split_last().expect("what is expected");
    let mut exchange = Exchange::with(port).await;
    exchange.write(&bytes(&input.send)).await;
    for expected in expected {
        let expected = expected.as_str().expect("an answer");
        let (status, body) = expected.split_once(' ').unwrap_or((expected, ""));
        let answer = exchange.answer(name, body == "-").await;
        let answer = answer.unwrap_or_else(|| panic!("{name}: no {expected}"));
        assert_eq!(answer.status.to_string(), status, "{name}: {answer:?}");
        match body.strip_suffix('*') {
            Some(begins) => assert!(answer.body.starts_with(begins), "{name}: {answer:?}"),
            None if body.is_empty() || body == "-" => {}
            None => assert_eq!(answer.body, body, "{name}"),
        }
    }
    match end.as_str() {
        Some("closed") => exchange.ends(name).await,
        Some("open") => {
            let Mark { path, fields, body } = mark;
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n"
            );
            exchange.write(request.as_bytes()).await;
            let answer = exchange.answer(name, false).await;
            let answer = answer.unwrap_or_else(|| panic!("{name}: it did not stay"));
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
            assert!(answer.body.starts_with(body), "{name}: {answer:?}");
            exchange.ends(name).await;
        }
        Some("101") => {
            let answer = exchange.answer(name, false).await.expect("an answer");
            assert_eq!(answer.status, 101, "{name}: {answer:?}");
        }
        _ => panic!("{name}: {:?}", Value::from(input.expect.clone())),
    }
}
