//! A connection that is seen to move, and whose peer has to read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::visitors::Visitor;

/// Ends with [`io::ErrorKind::TimedOut`] when the peer takes nothing of what it is sent for too long. How long a peer
/// may be silent is the matter of whoever reads.
#[derive(Debug)]
pub struct Watched<S> {
    inner: S,
    visitor: Visitor,
    patience: Duration,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    /// A peer that takes nothing for `patience` is given up.
    pub fn new(inner: S, visitor: Visitor, patience: Duration) -> Self {
        Self {
            inner,
            visitor,
            patience,
            stalled: None,
        }
    }

    /// The connection itself, watched no longer: its place is another's.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// What writing led to, with the clock in mind.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            self.visitor.moved();
            return written;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        let over = stalled.as_mut().poll(cx);
        over.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.inner).poll_read(cx, buf);
        if read.is_ready() {
            this.visitor.moved();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_flush(cx) {
            Poll::Ready(flushed) => Poll::Ready(flushed),
            Poll::Pending => this.written(cx, Poll::Pending),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.inner).poll_shutdown(cx);
        this.written(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_util::task::TaskTracker;

    use super::super::visitors::Visitors;
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Writes more than the peer has room for, and says how that ended and when.
    async fn writing(
        peer: impl AsyncFnOnce(tokio::io::DuplexStream),
    ) -> (io::Result<()>, Duration) {
        let (ours, theirs) = duplex(64);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let began = tokio::time::Instant::now();
        Visitors::new(1).spawn(&TaskTracker::new(), |visitor| async move {
            let mut watched = Watched::new(ours, visitor, PATIENCE);
            let written = watched.write_all(&[7; 640]).await;
            sender.send((written, began.elapsed())).unwrap();
        });
        let (ended, ()) = tokio::join!(receiver, peer(theirs));
        ended.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_is_given_up() {
        let (ended, after) = writing(async |_theirs| tokio::time::sleep(2 * PATIENCE).await).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(after.as_secs(), PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_reads_slowly_is_not() {
        let slowly = async |mut theirs: tokio::io::DuplexStream| {
            for _ in 0..10 {
                tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
                theirs.read_exact(&mut [0; 64]).await.unwrap();
            }
        };
        let (ended, after) = writing(slowly).await;
        assert!(ended.is_ok());
        assert!(after > 5 * PATIENCE);
    }
}
