//! The NATS socket in an epoll of its owner's.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::wire::nats::{self, Inbox, Operation};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to NATS: what came, what waits to be sent.
pub(crate) struct Link {
    stream: TcpStream,
    /// What came and was not taken yet.
    pub(crate) inbox: Inbox,
    /// What is to be sent with the next [`Self::flush`].
    pub(crate) outbox: Vec<u8>,
    buffer: Box<[u8]>,
}

impl Link {
    /// Connects, greets and subscribes; waits until the server has seen it all.
    pub(crate) fn connect(
        address: SocketAddr,
        name: &str,
        subjects: &[String],
    ) -> io::Result<Self> {
        let mut stream = std::net::TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        let mut outbox = Vec::new();
        nats::connect(&mut outbox, name);
        for (at, subject) in subjects.iter().enumerate() {
            nats::subscribe(&mut outbox, subject, at + 1);
        }
        outbox.extend_from_slice(b"PING\r\n");
        stream.write_all(&outbox)?;
        outbox.clear();
        let mut link = Self {
            stream: TcpStream::from_std(stream.try_clone()?),
            inbox: Inbox::default(),
            outbox,
            buffer: vec![0; 64 << 10].into_boxed_slice(),
        };
        link.await_pongs(stream)?;
        Ok(link)
    }

    /// Two pings were sent, one with the greeting and one after the subscriptions.
    fn await_pongs(&mut self, mut stream: std::net::TcpStream) -> io::Result<()> {
        let mut left = 2;
        while left > 0 {
            let count = stream.read(&mut self.buffer)?;
            if count == 0 {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "NATS closed the connection",
                ));
            }
            self.inbox.fill(&self.buffer[..count]);
            while left > 0 {
                match self.inbox.take() {
                    Some(Operation::Pong) => left -= 1,
                    Some(Operation::Error(text)) => return Err(refused(text)),
                    Some(_) => {}
                    None => break,
                }
            }
        }
        stream.set_nonblocking(true)
    }

    /// Puts the socket into an epoll.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(
            &mut self.stream,
            token,
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    /// Reads what is there; `false` when that is all for now.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        match self.stream.read(&mut self.buffer) {
            Ok(0) => Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "NATS closed the connection",
            )),
            Ok(count) => {
                self.inbox.fill(&self.buffer[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.outbox.len() {
            match self.stream.write(&self.outbox[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.outbox.drain(..sent);
        Ok(())
    }
}

/// NATS's own words as an error.
pub(crate) fn refused(text: &[u8]) -> io::Error {
    io::Error::other(format!("NATS: {}", String::from_utf8_lossy(text)))
}
