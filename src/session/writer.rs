//! Writes the queued frames, many at once, without copying them.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::ddp::Frame;

/// How many frames go into one write.
const MAX_SLICES: usize = 64;

/// The frames that were taken from the outbox and are not written yet.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) batch: VecDeque<Frame>,
    /// How much of the first frame is written already.
    offset: usize,
    /// Whether something was written since the last flush.
    unflushed: bool,
}

impl Writer {
    /// Whether everything was handed to the socket and flushed.
    pub(super) fn is_idle(&self) -> bool {
        self.batch.is_empty() && !self.unflushed
    }

    /// Writes once; answers how many bytes went.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut S,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut filled = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.batch) {
            let skip = if filled == 0 { self.offset } else { 0 };
            *slice = IoSlice::new(&frame.bytes()[skip..]);
            filled += 1;
        }
        let written = ready!(Pin::new(socket).poll_write_vectored(cx, &slices[..filled]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.unflushed = true;
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    /// Flushes what was written: a TCP socket has nothing to flush, a TLS one has.
    pub(super) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut S,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(socket).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(frame) = self.batch.front() {
            let left = frame.len() - self.offset;
            if written < left {
                self.offset += written;
                return;
            }
            written -= left;
            self.offset = 0;
            self.batch.pop_front();
        }
    }

    /// Drops what was not begun: only a frame that is written in part must be finished.
    pub(super) fn keep_half_written(&mut self) {
        let half = (self.offset > 0).then(|| self.batch.pop_front()).flatten();
        self.batch = half.into_iter().collect();
    }
}
