//! A session with its socket: reads and writes.

use std::io::{self, ErrorKind, Read, Write};

use super::session::{Ear, Heard, Session, Stage};
use super::settings::Settings;
use super::stream::Stream;
use crate::clock::Nanos;

/// A session with its socket.
pub(super) struct Seat {
    pub(super) session: Session,
    pub(super) stream: Option<Stream>,
    /// The beginning of a frame that has not come whole.
    pub(super) leftover: Vec<u8>,
    pub(super) tries: u16,
    /// It does not read at present.
    pub(super) stalled: bool,
    /// It holds one of the places of [`Settings::ramp`].
    pub(super) in_set_up: bool,
}

impl Seat {
    pub(super) fn new(number: u32, settings: &Settings) -> Self {
        Self {
            session: Session::new(number, settings),
            stream: None,
            leftover: Vec::new(),
            tries: 0,
            stalled: false,
            in_set_up: false,
        }
    }

    pub(super) fn leave(&mut self) {
        self.stream = None;
        self.session.stage = Stage::Away;
        self.stalled = false;
        self.leftover = Vec::new();
    }

    /// Whether a socket that takes bytes has something to take.
    pub(super) fn has_words(&self) -> bool {
        !self.session.outbox.is_empty() || self.stream.as_ref().is_some_and(Stream::wants_write)
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> Heard {
        let Some(stream) = &mut self.stream else {
            return Heard::Usual;
        };
        let outbox = &mut self.session.outbox;
        let mut sent = 0;
        while sent < outbox.len() {
            match stream.write(&outbox[sent..]) {
                Ok(count) => sent += count,
                // Not connected yet, or full: the socket becomes writable.
                Err(error) if later(&error) => break,
                Err(_) => return Heard::Closed(0),
            }
        }
        outbox.drain(..sent);
        if outbox.is_empty() && outbox.capacity() > 16 << 10 {
            *outbox = Vec::new();
        }
        match stream.flush() {
            Err(error) if !later(&error) => Heard::Closed(0),
            _ => Heard::Usual,
        }
    }

    /// Reads all there is: the epoll is edge-triggered, but a read that does not fill the buffer has emptied the socket.
    /// Where the end of the stream may already be behind those bytes (`to_the_end`), it rings no bell of its own.
    pub(super) fn read(&mut self, buffer: &mut [u8], ear: &mut Ear<'_>, to_the_end: bool) -> Heard {
        let mut outcome = Heard::Usual;
        loop {
            let heard = self.read_once(buffer, ear);
            match heard {
                Ok((_, Heard::Ready)) => outcome = Heard::Ready,
                Ok((_, Heard::Usual)) => {}
                Ok((_, over)) => return over,
                Err(error) if later(&error) => return outcome,
                Err(_) => return Heard::Closed(0),
            }
            let encrypted = self.stream.as_ref().is_some_and(Stream::is_tls);
            if matches!(heard, Ok((count, _)) if count < buffer.len()) && !to_the_end && !encrypted
            {
                return outcome;
            }
        }
    }

    /// One read, what it led to, and an answer where one is due.
    pub(super) fn read_once(
        &mut self,
        buffer: &mut [u8],
        ear: &mut Ear<'_>,
    ) -> io::Result<(usize, Heard)> {
        let Some(stream) = &mut self.stream else {
            return Err(ErrorKind::NotConnected.into());
        };
        let read = stream.read(buffer);
        if stream.is_tls() && self.has_words() && matches!(&read, Err(error) if later(error)) {
            // The handshake may be over just now: only then the first words can leave.
            if let Heard::Closed(code) = self.flush() {
                return Ok((0, Heard::Closed(code)));
            }
        }
        let count = match read? {
            0 => return Ok((0, Heard::Closed(0))),
            count => count,
        };
        ear.now = Nanos::now();
        ear.tally.bytes += count as u64;
        let heard = self.take(&buffer[..count], ear);
        if !self.session.outbox.is_empty()
            && matches!(heard, Heard::Usual | Heard::Ready)
            && let Heard::Closed(code) = self.flush()
        {
            return Ok((count, Heard::Closed(code)));
        }
        Ok((count, heard))
    }

    fn take(&mut self, received: &[u8], ear: &mut Ear<'_>) -> Heard {
        if self.leftover.is_empty() {
            let (taken, heard) = self.session.hear(received, ear);
            self.leftover.extend_from_slice(&received[taken..]);
            return heard;
        }
        self.leftover.extend_from_slice(received);
        let bytes = std::mem::take(&mut self.leftover);
        let (taken, heard) = self.session.hear(&bytes, ear);
        if taken < bytes.len() {
            self.leftover = bytes;
            self.leftover.drain(..taken);
        }
        heard
    }
}

/// Whether the epoll will tell when there is more to do.
pub(super) fn later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::NotConnected
    )
}
