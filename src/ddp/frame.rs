//! What goes over the wire: a message in its framing, in a WebSocket frame, ready to be written.
//!
//! A server's frames are not masked, so a frame is the same for every client: the header is written once with the
//! payload, and everybody gets a share of the same bytes.

use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};

use super::close::Close;
use super::sockjs::{self, Array};
use crate::ejson;

/// How messages are wrapped inside WebSocket frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// One text frame is one message.
    Raw,
    /// SockJS: `a["<message>"]` from the server, an array of messages from the client.
    SockJs,
}

impl Framing {
    /// A short name for counters and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::SockJs => "sockjs",
        }
    }

    /// The messages in one text frame of a client; `None` when the frame is not in this framing.
    #[must_use]
    pub fn unwrap(self, text: &str) -> Option<Messages<'_>> {
        match self {
            Self::Raw => Some(Messages::One(Some(text.into()))),
            Self::SockJs => match sockjs::single(text) {
                Some(message) => Some(Messages::One(Some(message.into()))),
                None => Array::of(text).map(Messages::Many),
            },
        }
    }
}

/// The messages of one frame.
#[derive(Debug)]
pub enum Messages<'a> {
    /// Raw framing: the frame itself. SockJS: nearly always.
    One(Option<Cow<'a, str>>),
    /// SockJS: as many as the array has.
    Many(Array<'a>),
}

impl<'a> Iterator for Messages<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(text) => text.take(),
            Self::Many(all) => all.next(),
        }
    }
}

/// One complete WebSocket frame, header and payload, shared by all who get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Bytes);

/// First byte of a final text frame (RFC 6455, section 5.2).
const FINAL_TEXT: u8 = 0x81;
/// First byte of a close frame.
const FINAL_CLOSE: u8 = 0x88;
/// The longest header of an unmasked frame.
const LONGEST_HEADER: usize = 10;
/// What SockJS puts around a message, in bytes.
const SOCKJS: usize = 5;

impl Frame {
    /// A message in the framing of its client.
    #[must_use]
    pub fn message(framing: Framing, json: &[u8]) -> Self {
        let mut out = Vec::new();
        Self::write(&mut out, framing, json);
        Self(out.into())
    }

    /// Appends the frame of a message to `out`.
    pub fn write(out: &mut Vec<u8>, framing: Framing, json: &[u8]) {
        match framing {
            Framing::Raw => {
                header(out, json.len());
                out.extend_from_slice(json);
            }
            Framing::SockJs => {
                header(out, ejson::escaped_len(json) + SOCKJS);
                out.extend_from_slice(b"a[\"");
                ejson::write_escaped(out, json);
                out.extend_from_slice(b"\"]");
            }
        }
    }

    /// SockJS's opening frame.
    #[must_use]
    pub fn sockjs_open() -> Self {
        Self(Bytes::from_static(&[FINAL_TEXT, 1, b'o']))
    }

    /// A close frame.
    #[must_use]
    pub fn close(close: Close) -> Self {
        let mut out = BytesMut::with_capacity(32);
        match close.code() {
            None => out.extend_from_slice(&[FINAL_CLOSE, 0]),
            Some((code, reason)) => {
                // Reasons are short constants: a control frame carries at most 125 bytes.
                out.put_u8(FINAL_CLOSE);
                out.put_u8(u8::try_from(reason.len() + 2).unwrap_or(2));
                out.put_u16(code);
                out.extend_from_slice(reason.as_bytes());
            }
        }
        Self(out.freeze())
    }

    /// Bytes that are framed already: the answers to control frames.
    #[must_use]
    pub fn ready(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The same bytes; whoever lets go of the last of them lets go of `kept`.
    fn keeping(self, kept: Kept) -> Self {
        Self(Bytes::from_owner(Keeping {
            bytes: self.0,
            _kept: kept,
        }))
    }

    /// The bytes as they are written.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// How many bytes are written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a frame has a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends the header of a text frame whose payload of `len` bytes follows, and makes room for both.
fn header(out: &mut Vec<u8>, len: usize) {
    let mut header = [FINAL_TEXT; LONGEST_HEADER];
    let size = match len {
        0..126 => {
            header[1] = len as u8;
            2
        }
        126..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(len as u64).to_be_bytes());
            LONGEST_HEADER
        }
    };
    if out.is_empty() {
        // As long as it gets: a frame may wait for long.
        out.reserve_exact(size + len);
    } else {
        out.reserve(size + len);
    }
    out.extend_from_slice(&header[..size]);
}

