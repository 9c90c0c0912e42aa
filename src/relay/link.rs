//! A connection to the server that stands: what is read from it, and what of that is for the client.

use std::borrow::Cow;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::calls::Calls;
use super::dial::Dialled;
use super::outward::Outward;
use super::target::Stream;
use crate::client::Client;
use crate::ddp::glance::{Fields, text, texts};
use crate::ddp::message::pong;
use crate::ddp::{Close, Frame, Framing};
use crate::session::{Incoming, Reader};
use crate::telemetry::metrics;

/// A part of a frame that is no longer than this is read on behind itself; a longer one is gathered beside the buffer.
const SHORT: usize = 16 * 1024;

/// How most messages begin; nobody here needs to know more of them.
const CHANGED: &str = r#"{"msg":"changed","#;
/// How others do that somebody needs to know more of only while a method waits for them.
const UPDATED: &str = r#"{"msg":"updated","#;

/// The connection.
pub(super) struct Link {
    pub(super) stream: Stream,
    reader: Reader<false>,
    /// What was read and not decoded: a part of a frame.
    unread: Vec<u8>,
    /// `unread` holds more: what came together with `connected`.
    fresh: bool,
    /// Why it ends, once what came before has been passed on.
    pub(super) end: Option<End>,
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Lost(&'static str),
    /// A message is larger than may wait for a client.
    TooBig,
}

/// What the messages of a server change, besides the client.
pub(super) struct Ears<'a> {
    pub(super) calls: &'a mut Calls,
    pub(super) out: &'a mut Outward,
}

/// Frames for the client.
enum Decoded {
    /// They lie there.
    AsTheyAre(Range<usize>),
    Wrapped(Vec<u8>),
}

impl Link {
    pub(super) fn new(dialled: Dialled) -> Self {
        Self {
            stream: dialled.stream,
            reader: dialled.reader,
            fresh: !dialled.unread.is_empty(),
            unread: dialled.unread,
            end: None,
        }
    }

    /// Reads once: frames for the client, or none. Whether the server was heard shows in `buffer`.
    ///
    /// # Errors
    /// Why the connection is lost.
    pub(super) fn poll_read<'a>(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        ears: &mut Ears<'_>,
        buffer: &'a mut ReadBuf<'_>,
    ) -> Poll<Result<Cow<'a, [u8]>, &'static str>> {
        let beside = self.unread.len() > SHORT;
        if !beside {
            buffer.put_slice(&self.unread);
        }
        if !std::mem::take(&mut self.fresh) {
            let before = buffer.filled().len();
            match ready!(Pin::new(&mut self.stream).poll_read(cx, buffer)) {
                Err(_) => return Poll::Ready(Err("its connection breaks")),
                Ok(()) if buffer.filled().len() == before => {
                    return Poll::Ready(Err("it hangs up"));
                }
                Ok(()) => {}
            }
        }
        if beside {
            return Poll::Ready(Ok(self.gather(client, ears, buffer.filled()).into()));
        }
        let (decoded, used) = self.decode(client, ears, buffer.filled_mut());
        let read = buffer.filled();
        self.unread.clear();
        if used < read.len() {
            self.unread.extend_from_slice(&read[used..]);
        } else {
            self.unread = Vec::new();
        }
        Poll::Ready(Ok(match decoded {
            Decoded::AsTheyAre(range) => Cow::Borrowed(&read[range]),
            Decoded::Wrapped(frames) => frames.into(),
        }))
    }

    /// Goes on with a long frame.
    fn gather(&mut self, client: &Client, ears: &mut Ears<'_>, read: &[u8]) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.unread);
        all.extend_from_slice(read);
        let (decoded, used) = self.decode(client, ears, &mut all);
        let rest = all[used..].to_vec();
        let frames = match decoded {
            Decoded::Wrapped(frames) => frames,
            Decoded::AsTheyAre(range) => {
                // Mostly it is one frame, and all of it.
                all.truncate(range.end);
                all.drain(..range.start);
                all
            }
        };
        self.unread = rest;
        frames
    }

    /// Decodes the whole frames of `bytes`: those for the client, and how many bytes all were.
    fn decode(
        &mut self,
        client: &Client,
        ears: &mut Ears<'_>,
        bytes: &mut [u8],
    ) -> (Decoded, usize) {
        let framing = client.framing();
        // Frames that lie behind each other and pass as they are.
        let mut run = 0..0;
        let mut wrapped = Vec::new();
        let mut at = 0;
        while self.end.is_none() {
            let (used, said) = match self.reader.next(&mut bytes[at..]) {
                Ok(Some(said)) => said,
                Ok(None) => break,
                Err(Close::MessageTooBig) => {
                    self.end = Some(End::TooBig);
                    break;
                }
                Err(_) => {
                    self.end = Some(End::Lost("it does not speak WebSocket"));
                    break;
                }
            };
            let mut whole = false;
            match said {
                Incoming::Text(json) => {
                    if ears.hear(&json) {
                        metrics::message_sent(json.as_bytes(), 1);
                        match (framing, json) {
                            (Framing::Raw, Cow::Borrowed(_)) => whole = true,
                            (Framing::SockJs, json) => {
                                Frame::write(&mut wrapped, framing, json.as_bytes());
                            }
                            // It came in fragments: what came before it goes first.
                            (Framing::Raw, Cow::Owned(json)) => {
                                push(client, &bytes[std::mem::take(&mut run)]);
                                client
                                    .outbox()
                                    .push(Frame::message(framing, json.as_bytes()));
                            }
                        }
                    }
                }
                Incoming::Ping(payload) => ears.out.pong(payload),
                Incoming::Close(_) => self.end = Some(End::Lost("it closes the connection")),
                Incoming::Nothing => {}
            }
            if whole {
                if run.end != at {
                    push(client, &bytes[std::mem::take(&mut run)]);
                    run.start = at;
                }
                run.end = at + used;
            }
            at += used;
        }
        let decoded = match framing {
            Framing::Raw => Decoded::AsTheyAre(run),
            Framing::SockJs => Decoded::Wrapped(wrapped),
        };
        (decoded, at)
    }
}

