//! The server's half of a TLS connection, written by whoever holds a frame.
//!
//! rustls without its buffers: what comes is opened in a buffer that all connections of a thread share, what leaves is
//! sealed into another, and a connection at rest holds neither. It keeps what is there in between only: the beginning of a
//! record that has not come whole, what was opened and not yet read, what was sealed and not yet taken by the socket.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeTlsData, UnbufferedStatus, WriteTraffic};
use socket2::SockRef;
use tokio::io::{Interest, ReadBuf};
use tokio::net::TcpStream;

/// The longest record (RFC 8446, section 5.2), and room for more behind the beginning of one.
const CIPHERTEXT: usize = 32 * 1024;
/// Plain bytes that are sealed for one write; what a batch has beyond them waits for the next.
const PLAINTEXT: usize = 32 * 1024;
/// What sealing adds to each 16 KiB of them at most, and what may go in front of them (a change of keys).
const OVERHEAD: usize = 1024;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        incoming: vec![0; CIPHERTEXT].into(),
        plain: Vec::with_capacity(PLAINTEXT),
        sealed: vec![0; PLAINTEXT + OVERHEAD].into(),
    });
}

/// A thread's buffers.
struct Scratch {
    incoming: Box<[u8]>,
    plain: Vec<u8>,
    sealed: Box<[u8]>,
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Secure {
    socket: TcpStream,
    tls: Mutex<Tls>,
}

struct Tls {
    connection: UnbufferedServerConnection,
    /// The beginning of a record.
    incoming: Vec<u8>,
    /// What was opened and not read, from `read` on.
    opened: Vec<u8>,
    read: usize,
    /// What was sealed and not written, from `written` on.
    sealed: Vec<u8>,
    written: usize,
    /// The client writes no more.
    ended: bool,
    /// This side has said so.
    parted: bool,
    /// What came was no TLS: rustls is not asked any more.
    broken: bool,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// How far the records that came have led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// More must come before anything else can be done.
    Handshake,
    /// Both sides may speak.
    Open,
}

/// What one read brought.
#[derive(Debug, Clone, Copy)]
struct Came {
    /// Bytes that were opened into the room for them.
    filled: usize,
    /// The socket has no more to give at present.
    emptied: bool,
    stage: Stage,
}

impl Secure {
    /// Shakes hands with whoever connected.
    ///
    /// # Errors
    /// The socket's; [`io::ErrorKind::InvalidData`] for a client that does not speak TLS, or none that this side speaks.
    pub async fn accept(socket: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let connection = UnbufferedServerConnection::new(config).map_err(invalid)?;
        let mut tls = Tls {
            connection,
            incoming: Vec::new(),
            opened: Vec::new(),
            read: 0,
            sealed: Vec::new(),
            written: 0,
            ended: false,
            parted: false,
            broken: false,
        };
        loop {
            socket.readable().await?;
            let came = socket.try_io(Interest::READABLE, || tls.receive(&socket, &mut []));
            let stage = match came {
                Ok(came) => came.stage,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => {
                    // What is wrong is said to the client, if the socket takes it.
                    let _unsaid = tls.send(&socket);
                    return Err(error);
                }
            };
            while !tls.sealed.is_empty() {
                socket.writable().await?;
                let sent = socket.try_io(Interest::WRITABLE, || tls.send(&socket));
                if let Err(error) = sent
                    && error.kind() != io::ErrorKind::WouldBlock
                {
                    return Err(error);
                }
            }
            if stage == Stage::Open {
                break;
            }
            if tls.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self {
            socket,
            tls: Mutex::new(tls),
        })
    }

    /// The socket below: whether it can be read or written, and how it ends.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Reads what was opened before and not read; says whether there was any, or the client has ended.
    pub fn read_opened(&self, room: &mut ReadBuf<'_>) -> bool {
        let mut tls = self.tls.lock();
        let rest = &tls.opened[tls.read..];
        if rest.is_empty() {
            return tls.ended;
        }
        let count = rest.len().min(room.remaining());
        room.put_slice(&rest[..count]);
        tls.read += count;
        if tls.read == tls.opened.len() {
            tls.opened = Vec::new();
            tls.read = 0;
        }
        true
    }

