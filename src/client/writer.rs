//! Writes queued frames, many at once, without copying them.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::socket::Socket;
use crate::ddp::Frame;

/// How many frames go into one write.
const MAX_SLICES: usize = 64;

/// The frames that were taken from the outbox and are not written yet.
#[derive(Debug, Default)]
pub struct Writer {
    pub(super) batch: VecDeque<Frame>,
    /// How much of the first frame is written already.
    offset: usize,
    /// Whether something was written since the last flush.
    unflushed: bool,
    /// The socket, where others than the session's task may write it too.
    pub(super) shared: Option<Arc<Socket>>,
}

impl Writer {
    /// Whether no frame is left to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Whether everything was handed to the socket and flushed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.batch.is_empty() && !self.unflushed
    }

    /// The frames themselves, to fill them.
    pub fn batch(&mut self) -> &mut VecDeque<Frame> {
        &mut self.batch
    }

    /// Writes once; answers how many bytes went.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut S,
    ) -> Poll<io::Result<usize>> {
        let written =
            ready!(self.with_slices(|slices| Pin::new(socket).poll_write_vectored(cx, slices)))?;
        self.unflushed = true;
        self.wrote(written).into()
    }

    /// Writes frames that were not taken from the outbox, past an empty batch; answers how many bytes went. The rest is the
    /// batch then.
    ///
    /// # Errors
    /// The socket's.
    pub(super) fn poll_pass<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut S,
        frames: &[u8],
    ) -> io::Result<usize> {
        let written = match Pin::new(&mut *socket).poll_write(cx, frames)? {
            Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(written) => written,
            Poll::Pending => 0,
        };
        if written < frames.len() {
            self.batch
                .push_back(Frame::ready(Bytes::copy_from_slice(frames)));
            self.offset = written;
        }
        self.unflushed = written > 0 && Pin::new(socket).poll_flush(cx)?.is_pending();
        Ok(written)
    }

    /// Writes once what the shared socket takes now; answers how many bytes that were.
    ///
    /// Past tokio's own note of whether the socket takes bytes: the session's task asks it again when this fails.
    ///
    /// # Errors
    /// The socket's, [`io::ErrorKind::WouldBlock`] among them.
    pub(super) fn try_write(&mut self) -> io::Result<usize> {
        let Some(socket) = &self.shared else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let written = self.with_slices(|slices| socket.try_write(slices))?;
        self.unflushed = !socket.try_flush()?;
        self.wrote(written)
    }

    /// Like [`Writer::try_write`], of a batch of one.
    ///
    /// # Errors
    /// The socket's; the frame is then the batch.
    pub(super) fn try_write_one(&mut self, frame: Frame) -> io::Result<usize> {
        let written = match &self.shared {
            Some(socket) => {
                let written = socket.try_write(&[IoSlice::new(frame.bytes())]);
                self.unflushed = !matches!(socket.try_flush(), Ok(true));
                written
            }
            None => Err(io::ErrorKind::WouldBlock.into()),
        };
        if written
            .as_ref()
            .is_ok_and(|&written| written == frame.len())
        {
            return written;
        }
        self.batch.push_back(frame);
        self.wrote(written?)
    }

    fn with_slices<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut filled = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.batch) {
            let skip = if filled == 0 { self.offset } else { 0 };
            *slice = IoSlice::new(&frame.bytes()[skip..]);
            filled += 1;
        }
        write(&slices[..filled])
    }

    /// Flushes what was written: a TCP socket has nothing to flush, a TLS one has.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut S,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(socket).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, written: usize) -> io::Result<usize> {
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let mut left = written;
        while let Some(frame) = self.batch.front() {
            let rest = frame.len() - self.offset;
            if left < rest {
                self.offset += left;
                break;
            }
            left -= rest;
            self.offset = 0;
            self.batch.pop_front();
        }
        Ok(written)
    }

    /// Drops all of it: the socket is gone.
    pub fn clear(&mut self) {
        self.batch = VecDeque::new();
        (self.offset, self.unflushed) = (0, false);
    }

    /// Drops what was not begun, but for the `last` frame if that is the close frame: one that is written in part must be
    /// finished. Says whether there was any.
    pub fn keep_half_written(&mut self, last: bool) -> bool {
        let before = self.batch.len();
        let half = (self.offset > 0).then(|| self.batch.pop_front()).flatten();
        let last = last.then(|| self.batch.pop_back()).flatten();
        self.batch = half.into_iter().chain(last).collect();
        self.batch.len() < before
    }
}
