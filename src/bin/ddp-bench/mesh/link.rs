//! The NATS socket in an epoll of its owner's.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use mio::{Registry, Token};

use super::socket::{Socket, dial, ended};
use crate::wire::nats::{self, Inbox, Operation};

const PEER: &str = "NATS";

/// A connection to NATS: what came, what waits to be sent.
pub(crate) struct Link {
    socket: Socket,
    /// What came and was not taken yet.
    pub(crate) inbox: Inbox,
    /// What is to be sent with the next [`Self::flush`].
    pub(crate) outbox: Vec<u8>,
}

impl Link {
    /// Connects, greets and subscribes; waits until the server has seen it all.
    pub(crate) fn connect(
        address: SocketAddr,
        name: &str,
        subjects: &[String],
    ) -> io::Result<Self> {
        let mut stream = dial(address)?;
        let mut outbox = Vec::new();
        nats::connect(&mut outbox, name);
        for (at, subject) in subjects.iter().enumerate() {
            nats::subscribe(&mut outbox, subject, at + 1);
        }
        outbox.extend_from_slice(b"PING\r\n");
        stream.write_all(&outbox)?;
        outbox.clear();
        let inbox = await_pongs(&mut stream)?;
        Ok(Self {
            socket: Socket::over(stream, PEER)?,
            inbox,
            outbox,
        })
    }

    /// Puts the socket into an epoll.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.socket.register(registry, token)
    }

    /// Reads what is there; `false` when that is all for now.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        let received = self.socket.read()?;
        if let Some(received) = received {
            self.inbox.fill(received);
        }
        Ok(received.is_some())
    }

    /// Sends what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.socket.send(&mut self.outbox)
    }
}

/// Two pings were sent, one with the greeting and one after the subscriptions.
fn await_pongs(stream: &mut TcpStream) -> io::Result<Inbox> {
    let (mut inbox, mut buffer) = (Inbox::default(), [0; 4096]);
    let mut left = 2;
    while left > 0 {
        let count = match stream.read(&mut buffer)? {
            0 => return Err(ended(PEER)),
            count => count,
        };
        inbox.fill(&buffer[..count]);
        while left > 0 {
            match inbox.take() {
                Some(Operation::Pong) => left -= 1,
                Some(Operation::Error(text)) => return Err(refused(text)),
                Some(_) => {}
                None => break,
            }
        }
    }
    Ok(inbox)
}

/// NATS's own words as an error.
pub(crate) fn refused(text: &[u8]) -> io::Error {
    io::Error::other(format!("{PEER}: {}", String::from_utf8_lossy(text)))
}