    /// Reads the socket once and opens what came into `room`; answers how much, which may be nothing though something came.
    /// The flag says that the socket has no more to give at present.
    ///
    /// # Errors
    /// The socket's, [`io::ErrorKind::WouldBlock`] among them; [`io::ErrorKind::InvalidData`] for what cannot be opened.
    pub fn try_read(&self, room: &mut [u8]) -> io::Result<(usize, bool)> {
        let mut tls = self.tls.lock();
        let came = tls.receive(&self.socket, room);
        // An alert, or the answer to a change of keys: with the next write, if it does not leave at once.
        let _later = tls.send(&self.socket);
        let came = came?;
        Ok((came.filled, came.emptied))
    }

    /// Seals as much as fits into one write, and writes it; answers how many plain bytes that were. What the socket does not
    /// take of their records is kept: see [`Secure::flush`].
    ///
    /// # Errors
    /// The socket's; [`io::ErrorKind::WouldBlock`] while records of an earlier write are kept.
    pub fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut tls = self.tls.lock();
        tls.send(&self.socket)?;
        SCRATCH.with_borrow_mut(|scratch| {
            let plain = match slices {
                [one] => &one[..one.len().min(PLAINTEXT)],
                several => {
                    scratch.plain.clear();
                    for slice in several {
                        let room = PLAINTEXT - scratch.plain.len();
                        scratch
                            .plain
                            .extend_from_slice(&slice[..slice.len().min(room)]);
                    }
                    &scratch.plain[..]
                }
            };
            let records = &mut scratch.sealed;
            let length = tls.seal(|traffic, kept| {
                if kept.len() > OVERHEAD / 2 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                let (before, after) = records.split_at_mut(kept.len());
                before.copy_from_slice(kept);
                let length = before.len() + traffic.encrypt(plain, after).map_err(invalid)?;
                *kept = Vec::new();
                Ok(length)
            })?;
            let sealed = &scratch.sealed[..length];
            let taken = match (&*SockRef::from(&self.socket)).write(sealed) {
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
            if taken < sealed.len() {
                tls.sealed.extend_from_slice(&sealed[taken..]);
            }
            Ok(plain.len())
        })
    }

    /// Writes what is kept; whether nothing is any more.
    ///
    /// # Errors
    /// The socket's.
    pub fn flush(&self) -> io::Result<bool> {
        match self.tls.lock().send(&self.socket) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Tells the client that nothing more comes (`close_notify`); it leaves with [`Secure::flush`].
    pub fn say_goodbye(&self) {
        let mut tls = self.tls.lock();
        if std::mem::replace(&mut tls.parted, true) {
            return;
        }
        // Who cannot be told learns it from the end of the stream.
        let _told = tls.seal(|traffic, sealed| {
            let mut alert = [0; OVERHEAD];
            let length = traffic.queue_close_notify(&mut alert).map_err(invalid)?;
            sealed.extend_from_slice(&alert[..length]);
            Ok(())
        });
    }
}

impl Tls {
    /// Reads once, and opens what came into `room`, the rest into `opened`.
    fn receive(&mut self, socket: &TcpStream, room: &mut [u8]) -> io::Result<Came> {
        if self.broken {
            return Err(io::ErrorKind::NotConnected.into());
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let buffer = &mut scratch.incoming;
            let kept = self.incoming.len();
            buffer[..kept].copy_from_slice(&self.incoming);
            let came = match (&*SockRef::from(socket)).read(&mut buffer[kept..]) {
                Ok(0) => {
                    self.ended = true;
                    0
                }
                Ok(came) => came,
                Err(error) => return Err(error),
            };
            let end = kept + came;
            let (mut filled, mut rest) = (0, std::mem::take(&mut self.opened));
            // In order: behind what was opened before.
            let room = if rest.is_empty() { room } else { &mut [] };
            let opened = self.open(&mut buffer[..end], &mut |plain| {
                let fits = plain.len().min(room.len() - filled);
                room[filled..filled + fits].copy_from_slice(&plain[..fits]);
                filled += fits;
                rest.extend_from_slice(&plain[fits..]);
            });
            self.opened = rest;
            let (used, stage) = opened?;
            if used == 0 && end == buffer.len() {
                return Err(invalid("a record or a handshake message that is too long"));
            }
            // An allocation that is not needed is given back.
            self.incoming = buffer[used..end].to_vec();
            Ok(Came {
                filled,
                emptied: end < buffer.len(),
                stage,
            })
        })
    }

