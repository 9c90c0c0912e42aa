//! WebSocket frames of a client, beside tungstenite's reader: the same is read, and refused where it refuses or earlier.
#![no_main]

use std::io::{self, Read, Write};

use ddp_streamer::ddp::Close;
use ddp_streamer::session::{Incoming, Reader};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

/// The longest message.
const MAX: usize = 2000;

/// What our reader made of some bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ours {
    seen: Vec<Seen>,
    end: Option<Close>,
    /// Whether it ended at a control frame whose length is written as that of a long one, which tungstenite reads where
    /// it is short.
    long_control: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Text(String),
    Ping(Vec<u8>),
    /// Nothing is looked at behind it.
    Close,
}

/// How the reading ended, other than for want of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Binary,
    NoText,
    TooBig,
    Violation,
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    let whole = read(bytes, bytes.len());
    assert_eq!(read(bytes, cut.into()), whole, "cut");
    let Ours {
        seen: ours,
        end,
        long_control,
    } = whole;
    let (theirs, their_end) = read_by_tungstenite(bytes);
    let both = ours.len().min(theirs.len());
    assert_eq!(ours[..both], theirs[..both]);
    // Fragments that are no text are refused one by one there, and here once their message is whole.
    let early = their_end == Some(End::NoText);
    let texts = |seen: &[Seen]| seen.iter().any(|seen| matches!(seen, Seen::Text(_)));
    let (more, their_more) = (&ours[both..], &theirs[both..]);
    assert!(more.is_empty() || early && !texts(more));
    // By its header a frame is refused here, and there once it is whole.
    let agreed = match end {
        None => their_more.is_empty() && matches!(their_end, None | Some(End::NoText)),
        // Binary, perhaps, whose fragments are read there.
        Some(Close::UnsupportedData) => !texts(their_more),
        Some(Close::MessageTooBig) => {
            their_more.is_empty() && matches!(their_end, None | Some(End::TooBig | End::NoText))
        }
        Some(Close::ProtocolError) if long_control => true,
        // A close with a code that nobody may send is one there.
        Some(Close::ProtocolError) => {
            matches!(their_more, [] | [Seen::Close]) && their_end != Some(End::Binary)
        }
        Some(_) => false,
    };
    assert!(agreed, "{end:?} here, {their_more:?} {their_end:?} there");
});

/// What our reader makes of bytes that come in two pieces.
fn read(bytes: &[u8], cut: usize) -> Ours {
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    let (mut reader, mut kept, mut read) = (Reader::<true>::new(MAX), Vec::new(), Ours::default());
    for piece in [first, second] {
        kept.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let said = match reader.next(&mut kept[at..]) {
                Ok(None) => break,
                Ok(Some((used, incoming))) => {
                    at += used;
                    match incoming {
                        Incoming::Text(text) => Seen::Text(text.into_owned()),
                        Incoming::Ping(payload) => Seen::Ping(payload.to_vec()),
                        Incoming::Close(_) => Seen::Close,
                        Incoming::Nothing => continue,
                    }
                }
                Err(close) => {
                    read.end = Some(close);
                    read.long_control = kept[at] & 0x08 != 0 && kept[at + 1] & 0x7f > 125;
                    return read;
                }
            };
            read.seen.push(said);
            if read.seen.last() == Some(&Seen::Close) {
                return read;
            }
        }
        kept.drain(..at);
    }
    read
}

fn read_by_tungstenite(bytes: &[u8]) -> (Vec<Seen>, Option<End>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX))
        .max_frame_size(Some(MAX));
    let mut socket = WebSocket::from_raw_socket(Socket(bytes), Role::Server, Some(config));
    let mut seen = Vec::new();
    loop {
        let end = match socket.read() {
            Ok(Message::Text(text)) => {
                seen.push(Seen::Text(text.to_string()));
                continue;
            }
            Ok(Message::Ping(payload)) => {
                seen.push(Seen::Ping(payload.to_vec()));
                continue;
            }
            Ok(Message::Close(_)) => {
                seen.push(Seen::Close);
                return (seen, None);
            }
            Ok(Message::Pong(_) | Message::Frame(_)) => continue,
            Ok(Message::Binary(_)) => Some(End::Binary),
            Err(Error::Io(_)) => None,
            Err(Error::Utf8(_)) => Some(End::NoText),
            Err(Error::Capacity(_)) => Some(End::TooBig),
            Err(_) => Some(End::Violation),
        };
        return (seen, end);
    }
}

/// Bytes that came, and nothing behind them yet; what is written to it is gone.
struct Socket<'a>(&'a [u8]);

impl Read for Socket<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
