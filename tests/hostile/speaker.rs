//! Somebody who speaks NATS's protocol as bytes: a library writes no header line but its own.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::language::bytes;
use crate::support::DEADLINE;

const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"protocol\":1,\"name\":\"stranger\",\
                       \"lang\":\"none\",\"version\":\"0\"}\r\n";

/// A message, as an input has it.
pub struct Said {
    /// What stands behind `NATS/1.0`, line ends included; `None` for a message without headers.
    head: Option<Vec<u8>>,
    body: Vec<u8>,
    /// Where an answer is to go: `None` where the input does not say, else perhaps nowhere.
    pub reply: Option<Option<String>>,
}

impl Said {
    /// Bytes, or `{"status":…,"head":[line,…],"body":bytes,"reply":subject}` with one of these at least.
    pub fn of(send: &Value) -> Self {
        let field = |name: &str| send.get(name);
        let said = ["status", "head", "body", "reply"].map(field);
        let [status, lines, body, reply] = match said {
            [None, None, None, None] => [None, None, Some(send), None],
            said => said,
        };
        let status = status.map(|status| format!(" {}", status.as_str().expect("a text")));
        let lines = lines.map(|lines| lines.as_array().expect("lines"));
        let line = |line: &Value| [&bytes(line), &b"\r\n"[..]].concat();
        let head = (status.is_some() || lines.is_some()).then(|| {
            let status = status.unwrap_or_default().into_bytes();
            let lines = lines.into_iter().flatten().flat_map(line);
            status.into_iter().chain(*b"\r\n").chain(lines).collect()
        });
        Self {
            head,
            body: body.map(bytes).unwrap_or_default(),
            reply: reply.map(|reply| reply.as_str().map(str::to_owned)),
        }
    }

    pub fn json(body: &Value) -> Self {
        Self {
            head: None,
            body: body.to_string().into_bytes(),
            reply: None,
        }
    }

    /// The words of the server that nobody listens: an answer may be this too.
    pub fn is_no_responders(&self) -> bool {
        let head = self.head.as_deref().unwrap_or_default();
        head.starts_with(b" 503") && self.body.is_empty()
    }

    /// As it is published.
    fn written(&self, subject: &str, reply: Option<&str>) -> Vec<u8> {
        let to = [Some(subject), reply].into_iter().flatten();
        let to = to.collect::<Vec<_>>().join(" ");
        let (first, head) = match &self.head {
            None => (format!("PUB {to} {}\r\n", self.body.len()), vec![]),
            Some(head) => {
                let head = [b"NATS/1.0", &head[..], b"\r\n"].concat();
                let all = head.len() + self.body.len();
                (format!("HPUB {to} {} {all}\r\n", head.len()), head)
            }
        };
        [first.as_bytes(), &head, &self.body, b"\r\n"].concat()
    }
}

pub struct Speaker(BufReader<TcpStream>);

impl Speaker {
    pub async fn to(port: u16) -> Self {
        let wire = TcpStream::connect(("127.0.0.1", port)).await;
        let mut speaker = Self(BufReader::new(wire.expect("nats-server")));
        speaker.write(CONNECT.as_bytes()).await;
        speaker
    }

    /// Publishes, and does not return before the server has passed it on.
    pub async fn publish(&mut self, subject: &str, reply: Option<&str>, said: &Said) {
        self.write(&said.written(subject, reply)).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        let wire = self.0.get_mut();
        wire.write_all(bytes).await.expect("written");
        wire.write_all(b"PING\r\n").await.expect("written");
        loop {
            let mut line = String::new();
            let read = timeout(DEADLINE, self.0.read_line(&mut line)).await;
            read.expect("nats-server answers").expect("a connection");
            match line.trim_end() {
                "PONG" => return,
                "PING" => self
                    .0
                    .get_mut()
                    .write_all(b"PONG\r\n")
                    .await
                    .expect("written"),
                news if news.starts_with("INFO ") => {}
                other => panic!("nats-server: {other:?}"),
            }
        }
    }
}