    /// Works on records; answers how many bytes of them are done with.
    fn open(
        &mut self,
        records: &mut [u8],
        opened: &mut dyn FnMut(&[u8]),
    ) -> io::Result<(usize, Stage)> {
        let mut used = 0;
        loop {
            let UnbufferedStatus {
                mut discard, state, ..
            } = self.connection.process_tls_records(&mut records[used..]);
            let mut stage = None;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(invalid)?;
                        discard += record.discard;
                        opened(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, &mut self.sealed),
                // It is behind what was sealed before, and leaves with it.
                Ok(ConnectionState::TransmitTlsData(transmit)) => transmit.done(),
                Ok(ConnectionState::PeerClosed) => self.ended = true,
                Ok(ConnectionState::WriteTraffic(_)) => stage = Some(Stage::Open),
                Ok(ConnectionState::BlockedHandshake) => stage = Some(Stage::Handshake),
                Ok(ConnectionState::Closed) => {
                    self.ended = true;
                    stage = Some(Stage::Open);
                }
                Ok(_) => return Err(invalid("early data, which was not offered")),
                Err(error) => {
                    self.broken = true;
                    // What is wrong is said to the client as well.
                    if let Ok(ConnectionState::EncodeTlsData(mut alert)) = self
                        .connection
                        .process_tls_records(&mut records[used + discard..])
                        .state
                    {
                        encode(&mut alert, &mut self.sealed);
                    }
                    return Err(invalid(error));
                }
            }
            used += discard;
            if let Some(stage) = stage {
                return Ok((used, stage));
            }
        }
    }

    /// Lets `write` seal something behind what the connection itself has to say.
    fn seal<T>(
        &mut self,
        write: impl FnOnce(&mut WriteTraffic<'_, ServerConnectionData>, &mut Vec<u8>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.broken {
            return Err(io::ErrorKind::NotConnected.into());
        }
        loop {
            // What rustls has seen of a message, it wants to see again.
            let UnbufferedStatus { discard, state, .. } =
                self.connection.process_tls_records(&mut self.incoming);
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return write(&mut traffic, &mut self.sealed);
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, &mut self.sealed),
                Ok(ConnectionState::TransmitTlsData(transmit)) => transmit.done(),
                Ok(ConnectionState::PeerClosed) => self.ended = true,
                _ => return Err(io::ErrorKind::NotConnected.into()),
            }
            self.incoming.drain(..discard);
        }
    }

    /// Writes what is kept, all of it or as much as the socket takes before it would block.
    fn send(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.written < self.sealed.len() {
            match (&*SockRef::from(socket)).write(&self.sealed[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) => return Err(error),
            }
        }
        if self.written > 0 {
            self.sealed = Vec::new();
            self.written = 0;
        }
        Ok(())
    }
}

fn encode(data: &mut EncodeTlsData<'_, ServerConnectionData>, sealed: &mut Vec<u8>) {
    let before = sealed.len();
    let needed = match data.encode(&mut []) {
        Err(rustls::unbuffered::EncodeError::InsufficientSize(size)) => size.required_size,
        _ => return,
    };
    sealed.resize(before + needed, 0);
    let length = data.encode(&mut sealed[before..]).unwrap_or_default();
    sealed.truncate(before + length);
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests;
