//! What comes over a WebSocket (RFC 6455), from a client or, for a relay, from a server: bytes in, messages out.
//!
//! Frames are decoded where they were read to, and what has not come whole is all that is kept: a session at rest holds
//! no buffer. (tungstenite's reader keeps one for each socket, and it stays as large as the largest frame ever was.)

use std::borrow::Cow;

use crate::ddp::Close;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL_PAYLOAD: usize = 125;

mod opcode {
    pub(super) const CONTINUATION: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const BINARY: u8 = 2;
    pub(super) const CLOSE: u8 = 8;
    pub(super) const PING: u8 = 9;
    pub(super) const PONG: u8 = 10;
}

/// What a frame of the other side meant.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A whole message.
    Text(Cow<'a, str>),
    /// A ping: its payload goes back.
    Ping(&'a [u8]),
    /// The other side closes, with this code if it gave one.
    Close(Option<u16>),
    /// A part of a message, or a pong.
    Nothing,
}

/// Decodes the frames of one client or, where they are not `MASKED`, of one server.
#[derive(Debug)]
pub struct Reader<const MASKED: bool = true> {
    /// The message so far, when it comes in fragments. Boxed: rarely there.
    #[expect(
        clippy::box_collection,
        reason = "8 bytes in every session instead of 24"
    )]
    fragments: Option<Box<Vec<u8>>>,
    max_message_bytes: usize,
}

struct Header {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Where the payload begins.
    start: usize,
    /// Where it ends.
    end: usize,
}

impl<const MASKED: bool> Reader<MASKED> {
    /// Nothing was read yet; a message may have so many bytes.
    #[must_use]
    pub fn new(max_message_bytes: usize) -> Self {
        Self {
            fragments: None,
            max_message_bytes,
        }
    }

    /// Decodes the first frame of `bytes`: how many bytes it took, and what it meant. `None` when it has not come whole.
    ///
    /// # Errors
    /// The close that a violation demands. What follows can then not be decoded any more.
    pub fn next<'a>(
        &mut self,
        bytes: &'a mut [u8],
    ) -> Result<Option<(usize, Incoming<'a>)>, Close> {
        let Some(header) = self.header(bytes)? else {
            return Ok(None);
        };
        let Some(payload) = bytes.get_mut(header.start..header.end) else {
            return Ok(None);
        };
        if MASKED {
            mask(payload, header.mask);
        }
        let payload: &'a [u8] = payload;
        let incoming = match header.opcode {
            opcode::PING => Incoming::Ping(payload),
            opcode::PONG => Incoming::Nothing,
            opcode::CLOSE => Incoming::Close(close_code(payload)?),
            _ => match (self.fragments.take(), header.fin) {
                (None, true) => Incoming::Text(text(payload)?.into()),
                (Some(mut message), true) => {
                    message.extend_from_slice(payload);
                    let message = String::from_utf8(*message);
                    Incoming::Text(message.map_err(|_| Close::UnsupportedData)?.into())
                }
                (message, false) => {
                    let mut message = message.unwrap_or_default();
                    message.extend_from_slice(payload);
                    self.fragments = Some(message);
                    Incoming::Nothing
                }
            },
        };
        Ok(Some((header.end, incoming)))
    }

    /// Reads a header as soon as it is there, and refuses a frame before its payload comes.
    fn header(&self, bytes: &[u8]) -> Result<Option<Header>, Close> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        let (fin, reserved, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let (masked, short) = (second & 0x80 != 0, second & 0x7f);
        let control = opcode >= opcode::CLOSE;
        let allowed = match opcode {
            opcode::CONTINUATION => self.fragments.is_some(),
            opcode::TEXT | opcode::BINARY => self.fragments.is_none(),
            opcode::CLOSE | opcode::PING | opcode::PONG => {
                fin && usize::from(short) <= MAX_CONTROL_PAYLOAD
            }
            _ => false,
        };
        if reserved != 0 || masked != MASKED || !allowed {
            return Err(Close::ProtocolError);
        }
        if opcode == opcode::BINARY {
            return Err(Close::UnsupportedData);
        }
        let (len, rest) = match short {
            126 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            len => (u64::from(len), rest),
        };
        let fragments = self.fragments.as_ref().map_or(0, |message| message.len());
        let left = self.max_message_bytes.saturating_sub(fragments);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if !control && len > left {
            return Err(Close::MessageTooBig);
        }
        let (mask, rest) = match rest.split_first_chunk() {
            _ if !MASKED => (&[0; 4], rest),
            Some((mask, rest)) => (mask, rest),
            None => return Ok(None),
        };
        let start = bytes.len() - rest.len();
        Ok(Some(Header {
            fin,
            opcode,
            mask: *mask,
            start,
            end: start + len,
        }))
    }
}

/// Masks a payload, or takes the mask off again (RFC 6455, section 5.3).
pub fn mask(payload: &mut [u8], mask: [u8; 4]) {
    let word = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, tail) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

fn text(payload: &[u8]) -> Result<&str, Close> {
    std::str::from_utf8(payload).map_err(|_| Close::UnsupportedData)
}

