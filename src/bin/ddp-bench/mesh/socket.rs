//! A socket in an epoll of its owner's.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mio::{Interest, Registry, Token};

/// For the connection, and for each answer while it still blocks.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that still blocks.
pub(super) fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A connection that does not.
pub(super) struct Socket {
    stream: mio::net::TcpStream,
    peer: &'static str,
    buffer: Box<[u8]>,
}

impl Socket {
    /// `peer` is its name for errors.
    pub(super) fn over(stream: TcpStream, peer: &'static str) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: mio::net::TcpStream::from_std(stream),
            peer,
            buffer: vec![0; 64 << 10].into_boxed_slice(),
        })
    }

    /// Puts it into an epoll.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut self.stream, token, both)
    }

    /// Some of what is there; `None` when that was all for now.
    pub(super) fn read(&mut self) -> io::Result<Option<&[u8]>> {
        match self.stream.read(&mut self.buffer) {
            Ok(0) => Err(ended(self.peer)),
            Ok(count) => Ok(Some(&self.buffer[..count])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends what waits, as far as it is taken.
    pub(super) fn send(&mut self, waiting: &mut Vec<u8>) -> io::Result<()> {
        let mut sent = 0;
        while sent < waiting.len() {
            match self.stream.write(&waiting[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        waiting.drain(..sent);
        Ok(())
    }
}

/// `peer` has closed the connection.
pub(super) fn ended(peer: &str) -> io::Error {
    let text = format!("{peer} closed the connection");
    io::Error::new(ErrorKind::UnexpectedEof, text)
}
