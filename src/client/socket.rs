//! A client's socket, plain or encrypted: read by its session, written by whoever holds its writer.

use std::io::{self, IoSlice, Write};

use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use super::secure::Secure;

/// See the module. All of it without waiting, past tokio's own note of whether the socket is ready.
#[derive(Debug)]
pub enum Socket {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over TCP. Elsewhere, so that plain ones need no room for it.
    Tls(Box<Secure>),
}

impl Socket {
    /// The TCP connection: whether it is ready, and how it ends.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(secure) => secure.socket(),
        }
    }

    /// Takes what was read from the socket before and not taken; says whether there was any, or there will be none.
    pub fn read_kept(&self, room: &mut ReadBuf<'_>) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(secure) => secure.read_opened(room),
        }
    }

    /// Reads once; answers whether there is something for the reader (its end among it), and whether that is all that there is.
    ///
    /// # Errors
    /// The socket's, [`io::ErrorKind::WouldBlock`] among them; [`io::ErrorKind::InvalidData`] for what is no TLS.
    pub fn try_read(&self, room: &mut ReadBuf<'_>) -> io::Result<(bool, bool)> {
        match self {
            Self::Plain(socket) => {
                let asked = room.remaining();
                let length = socket.try_read_buf(room)?;
                // Less than there was room for is all that there is: the next read would only be told so.
                Ok((true, (1..asked).contains(&length)))
            }
            Self::Tls(secure) => {
                let (length, emptied) = secure.try_read(room.initialize_unfilled())?;
                room.advance(length);
                Ok((length > 0, emptied))
            }
        }
    }

    /// Writes once what the socket takes; answers how many bytes that were.
    ///
    /// # Errors
    /// The socket's, [`io::ErrorKind::WouldBlock`] among them.
    pub fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Plain(socket), [one]) => (&*SockRef::from(socket)).write(one),
            (Self::Plain(socket), several) => (&*SockRef::from(socket)).write_vectored(several),
            (Self::Tls(secure), slices) => secure.try_write(slices),
        }
    }

    /// Writes what a write has left; whether nothing is left any more.
    ///
    /// # Errors
    /// The socket's.
    pub fn try_flush(&self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(secure) => secure.flush(),
        }
    }

    /// The last word of this side, if the protocol has one.
    pub fn say_goodbye(&self) {
        if let Self::Tls(secure) = self {
            secure.say_goodbye();
        }
    }
}