/// Frames that cannot wait in the buffer.
fn push(client: &Client, frames: &[u8]) {
    if !frames.is_empty() {
        client.outbox().push(Frame::ready(frames.to_vec().into()));
    }
}

impl Ears<'_> {
    /// A message of the server: heartbeats are this leg's own, answers are taken note of. Says whether it passes.
    fn hear(&mut self, json: &str) -> bool {
        let field = |name: &[u8]| {
            let mut fields = Fields::of(json.as_bytes());
            fields.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        if json.starts_with(CHANGED) || (json.starts_with(UPDATED) && self.calls.is_idle()) {
            return true;
        }
        match &*msg(json) {
            "changed" | "added" | "removed" => {}
            "updated" => {
                for id in field(b"methods").map(texts).unwrap_or_default() {
                    self.calls.updated(&id);
                }
            }
            "ping" => {
                let id = field(b"id").and_then(|id| serde_json::from_slice(id).ok());
                self.out.text(&pong(id));
                return false;
            }
            "pong" => return false,
            "result" => {
                if let Some(id) = field(b"id").and_then(text) {
                    self.calls.result(&id, field(b"error"));
                }
            }
            "ready" => {
                for id in field(b"subs").map(texts).unwrap_or_default() {
                    self.calls.ready(&id);
                }
            }
            "nosub" => {
                if let Some(id) = field(b"id").and_then(text) {
                    self.calls.nosub(&id, field(b"error"));
                }
            }
            _ => {}
        }
        true
    }
}

/// `msg`, which nearly every server writes first.
fn msg(json: &str) -> Cow<'_, str> {
    let first = json.strip_prefix(r#"{"msg":""#);
    if let Some((msg, _)) = first.and_then(|rest| rest.split_once('"')) {
        return msg.into();
    }
    let mut fields = Fields::of(json.as_bytes());
    let msg = fields.find(|(key, _)| *key == b"msg");
    msg.and_then(|(_, value)| text(value)).unwrap_or_default()
}
