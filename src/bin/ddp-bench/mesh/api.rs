//! Where events go that are for channels and not for the mesh: an HTTP API, over one connection that is kept alive.

use std::io;
use std::net::SocketAddr;

use mio::{Registry, Token};

use super::socket::{Socket, dial};
use crate::wire::centrifugo::answer;

/// The connection: what came, what waits to be sent, what waits to be answered.
pub(super) struct Api {
    socket: Socket,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    unanswered: usize,
}

impl Api {
    pub(super) fn connect(
        address: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut socket = Socket::over(dial(address)?, "the HTTP API")?;
        socket.register(registry, token)?;
        Ok(Self {
            socket,
            inbox: Vec::new(),
            outbox: Vec::new(),
            unanswered: 0,
        })
    }

    /// Makes a request with the next [`Self::flush`], behind those that are not answered yet.
    pub(super) fn request(&mut self, request: &[u8]) {
        self.outbox.extend_from_slice(request);
        self.unanswered += 1;
    }

    /// Sends what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.socket.send(&mut self.outbox)
    }

    /// Reads all answers that are there; one that refuses is an error.
    pub(super) fn hear(&mut self) -> io::Result<()> {
        while let Some(received) = self.socket.read()? {
            self.inbox.extend_from_slice(received);
        }
        let mut taken = 0;
        while let Some((length, granted)) = answer(&self.inbox[taken..]) {
            granted.map_err(|text| io::Error::other(format!("the HTTP API: {text}")))?;
            taken += length;
            self.unanswered -= 1;
        }
        self.inbox.drain(..taken);
        Ok(())
    }

    /// Whether all requests were answered.
    pub(super) fn is_done(&self) -> bool {
        self.unanswered == 0
    }
}
