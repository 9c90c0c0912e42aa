//! What the server still has to be told: masked frames, ready to be written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use rand::Rng;
use tokio::io::AsyncWrite;

use crate::session::mask;

/// First byte of a final text frame (RFC 6455, section 5.2).
const FINAL_TEXT: u8 = 0x81;
/// First byte of a close frame.
const FINAL_CLOSE: u8 = 0x88;
/// First byte of a ping.
const FINAL_PING: u8 = 0x89;
/// First byte of a pong.
const FINAL_PONG: u8 = 0x8a;
/// The bit that says that a mask follows.
const MASKED: u8 = 0x80;

/// Frames for the server. At rest it holds nothing.
#[derive(Debug, Default)]
pub(super) struct Outward {
    frames: BytesMut,
    /// Whether something was written since the last flush: TLS takes more than its socket does.
    unflushed: bool,
}

impl Outward {
    /// One message.
    pub(super) fn text(&mut self, json: &[u8]) {
        self.frame(FINAL_TEXT, json);
    }

    /// A ping of WebSocket's own.
    pub(super) fn ping(&mut self) {
        self.frame(FINAL_PING, b"");
    }

    /// The answer to a ping.
    pub(super) fn pong(&mut self, payload: &[u8]) {
        self.frame(FINAL_PONG, payload);
    }

    /// The end, with a code.
    pub(super) fn close(&mut self, code: u16) {
        self.frame(FINAL_CLOSE, &code.to_be_bytes());
    }

    /// Bytes that are not written yet.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether all of it was handed to the socket and flushed.
    pub(super) fn is_idle(&self) -> bool {
        self.frames.is_empty() && !self.unflushed
    }

    fn frame(&mut self, first: u8, payload: &[u8]) {
        let out = &mut self.frames;
        let len = payload.len();
        match len {
            0..126 => out.extend_from_slice(&[first, MASKED | len as u8]),
            126..=0xffff => {
                out.extend_from_slice(&[first, MASKED | 126]);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                out.extend_from_slice(&[first, MASKED | 127]);
                out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        // Another for each frame: nobody behind a client is to choose the bytes on the wire (RFC 6455, section 10.3).
        let key = rand::rng().random::<[u8; 4]>();
        out.extend_from_slice(&key);
        let start = out.len();
        out.extend_from_slice(payload);
        mask(&mut out[start..], key);
    }

    /// Writes as much as the socket takes; ready once all of it has left.
    ///
    /// # Errors
    /// The socket's.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut S,
    ) -> Poll<io::Result<()>> {
        while !self.frames.is_empty() {
            match ready!(Pin::new(&mut *socket).poll_write(cx, &self.frames))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.frames.advance(written),
            }
            self.unflushed = true;
        }
        if self.unflushed {
            self.frames = BytesMut::new();
            ready!(Pin::new(socket).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::{Message, protocol::Role, protocol::WebSocket};

    #[test]
    fn a_server_reads_what_is_written() {
        let mut out = Outward::default();
        let texts: Vec<_> = [0, 1, 125, 126, 65_535, 65_536, 70_000]
            .map(|len| "ä".repeat(len / 2))
            .into();
        for text in &texts {
            out.text(text.as_bytes());
        }
        out.pong(b"p");
        out.close(1001);
        let stream = std::io::Cursor::new(out.frames.to_vec());
        let mut server = WebSocket::from_raw_socket(stream, Role::Server, None);
        for text in &texts {
            assert_eq!(server.read().unwrap(), Message::text(text.clone()));
        }
        assert_eq!(server.read().unwrap(), Message::Pong("p".into()));
        let Message::Close(Some(close)) = server.read().unwrap() else {
            panic!("no close")
        };
        assert_eq!(u16::from(close.code), 1001);
    }

    /// Takes all that it is given, as TLS does, and lets it leave once it is asked for the second time.
    #[derive(Default)]
    struct Sealing {
        taken: Vec<u8>,
        left: usize,
        flushes: usize,
    }

    impl AsyncWrite for Sealing {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.taken.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            if self.flushes % 2 == 1 {
                return Poll::Pending;
            }
            self.left = self.taken.len();
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    // contract: relay/frames, relay/tls
    #[test]
    fn what_a_socket_has_taken_is_flushed_until_it_has_left() {
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        let (mut out, mut socket) = (Outward::default(), Sealing::default());
        for round in 1..=2 {
            out.text(b"{}");
            assert!(out.poll_write(cx, &mut socket).is_pending());
            assert_eq!((out.len(), out.is_idle()), (0, false));
            assert!(out.poll_write(cx, &mut socket).is_ready());
            assert_eq!((socket.left, out.is_idle()), (round * 8, true));
            // At rest nothing is asked.
            assert!(out.poll_write(cx, &mut socket).is_ready());
            assert_eq!(socket.flushes, 2 * round);
        }
    }

    proptest! {
        #[test]
        fn every_byte_goes_out_once(texts in proptest::collection::vec(".{0,300}", 1..5), room in 1_usize..50) {
            let mut out = Outward::default();
            for text in &texts {
                out.text(text.as_bytes());
            }
            let (expected, mut written) = (out.frames.to_vec(), Vec::new());
            let (mut socket, mut other) = tokio::io::duplex(room);
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let mut done = false;
            while !done {
                done = out.poll_write(&mut cx, &mut socket).map(Result::unwrap).is_ready();
                let mut chunk = [0; 64];
                let mut chunk = tokio::io::ReadBuf::new(&mut chunk);
                let _ = tokio::io::AsyncRead::poll_read(Pin::new(&mut other), &mut cx, &mut chunk);
                written.extend_from_slice(chunk.filled());
            }
            prop_assert_eq!(written, expected);
            prop_assert_eq!(out.frames.capacity(), 0);
        }
    }
}