/// What is to last as long as bytes do: until the last who gets them has them, or has gone.
pub type Kept = Arc<dyn Any + Send + Sync>;

struct Keeping {
    bytes: Bytes,
    _kept: Kept,
}

impl AsRef<[u8]> for Keeping {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// One message for many clients: framed at most once for each framing, and only when somebody listens with it.
#[derive(Debug)]
pub struct SharedFrame {
    json: Vec<u8>,
    raw: OnceLock<Frame>,
    sockjs: OnceLock<Frame>,
    /// Let go of when the last of the bytes is.
    kept: Option<Kept>,
}

impl SharedFrame {
    /// A message that is not framed yet.
    #[must_use]
    pub fn new(json: Vec<u8>) -> Self {
        Self {
            json,
            raw: OnceLock::new(),
            sockjs: OnceLock::new(),
            kept: None,
        }
    }

    /// `kept` lasts until the last client has the message, or has gone.
    #[must_use]
    pub fn keeping(mut self, kept: Option<Kept>) -> Self {
        self.kept = kept;
        self
    }

    /// The message itself.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The frame for a client.
    #[must_use]
    pub fn framed(&self, framing: Framing) -> Frame {
        let cell = match framing {
            Framing::Raw => &self.raw,
            Framing::SockJs => &self.sockjs,
        };
        let make = || {
            let frame = Frame::message(framing, &self.json);
            match &self.kept {
                None => frame,
                Some(kept) => frame.keeping(kept.clone()),
            }
        };
        cell.get_or_init(make).clone()
    }

    /// How often the message was encoded so far: at most two.
    #[must_use]
    pub fn encodings(&self) -> usize {
        usize::from(self.raw.get().is_some()) + usize::from(self.sockjs.get().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::{Message, protocol::Role, protocol::WebSocket};

    /// Reads the frame back with the library that clients of ours could use.
    fn read_back(frame: &Frame) -> Message {
        let stream = std::io::Cursor::new(frame.bytes().to_vec());
        WebSocket::from_raw_socket(stream, Role::Client, None)
            .read()
            .unwrap()
    }

    #[test]
    fn every_length_of_header() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let text = "x".repeat(len);
            assert_eq!(
                read_back(&Frame::message(Framing::Raw, text.as_bytes())),
                Message::text(text)
            );
        }
    }

    #[test]
    fn close_frames_carry_their_code() {
        for close in Close::ALL {
            let Message::Close(frame) = read_back(&Frame::close(close)) else {
                panic!("no close frame")
            };
            assert_eq!(
                frame.map(|frame| (frame.code.into(), frame.reason.to_string())),
                close.code().map(|(code, reason)| (code, reason.into()))
            );
        }
    }

    #[test]
    fn one_encoding_a_framing() {
        let shared = SharedFrame::new(br#"{"msg":"ping"}"#.to_vec());
        assert_eq!(shared.encodings(), 0);
        for _ in 0..1000 {
            assert_eq!(
                read_back(&shared.framed(Framing::SockJs)),
                Message::text(r#"a["{\"msg\":\"ping\"}"]"#)
            );
        }
        assert_eq!(shared.encodings(), 1);
        assert_eq!(
            read_back(&shared.framed(Framing::Raw)),
            Message::text(r#"{"msg":"ping"}"#)
        );
        assert_eq!(shared.encodings(), 2);
    }

    proptest! {
        #[test]
        fn sockjs_survives_the_round(text in ".*") {
            let Message::Text(wire) = read_back(&Frame::message(Framing::SockJs, text.as_bytes())) else { panic!("no text") };
            let inner: Vec<String> = serde_json::from_str(wire.strip_prefix('a').unwrap()).unwrap();
            prop_assert_eq!(inner, vec![text]);
        }

        #[test]
        fn any_frame_is_unwrapped_or_refused(text in ".*") {
            let _ = Framing::SockJs.unwrap(&text).map(Iterator::count);
        }
    }
}
