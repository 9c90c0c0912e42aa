//! A pass over the head of each request, before hyper reads it, for two things that hyper refuses and clients send:
//!
//! - an upgrade over HTTP/1.0, as an nginx without `proxy_http_version 1.1` sends it: hyper sees HTTP/1.1, and
//!   [`HeadNotes::is_http_10`] tells what it was;
//! - a target with bytes that `http::Uri` does not take (`"`, `<`, `>`, a backtick …): they are percent-encoded.
//!
//! No parser: it knows where the request line is and where the head ends, and leaves everything else to hyper. Behind a
//! head it holds back what follows until the service has said what that is ([`HeadNotes::next_is`]); where hyper and
//! this pass disagree, and for good behind a body of chunks, bytes go through untouched. What it keeps is no more than one
//! read of hyper's, thrice that with percent-encoding; of a connection's first head all, for [`Head::first`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

#[cfg(feature = "internals")]
use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What stands behind the version of the protocol's name in a request line.
const VERSION: &[u8] = b"HTTP/1.";

/// So many fields of a head hyper reads without an allocation: what it allows unless it is told otherwise.
const FEW: usize = 100;
/// A browser's upgrade, cookies and all, comes in one read.
const READ: usize = 2048;
/// How the field that asks for an upgrade begins.
const UPGRADE: &[u8] = b"upgrade:";

/// What the pass and the service tell each other: both run in the connection's task.
#[derive(Debug, Default)]
pub(super) struct HeadNotes {
    http_10: AtomicBool,
    next: Mutex<Next>,
}

/// What follows a head.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nobody said.
    #[default]
    Unknown,
    /// A body of so many bytes, and then the head of the next request.
    Head(u64),
    /// A body in chunks, or frames: not ours.
    Other,
}

impl HeadNotes {
    /// Whether the request whose head came last was of HTTP/1.0.
    pub(super) fn is_http_10(&self) -> bool {
        self.http_10.load(Ordering::Relaxed)
    }

    /// Says what follows the head that came last.
    pub(super) fn next_is(&self, next: Next) {
        *self.next.lock() = next;
    }

    fn take_next(&self) -> Next {
        std::mem::take(&mut *self.next.lock())
    }
}

/// A connection whose heads are passed over.
#[derive(Debug)]
pub(super) struct Head<S> {
    inner: S,
    notes: Arc<HeadNotes>,
    at: At,
    /// Passed over, for hyper's next read.
    ready: Vec<u8>,
    /// What came behind a head and was not looked at.
    behind: Vec<u8>,
}

/// Where in a request the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the method, empty lines among it.
    Start,
    Method,
    Target,
    /// So many bytes of the version have come.
    Version(usize),
    /// In a line of the head.
    Line {
        empty: bool,
    },
    /// Behind the empty line.
    End,
    /// So many bytes before the next head.
    Body(u64),
    /// In what is passed on as it is, for good.
    Other,
}

/// What becomes of a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    Keep,
    /// It is percent-encoded.
    Encode,
    /// The version's last digit: hyper reads a 1.
    Newer,
}

impl At {
    fn pass(&mut self, byte: u8) -> Byte {
        let mut becomes = Byte::Keep;
        *self = match (*self, byte) {
            (Self::Start, b'\r' | b'\n') => Self::Start,
            (Self::Start | Self::Method, _) if byte.is_ascii_graphic() => Self::Method,
            (Self::Method, b' ') => Self::Target,
            (Self::Target, b' ') => Self::Version(0),
            (Self::Target, _) if !byte.is_ascii_control() => {
                if !fits_a_uri(byte) {
                    becomes = Byte::Encode;
                }
                Self::Target
            }
            (Self::Version(at), _) if VERSION.get(at) == Some(&byte) => Self::Version(at + 1),
            (Self::Version(at), b'0' | b'1') if at == VERSION.len() => {
                if byte == b'0' {
                    becomes = Byte::Newer;
                }
                Self::Line { empty: false }
            }
            (Self::Line { empty: true }, b'\n') => Self::End,
            (Self::Line { .. }, b'\n') => Self::Line { empty: true },
            (Self::Line { empty }, b'\r') => Self::Line { empty },
            (Self::Line { .. }, _) => Self::Line { empty: false },
            _ => Self::Other,
        };
        becomes
    }
}