/// The code of a close frame (RFC 6455, section 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Close> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(Close::ProtocolError)
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Close::ProtocolError);
    }
    text(reason)?;
    Ok(Some(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::{Message, protocol::Role, protocol::WebSocket};

    const MAX: usize = 1000;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 77, 177, 255];
        let mut out = vec![first];
        match payload.len() {
            len @ 0..126 => out.push(0x80 | len as u8),
            len => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
        }
        out.extend_from_slice(&mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        out
    }

    /// Everything that `bytes` say, and the close at their end if they violate something.
    fn read(mut bytes: &mut [u8]) -> (Vec<String>, Option<Close>) {
        let (mut reader, mut said) = (Reader::<true>::new(MAX), Vec::new());
        loop {
            match reader.next(bytes) {
                Ok(Some((used, incoming))) => {
                    said.push(match incoming {
                        Incoming::Text(text) => text.into_owned(),
                        other => format!("{other:?}"),
                    });
                    bytes = &mut bytes[used..];
                }
                Ok(None) => return (said, None),
                Err(close) => return (said, Some(close)),
            }
        }
    }

    #[test]
    fn control_frames_come_between_fragments() {
        let mut bytes = [
            frame(0x01, "häl".as_bytes()),
            frame(0x89, b"p"),
            frame(0x00, &"ü".as_bytes()[..1]),
            frame(0x8a, b""),
            frame(0x00, b""),
            frame(0x80, &"ü".as_bytes()[1..]),
            frame(0x81, b"next"),
            frame(0x88, &[3, 232, b'x']),
        ]
        .concat();
        assert_eq!(
            read(&mut bytes),
            (
                [
                    "Nothing",
                    "Ping([112])",
                    "Nothing",
                    "Nothing",
                    "Nothing",
                    "hälü",
                    "next",
                    "Close(Some(1000))"
                ]
                .map(String::from)
                .to_vec(),
                None
            )
        );
    }

    #[test]
    fn violations_have_their_close() {
        let long = "x".repeat(MAX + 1);
        let fragments = [frame(0x01, &[b'x'; 600]), frame(0x80, &[b'x'; 401])].concat();
        for (mut bytes, close) in [
            (vec![0x81, 0x02, b'{', b'}'], Close::ProtocolError),
            (frame(0xc1, b"{}"), Close::ProtocolError),
            (frame(0x91, b"{}"), Close::ProtocolError),
            (frame(0x83, b"{}"), Close::ProtocolError),
            (frame(0x8b, b""), Close::ProtocolError),
            (frame(0x80, b"{}"), Close::ProtocolError),
            (frame(0x09, b""), Close::ProtocolError),
            (frame(0x89, &[0; 126]), Close::ProtocolError),
            (
                [frame(0x01, b"{"), frame(0x81, b"}")].concat(),
                Close::ProtocolError,
            ),
            (frame(0x88, &[3]), Close::ProtocolError),
            (frame(0x88, &[0, 1]), Close::ProtocolError),
            (frame(0x88, &1005_u16.to_be_bytes()), Close::ProtocolError),
            (frame(0x88, &5000_u16.to_be_bytes()), Close::ProtocolError),
            (frame(0x88, &[3, 232, 0xff]), Close::UnsupportedData),
            (frame(0x82, b"{}"), Close::UnsupportedData),
            (frame(0x02, b"{}"), Close::UnsupportedData),
            (frame(0x81, &[0xff]), Close::UnsupportedData),
            (
                [frame(0x01, &[0xc3]), frame(0x80, b"")].concat(),
                Close::UnsupportedData,
            ),
            (frame(0x81, long.as_bytes()), Close::MessageTooBig),
            (fragments, Close::MessageTooBig),
            (
                vec![0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255],
                Close::MessageTooBig,
            ),
        ] {
            assert_eq!(read(&mut bytes).1, Some(close), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_a_client_writes_is_read_however_it_is_cut(
            texts in proptest::collection::vec(".{0,400}", 1..5),
            cuts in proptest::collection::vec(1_usize..700, 1..8),
        ) {
            let mut client = WebSocket::from_raw_socket(std::io::Cursor::new(Vec::new()), Role::Client, None);
            let texts: Vec<_> = texts.into_iter().filter(|text| text.len() <= MAX).collect();
            for text in &texts {
                client.send(Message::text(text.clone())).unwrap();
            }
            let wire = client.get_ref().get_ref().clone();
            let (mut reader, mut kept, mut read) = (Reader::<true>::new(MAX), Vec::new(), Vec::new());
            let (mut wire, mut cuts) = (&wire[..], cuts.into_iter().cycle());
            while !wire.is_empty() {
                let (now, later) = wire.split_at(wire.len().min(cuts.next().unwrap()));
                kept.extend_from_slice(now);
                wire = later;
                let mut at = 0;
                while let Some((used, Incoming::Text(text))) = reader.next(&mut kept[at..]).unwrap() {
                    read.push(text.into_owned());
                    at += used;
                }
                kept.drain(..at);
            }
            prop_assert_eq!(read, texts);
            prop_assert!(kept.is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&mut bytes);
        }

        #[test]
        fn almost_frames_are_read_or_refused(
            frames in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..8),
        ) {
            let mut bytes: Vec<_> = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
            read(&mut bytes);
        }
    }
}
