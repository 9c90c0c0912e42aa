//! Reading: from the socket's bytes to whole frames.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::reader::Incoming;
use super::task::{Phase, Session, control};
use crate::telemetry::metrics;

/// How much is read at once. It lies on the stack of whoever polls: a session at rest has no read buffer.
const CHUNK: usize = 8 * 1024;
/// First byte of a pong.
const FINAL_PONG: u8 = 0x8a;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Reads once; says whether that brought anything. Never pauses: what is read is answered, refused or bounded.
    pub(super) fn read(&mut self, cx: &mut Context<'_>) -> bool {
        if self.on_unheard() {
            return true;
        }
        if !self.unread.is_empty() && self.on_bytes_again() {
            return true;
        }
        let Some(socket) = &mut self.socket else {
            return false;
        };
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        match Pin::new(socket).poll_read(cx, &mut chunk) {
            Poll::Pending => return false,
            Poll::Ready(Err(_)) => self.on_lost(),
            Poll::Ready(Ok(())) if chunk.filled().is_empty() => self.on_lost(),
            Poll::Ready(Ok(())) => {
                let bytes = chunk.filled_mut();
                metrics::bytes_received(bytes.len());
                if self.deaf {
                    return true;
                }
                if self.unread.is_empty() {
                    let used = self.decode(bytes);
                    self.keep(&bytes[used..]);
                } else {
                    self.unread.extend_from_slice(bytes);
                    let all = std::mem::take(&mut self.unread);
                    self.on_bytes(all);
                }
            }
        }
        true
    }

    /// The socket takes nothing more: what has come until now is still heard.
    pub(super) fn read_out(&mut self, cx: &mut Context<'_>) {
        while self.is_open() && self.read(cx) {}
    }

    /// Tries what was kept again; says whether that brought anything.
    fn on_bytes_again(&mut self) -> bool {
        let kept = self.unread.len();
        let all = std::mem::take(&mut self.unread);
        self.on_bytes(all);
        self.unread.len() != kept
    }

    /// Decodes bytes that are ours, and keeps those of a frame that has not come whole.
    pub(super) fn on_bytes(&mut self, mut bytes: Vec<u8>) {
        let used = self.decode(&mut bytes);
        if used == 0 && !self.deaf {
            self.unread = bytes;
        } else {
            self.keep(&bytes[used..]);
        }
    }

    fn keep(&mut self, rest: &[u8]) {
        if !self.deaf && !rest.is_empty() {
            self.unread = rest.to_vec();
        }
    }

    /// Decodes the whole frames of `bytes`; answers how many bytes they were.
    fn decode(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while self.unheard.is_none() && !self.deaf && self.phase != Phase::Over {
            match self.reader.next(&mut bytes[at..]) {
                Ok(None) => break,
                Ok(Some((used, incoming))) => {
                    at += used;
                    self.on_frame(incoming);
                }
                Err(close) => {
                    tracing::debug!(session = %self.client.id(), close = close.name(), "a frame that cannot be read");
                    self.deaf = true;
                    self.close(close);
                }
            }
        }
        at
    }

    fn on_frame(&mut self, incoming: Incoming<'_>) {
        match incoming {
            Incoming::Close(code) => self.on_peer_close(code),
            _ if !self.is_open() => {}
            Incoming::Text(text) => self.on_text(&text),
            Incoming::Ping(payload) => {
                self.client.outbox().push(control(FINAL_PONG, payload));
            }
            Incoming::Nothing => {}
        }
    }
}
