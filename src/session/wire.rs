//! A socket that its session reads, and that is written where a frame is ready: by the session, or by a flusher.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::client::{Secure, Socket};

/// The session's share of the socket.
#[derive(Debug, Clone)]
pub struct Wire(pub(super) Arc<Socket>);

impl Wire {
    fn poll_with<T>(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            ready!(self.0.tcp().poll_write_ready(cx))?;
            let mut done = None;
            // What would block is noted by the socket's readiness, so that the next round waits.
            let tried = self.0.tcp().try_io(Interest::WRITABLE, || {
                done = Some(write(&self.0)?);
                Ok(())
            });
            match (done, tried) {
                (Some(done), _) => return Poll::Ready(Ok(done)),
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                (None, _) => {}
            }
        }
    }
}

impl From<TcpStream> for Wire {
    fn from(socket: TcpStream) -> Self {
        Self(Arc::new(Socket::Plain(socket)))
    }
}

impl From<Box<Secure>> for Wire {
    fn from(secure: Box<Secure>) -> Self {
        Self(Arc::new(Socket::Tls(secure)))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.0.read_kept(buf) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.0.tcp().poll_read_ready(cx))?;
            let mut came = None;
            let done = self.0.tcp().try_io(Interest::READABLE, || {
                let (some, emptied) = self.0.try_read(buf)?;
                came = Some(some);
                // What comes from now on is news to the readiness that is cleared by this.
                if emptied {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(())
            });
            match (came, done) {
                (Some(true), _) => return Poll::Ready(Ok(())),
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                _ => {}
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |socket| socket.try_write(&[IoSlice::new(bytes)]))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |socket| socket.try_write(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.try_flush()? {
            return Poll::Ready(Ok(()));
        }
        self.poll_with(cx, |socket| {
            if socket.try_flush()? {
                return Ok(());
            }
            Err(io::ErrorKind::WouldBlock.into())
        })
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.say_goodbye();
        ready!(self.as_mut().poll_flush(cx))?;
        SockRef::from(self.0.tcp()).shutdown(Shutdown::Write).into()
    }
}
