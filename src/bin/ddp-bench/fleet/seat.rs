//! A session with its socket: reads and writes.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

use super::session::{Ear, Heard, Session, Stage};
use super::settings::Settings;
use crate::clock::Nanos;

/// A session with its socket.
pub(super) struct Seat {
    pub(super) session: Session,
    pub(super) stream: Option<TcpStream>,
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
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::NotConnected
                    ) =>
                {
                    break;
                }
                Err(_) => return Heard::Closed(0),
            }
        }
        outbox.drain(..sent);
        if outbox.is_empty() && outbox.capacity() > 16 << 10 {
            *outbox = Vec::new();
        }
        Heard::Usual
    }

    /// Reads all there is: the epoll is edge-triggered, but a read that does not fill the buffer has emptied the socket.
    /// Where the end of the stream may already be behind those bytes (`to_the_end`), it rings no bell of its own.
    pub(super) fn read(&mut self, buffer: &mut [u8], ear: &mut Ear<'_>, to_the_end: bool) -> Heard {
        let mut outcome = Heard::Usual;
        loop {
            let Some(stream) = &mut self.stream else {
                return outcome;
            };
            let count = match stream.read(buffer) {
                Ok(0) => return Heard::Closed(0),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return outcome,
                Err(error) if error.kind() == ErrorKind::NotConnected => return outcome,
                Err(_) => return Heard::Closed(0),
            };
            ear.now = Nanos::now();
            ear.tally.bytes += count as u64;
            match self.take(&buffer[..count], ear) {
                Heard::Usual => {}
                Heard::Ready => outcome = Heard::Ready,
                over => return over,
            }
            if !self.session.outbox.is_empty()
                && let Heard::Closed(code) = self.flush()
            {
                return Heard::Closed(code);
            }
            if count < buffer.len() && !to_the_end {
                return outcome;
            }
        }
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
