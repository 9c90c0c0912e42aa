//! What a client hears: the frames of the server, whole, until the end of the stream.

use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;

use super::payload::Path;

/// One frame of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A text frame, out of its framing.
    Message(Vec<u8>),
    Pong(Vec<u8>),
    /// `<code> <reason>`, as far as they are there.
    Close(String),
    /// What no server may send.
    Foul(String),
    /// The end of the stream.
    End,
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, payload) = match self {
            Self::Message(payload) => ("text", payload),
            Self::Pong(payload) => ("pong", payload),
            Self::Close(close) => return write!(f, "close {close}"),
            Self::Foul(why) => return write!(f, "{why}"),
            Self::End => return write!(f, "the end"),
        };
        let text = String::from_utf8_lossy(payload);
        write!(f, "{what} of {} bytes {text:.200}", payload.len())
    }
}

/// What comes from the server.
pub struct Ear {
    pub read: OwnedReadHalf,
    /// Bytes of a frame that has not come whole.
    pub kept: Vec<u8>,
    pub path: Path,
}

impl Ear {
    /// The head of the answer to the upgrade, in lower case.
    pub async fn head(&mut self) -> Result<String, String> {
        loop {
            let end = self.kept.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let head: Vec<u8> = self.kept.drain(..end + 4).collect();
                return Ok(String::from_utf8_lossy(&head).to_lowercase());
            }
            match self.read.read_buf(&mut self.kept).await {
                Ok(0) | Err(_) => return Err("no answer to the upgrade".to_owned()),
                Ok(_) => {}
            }
        }
    }

    /// The next frame, but SockJS's opening one. Cancel safe.
    pub async fn next(&mut self) -> Heard {
        loop {
            if let Some((first, payload)) = self.frame() {
                match (self.path, first) {
                    (Path::SockJs, 0x81) if payload == b"o" => continue,
                    _ => return heard(self.path, first, payload),
                }
            }
            // A reset is an end as well: a client may still have been writing.
            match self.read.read_buf(&mut self.kept).await {
                Ok(0) | Err(_) if self.kept.is_empty() => return Heard::End,
                Ok(0) | Err(_) => return Heard::Foul("half a frame".to_owned()),
                Ok(_) => {}
            }
        }
    }

    /// Takes the first byte and the payload of a frame that has come whole.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&[first, second], rest) = self.kept.split_first_chunk()?;
        let (len, rest) = match second {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len) as usize, rest)
            }
            len => (usize::from(len), rest),
        };
        let payload = rest.get(..len)?.to_vec();
        let taken = self.kept.len() - rest.len() + len;
        self.kept.drain(..taken);
        Some((first, payload))
    }
}

fn heard(path: Path, first: u8, payload: Vec<u8>) -> Heard {
    match first {
        0x81 if path == Path::Raw => Heard::Message(payload),
        0x81 => {
            let array = payload
                .strip_prefix(b"a")
                .map(serde_json::from_slice::<[String; 1]>);
            match array {
                Some(Ok([message])) => Heard::Message(message.into_bytes()),
                _ => Heard::Foul(format!("no SockJS: {}", String::from_utf8_lossy(&payload))),
            }
        }
        0x8a => Heard::Pong(payload),
        0x88 => match payload.split_first_chunk() {
            None => Heard::Close(String::from_utf8_lossy(&payload).into_owned()),
            Some((code, reason)) => {
                let reason = String::from_utf8_lossy(reason);
                let close = format!("{} {reason}", u16::from_be_bytes(*code));
                Heard::Close(close.trim_end().to_owned())
            }
        },
        _ => Heard::Foul(format!("a frame {first:#04x} of {} bytes", payload.len())),
    }
}
