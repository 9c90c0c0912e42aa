//! The session itself: one future that owns the socket, from the greeting to the last byte.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::clock::Clock;
use super::guard::Guard;
use super::reader::Reader;
use super::requests::{Panicked, Requests};
use super::sessions::{Behind, Sessions};
use super::unheard::Unheard;
use crate::client::{Client, Leg};
use crate::ddp::message::GREETING;
use crate::ddp::{Frame, Framing};

/// So often a session reads and writes before the runtime's other tasks get their turn.
const ROUNDS: usize = 16;
/// So many requests that need not wait are answered in a round.
const REQUESTS_A_ROUND: usize = 32;

/// One client's session: polled to its end, it is over.
pub struct Session<S> {
    pub(super) sessions: Arc<Sessions>,
    pub(super) client: Arc<Client>,
    // Before the guard: a session that is dropped closes its socket and cancels its requests first.
    pub(super) socket: Option<S>,
    pub(super) requests: Requests,
    /// The connection to the server that the session is relayed to, from the client's `connect` on.
    pub(super) leg: Option<Box<dyn Leg>>,
    /// There from the first poll on.
    pub(super) guard: Option<Guard>,
    pub(super) clock: Clock,
    /// The rest of a SockJS array that was too long for one turn.
    pub(super) unheard: Option<Box<Unheard>>,
    pub(super) reader: Reader,
    /// What was read and not decoded: a part of a frame, or frames behind `unheard`.
    pub(super) unread: Vec<u8>,
    pub(super) phase: Phase,
    /// While it is open: when it leaves in a drain, once there is one. From then on: until when the calls of a client that
    /// left are done, where there are any.
    pub(super) until: Option<Instant>,
    /// Whether the moment to leave in a drain has come, and only the calls that are open keep it.
    pub(super) due: bool,
    /// Whether `connected` was sent.
    pub(super) connected: bool,
    /// Whether nothing is published to it any more.
    pub(super) detached: bool,
    /// Whether the close frame was queued.
    pub(super) parted: bool,
    /// Whether the client's close frame came.
    pub(super) peer_closed: bool,
    /// Whether what comes cannot be decoded any more.
    pub(super) deaf: bool,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not polled yet.
    New,
    /// It reads and answers.
    Open,
    /// It has left. What is unsent is written, then the close frame, at the latest until then.
    Flushing(Instant),
    /// The close frame is written; the client's, or the end of its stream, is awaited until then.
    Parting(Instant),
    /// The socket is gone. Calls of the client may still be done.
    Over,
}

impl<S> std::fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("client", &self.client)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(
        sessions: Arc<Sessions>,
        client: Arc<Client>,
        socket: S,
        leftover: Vec<u8>,
    ) -> Self {
        Self {
            reader: Reader::new(sessions.config.max_message_bytes),
            sessions,
            client,
            socket: Some(socket),
            guard: None,
            clock: Clock::start(),
            requests: Requests::default(),
            leg: None,
            unheard: None,
            unread: leftover,
            phase: Phase::New,
            until: None,
            due: false,
            connected: false,
            detached: false,
            parted: false,
            peer_closed: false,
            deaf: false,
        }
    }

    /// The handle that others hold.
    #[must_use]
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    fn open(&mut self) {
        self.phase = Phase::Open;
        if self.client.framing() == Framing::SockJs {
            self.client.outbox().push(Frame::sockjs_open());
        }
        self.client.send(GREETING);
        self.guard = Some(Guard::open(self.sessions.clone(), self.client.clone()));
        let leftover = std::mem::take(&mut self.unread);
        self.on_bytes(leftover);
    }

    /// Works on the requests; says whether that brought anything.
    fn work(&mut self, cx: &mut Context<'_>) -> bool {
        if let Behind::Server(_) = &self.sessions.behind {
            return self.relay(cx);
        }
        if self.requests.is_idle() || !self.may_work(cx) {
            return false;
        }
        let Behind::House(handler) = &self.sessions.behind else {
            return false;
        };
        let mut worked = false;
        for _ in 0..REQUESTS_A_ROUND {
            match self.requests.poll_one(cx, &self.client, handler) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) => worked = true,
                Poll::Ready(Err(Panicked)) => {
                    worked = true;
                    self.sessions.panicked();
                }
            }
        }
        worked
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Session<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.phase == Phase::New {
            this.open();
        }
        for _ in 0..ROUNDS {
            let mut progress = this.read(cx);
            progress |= this.work(cx);
            if this.until.is_some() && this.is_open() {
                this.on_drain();
            }
            progress |= this.write(cx);
            if this.phase == Phase::Over {
                progress |= this.hang_up(cx);
                if this.requests.is_idle() && this.leg.is_none() {
                    return Poll::Ready(());
                }
            }
            if !progress && !this.look_at_the_clock(cx) {
                return Poll::Pending;
            }
        }
        // Others get their turn. A client that never falls silent must not keep its session from the clock.
        this.look_at_the_clock(cx);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A control frame.
pub(super) fn control(first: u8, payload: &[u8]) -> Frame {
    let mut bytes = Vec::with_capacity(2 + payload.len());
    bytes.push(first);
    bytes.push(u8::try_from(payload.len()).unwrap_or_default());
    bytes.extend_from_slice(payload);
    Frame::ready(Bytes::from(bytes))
}