/// Whether `http::Uri` takes a byte in a path and in a query, as they are told from each other there.
fn fits_a_uri(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`')
}

/// Where a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Where the bytes do.
    All,
    /// At a byte that is to be encoded.
    Encode,
    /// Behind a head.
    Head,
}

impl<S> Head<S> {
    pub(super) fn new(inner: S, notes: Arc<HeadNotes>) -> Self {
        Self {
            inner,
            notes,
            at: At::Start,
            ready: Vec::new(),
            behind: Vec::new(),
        }
    }

    /// Reads the first head, or the first `limit` bytes of a longer one, before hyper does. Says whether it is an upgrade
    /// in few fields: it needs no room for more, and no other request follows. Cancel safe.
    pub(super) async fn first(&mut self, limit: usize) -> io::Result<bool>
    where
        S: AsyncRead + Unpin,
    {
        let mut came = Vec::with_capacity(READ);
        while !matches!(self.at, At::End | At::Other) && self.ready.len() < limit {
            if self.inner.read_buf(&mut came).await? == 0 {
                return Ok(false);
            }
            self.keep(Stop::All, &mut came);
            came.clear();
        }
        let mut lines = self.ready.split(|byte| *byte == b'\n');
        let upgrades = lines.any(|line| {
            let name = line.get(..UPGRADE.len());
            name.is_some_and(|name| name.eq_ignore_ascii_case(UPGRADE))
        });
        let few = self.ready.iter().filter(|byte| **byte == b'\n').count() <= FEW;
        Ok(self.at == At::End && upgrades && few)
    }

    /// Whether the `limit` bytes that [`Head::first`] read of a longer head do not reach the end of its target.
    pub(super) fn is_all_target(&self, limit: usize) -> bool {
        self.at == At::Target && self.ready.len() >= limit
    }

    /// The connection, and what was read of it and not handed on.
    pub(super) fn into_inner(self) -> (S, Vec<u8>) {
        let mut rest = self.ready;
        rest.extend_from_slice(&self.behind);
        (self.inner, rest)
    }

    /// Passes over bytes in place; answers over how many, and why no further.
    fn pass(&mut self, bytes: &mut [u8]) -> (usize, Stop) {
        let body = self.pass_body(bytes.len());
        for (index, byte) in bytes.iter_mut().enumerate().skip(body) {
            match self.at {
                At::Start => self.notes.http_10.store(false, Ordering::Relaxed),
                At::End => return (index, Stop::Head),
                At::Other => break,
                _ => {}
            }
            match self.at.pass(*byte) {
                Byte::Keep => {}
                Byte::Encode => return (index, Stop::Encode),
                Byte::Newer => {
                    self.notes.http_10.store(true, Ordering::Relaxed);
                    *byte = b'1';
                }
            }
        }
        (bytes.len(), Stop::All)
    }

    /// How many of the bytes are of a body.
    fn pass_body(&mut self, came: usize) -> usize {
        let At::Body(rest) = self.at else {
            return 0;
        };
        let passed = usize::try_from(rest).map_or(came, |rest| rest.min(came));
        self.at = match rest - passed as u64 {
            0 => At::Start,
            rest => At::Body(rest),
        };
        passed
    }

    /// Passes over bytes from where a pass stopped; they need not stay where they are.
    fn keep(&mut self, mut stop: Stop, mut rest: &mut [u8]) {
        loop {
            match (stop, rest) {
                (Stop::Head, behind) => return self.behind.extend_from_slice(behind),
                (Stop::All, []) => return,
                (Stop::Encode, [byte, behind @ ..]) => {
                    let encoded = format!("%{byte:02X}");
                    self.ready.extend_from_slice(encoded.as_bytes());
                    rest = behind;
                }
                (_, more) => rest = more,
            }
            let passed;
            (passed, stop) = self.pass(rest);
            let (done, more) = rest.split_at_mut(passed);
            self.ready.extend_from_slice(done);
            rest = more;
        }
    }

    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let len = self.ready.len().min(buf.remaining());
        buf.put_slice(&self.ready[..len]);
        self.ready.drain(..len);
        if self.ready.is_empty() {
            self.ready = Vec::new();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Head<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ready.is_empty() && this.at == At::End {
            this.at = match this.notes.take_next() {
                Next::Head(0) => At::Start,
                Next::Head(body) => At::Body(body),
                Next::Other | Next::Unknown => At::Other,
            };
            let mut behind = std::mem::take(&mut this.behind);
            this.keep(Stop::All, &mut behind);
        }
        if this.ready.is_empty() {
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
            let came = &mut buf.filled_mut()[before..];
            let (passed, stop) = this.pass(came);
            if stop == Stop::All {
                return Poll::Ready(Ok(()));
            }
            let mut rest = came[passed..].to_vec();
            buf.set_filled(before + passed);
            this.keep(stop, &mut rest);
        }
        this.hand_out(buf);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Head<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// What hyper reads of two pieces, and whether that was of HTTP/1.0: [`crate::internals`]. What is behind the first head
/// is no head.
#[cfg(feature = "internals")]
pub(crate) fn pass_over(first: &[u8], second: &[u8]) -> (Vec<u8>, bool) {
    let notes = Arc::new(HeadNotes::default());
    let mut head = Head::new(first.chain(second), notes.clone());
    let mut out = Vec::new();
    let _at_once = head.read_to_end(&mut out).now_or_never();
    (out, notes.is_http_10())
}

/// What [`Head::first`] says of a connection that begins with `bytes`: [`crate::internals`].
#[cfg(feature = "internals")]
pub(crate) fn is_small_upgrade(bytes: &[u8]) -> bool {
    let mut head = Head::new(bytes, Arc::default());
    let first = head.first(usize::MAX).now_or_never();
    matches!(first, Some(Ok(true)))
}

#[cfg(test)]
mod tests;
