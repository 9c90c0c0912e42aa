//! The session itself: one future that owns the socket, from the greeting to the last byte.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::clock::{Clock, Silence};
use super::config::{FAREWELL_LINGER, FLUSH_LINGER, THROWN_OUT_LINGER};
use super::guard::Guard;
use super::reader::{Incoming, Reader};
use super::requests::{Panicked, Requests};
use super::sessions::Sessions;
use super::writer::Writer;
use crate::client::{Client, Taken};
use crate::ddp::message::{GREETING, PING};
use crate::ddp::{Close, DdpError, Frame, Framing};

/// How much is read at once. It lies on the stack of whoever polls: a session at rest has no read buffer.
const CHUNK: usize = 8 * 1024;
/// So often a session reads and writes before the runtime's other tasks get their turn.
const ROUNDS: usize = 16;
/// So many requests that need not wait are answered in a round.
const REQUESTS_A_ROUND: usize = 32;

/// One client's session: polled to its end, it is over.
pub struct Session<S> {
    pub(super) sessions: Arc<Sessions>,
    pub(super) client: Arc<Client>,
    // Before the guard: a session that is dropped closes its socket and cancels its requests first.
    socket: S,
    pub(super) requests: Requests,
    /// There from the first poll on.
    guard: Option<Guard>,
    pub(super) clock: Clock,
    /// The rest of a SockJS array that was too long for one turn.
    pub(super) unheard: Option<Box<vec::IntoIter<String>>>,
    reader: Reader,
    /// What was read and not decoded: a part of a frame, or frames behind `unheard`.
    unread: Vec<u8>,
    writer: Writer,
    phase: Phase,
    /// When it closes in a drain, once there is one.
    leaves_at: Option<Instant>,
    /// Whether that moment has come, and only the calls that are open keep it.
    due: bool,
    /// Whether `connected` was sent.
    pub(super) connected: bool,
    /// Whether the close frame was queued.
    parted: bool,
    /// Whether the client's close frame came.
    peer_closed: bool,
    /// Whether what comes cannot be decoded any more.
    deaf: bool,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not polled yet.
    New,
    /// It reads and answers.
    Open,
    /// It has left. What is unsent is written, then the close frame, at the latest until then.
    Flushing(Instant),
    /// The close frame is written; the client's, or the end of its stream, is awaited until then.
    Parting(Instant),
    /// Nothing is left to do with the socket.
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
            socket,
            guard: None,
            clock: Clock::start(),
            requests: Requests::default(),
            unheard: None,
            unread: leftover,
            writer: Writer::default(),
            phase: Phase::New,
            leaves_at: None,
            due: false,
            connected: false,
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

    // ---- the clock ----

    fn deadline(&self) -> Instant {
        match self.phase {
            Phase::Flushing(until) | Phase::Parting(until) => until,
            Phase::New | Phase::Open | Phase::Over => {
                let silence = self.clock.deadline(self.connected, &self.sessions.config);
                self.leaves_at.map_or(silence, |at| silence.min(at))
            }
        }
    }

    /// Says whether something was due.
    fn look_at_the_clock(&mut self, cx: &mut Context<'_>) -> bool {
        // Seen after the outbox has this task's waker: a drain that begins now wakes it.
        if self.leaves_at.is_none() && self.is_open() && self.sessions.is_draining() {
            self.on_drain();
            return true;
        }
        let ready = self.clock.poll_until(cx, self.deadline()).is_ready();
        if ready {
            self.on_time();
        }
        ready
    }

    fn on_time(&mut self) {
        match self.phase {
            Phase::Flushing(_) | Phase::Parting(_) => self.phase = Phase::Over,
            Phase::New | Phase::Open | Phase::Over => {
                match self.clock.silence(self.connected, &self.sessions.config) {
                    Silence::Fine => {}
                    Silence::Ping => {
                        self.client.send(PING);
                    }
                    Silence::TooLong => return self.close(Close::Timeout),
                }
                self.on_drain();
            }
        }
    }

    /// Once the service stops, a session has a moment at which it leaves; with calls open it stays until the deadline.
    fn on_drain(&mut self) {
        let Some(plan) = self.sessions.plan() else {
            return;
        };
        let (now, deadline) = (Instant::now(), plan.deadline);
        let leaves_at = *self.leaves_at.get_or_insert_with(|| plan.moment());
        self.due |= now >= leaves_at;
        if !self.due {
            return;
        }
        if !self.requests.is_idle() && now < deadline {
            self.leaves_at = Some(deadline);
            return;
        }
        for refusal in self.requests.refuse_all(&unavailable()) {
            self.client.send(&refusal);
        }
        self.close(Close::GoingAway);
    }

    // ---- reading ----

    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        if self.on_unheard() {
            return true;
        }
        if !self.unread.is_empty() && self.on_bytes_again() {
            return true;
        }
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        match Pin::new(&mut self.socket).poll_read(cx, &mut chunk) {
            Poll::Pending => return false,
            Poll::Ready(Err(_)) => self.phase = Phase::Over,
            Poll::Ready(Ok(())) if chunk.filled().is_empty() => self.phase = Phase::Over,
            Poll::Ready(Ok(())) => {
                let bytes = chunk.filled_mut();
                self.sessions.metrics.received.increment(bytes.len() as u64);
                if self.deaf {
                    return true;
                }
                if self.unread.is_empty() {
                    let used = self.decode(bytes);
                    self.keep(&bytes[used..]);
                } else {
                    self.unread.extend_from_slice(bytes);
                    let all = std::mem::take(&mut self.unread);
                    self.on_bytes(all);
                }
            }
        }
        true
    }

    /// Tries what was kept again; says whether that brought anything.
    fn on_bytes_again(&mut self) -> bool {
        let kept = self.unread.len();
        let all = std::mem::take(&mut self.unread);
        self.on_bytes(all);
        self.unread.len() != kept
    }

    fn on_bytes(&mut self, mut bytes: Vec<u8>) {
        let used = self.decode(&mut bytes);
        if used == 0 && !self.deaf {
            self.unread = bytes;
        } else {
            self.keep(&bytes[used..]);
        }
    }

    fn keep(&mut self, rest: &[u8]) {
        if !self.deaf && !rest.is_empty() {
            self.unread = rest.to_vec();
        }
    }

    /// Decodes the whole frames of `bytes`; answers how many bytes they were.
    fn decode(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while self.unheard.is_none() && !self.deaf && self.phase != Phase::Over {
            match self.reader.next(&mut bytes[at..]) {
                Ok(None) => break,
                Ok(Some((used, incoming))) => {
                    at += used;
                    self.on_frame(incoming);
                }
                Err(close) => {
                    tracing::debug!(session = %self.client.id(), close = close.name(), "a frame that cannot be read");
                    self.deaf = true;
                    self.close(close);
                }
            }
        }
        at
    }

    fn on_frame(&mut self, incoming: Incoming<'_>) {
        match incoming {
            Incoming::Close(code) => self.on_peer_close(code),
            _ if !self.is_open() => {}
            Incoming::Text(text) => self.on_text(&text),
            Incoming::Ping(payload) => {
                self.client.outbox().push(control(0x8a, payload));
            }
            Incoming::Nothing => {}
        }
    }

    // ---- working ----

    fn work(&mut self, cx: &mut Context<'_>) -> bool {
        let mut worked = false;
        for _ in 0..REQUESTS_A_ROUND {
            if !self.is_open() {
                break;
            }
            match self
                .requests
                .poll_one(cx, &self.client, &self.sessions.handler)
            {
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

    // ---- writing ----

    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        if self.writer.batch.is_empty() {
            self.take(cx);
        }
        match self.write_once(cx) {
            Ok(progress) => progress | self.part(),
            Err(_) => {
                self.phase = Phase::Over;
                true
            }
        }
    }

    /// Takes what waits in the outbox, or learns of the end.
    fn take(&mut self, cx: &mut Context<'_>) {
        if self.parted || self.phase == Phase::Over {
            return;
        }
        let taken = self.client.outbox().poll_take(cx, &mut self.writer.batch);
        if let Poll::Ready(Taken::Close(close)) = taken {
            if self.is_open() {
                self.leave();
            }
            self.say_goodbye(Frame::close(close));
        }
    }

    fn write_once(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.writer.is_idle() {
            return Ok(false);
        }
        let outbox = self.client.outbox();
        if !self.writer.batch.is_empty() {
            let Poll::Ready(written) = self.writer.poll_write(cx, &mut self.socket)? else {
                // The client does not read: all that is waited for besides is the end.
                let ended = self.is_open() && outbox.poll_closing(cx).is_ready();
                if ended {
                    self.leave();
                }
                return Ok(ended);
            };
            self.sessions.metrics.sent.increment(written as u64);
            outbox.written(written, &mut self.writer.batch);
        }
        if self.writer.batch.is_empty() {
            return Ok(self.writer.poll_flush(cx, &mut self.socket)?.is_ready());
        }
        Ok(true)
    }

    /// Once the close frame is out, the client's is awaited.
    fn part(&mut self) -> bool {
        let Phase::Flushing(until) = self.phase else {
            return false;
        };
        if !self.parted || !self.writer.is_idle() {
            return false;
        }
        self.phase = if self.peer_closed {
            Phase::Over
        } else if self.client.outbox().closing() == Some(Close::ThrownOut) {
            Phase::Parting(until)
        } else {
            Phase::Parting(self.within(FAREWELL_LINGER))
        };
        true
    }

    // ---- the end ----

    /// Ends the session from within: what was sent before is written, then the close frame.
    pub(super) fn close(&mut self, close: Close) {
        self.client.close(close);
        if self.is_open() {
            self.leave();
        }
    }

    /// Nothing is worked on any more, and nothing published.
    fn detach(&mut self) {
        self.requests = Requests::default();
        self.unheard = None;
        if let Some(guard) = &mut self.guard {
            guard.leave();
        }
    }

    /// The teardown begins; what is left to do with the socket is bounded.
    fn leave(&mut self) {
        self.detach();
        let linger = match self.client.outbox().closing() {
            Some(Close::TooSlow) => {
                self.writer.keep_half_written();
                FLUSH_LINGER
            }
            Some(Close::ThrownOut) => THROWN_OUT_LINGER,
            _ => FLUSH_LINGER,
        };
        self.phase = Phase::Flushing(self.within(linger));
    }

    /// The client closes: it hears nothing more but the answer to its close frame.
    fn on_peer_close(&mut self, code: Option<u16>) {
        self.peer_closed = true;
        self.deaf = true;
        let close = self.client.outbox().closing();
        self.client.outbox().abandon();
        match self.phase {
            Phase::Parting(_) | Phase::Over => self.phase = Phase::Over,
            Phase::New | Phase::Open | Phase::Flushing(_) => {
                if self.is_open() {
                    self.leave();
                }
                if !self.parted {
                    self.writer.keep_half_written();
                    let echo = code.map_or([0; 2], u16::to_be_bytes);
                    let echo = control(0x88, if code.is_some() { &echo } else { &[] });
                    self.say_goodbye(close.map_or(echo, Frame::close));
                }
                self.phase = Phase::Flushing(self.within(FAREWELL_LINGER));
            }
        }
    }

    fn say_goodbye(&mut self, frame: Frame) {
        if !std::mem::replace(&mut self.parted, true) {
            self.writer.batch.push_back(frame);
        }
    }

    /// So long from now, but never longer than a drain allows.
    fn within(&self, linger: std::time::Duration) -> Instant {
        let until = Instant::now() + linger;
        self.sessions
            .plan()
            .map_or(until, |plan| until.min(plan.cut))
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
            if this.leaves_at.is_some() && this.is_open() {
                this.on_drain();
            }
            progress |= this.write(cx);
            if this.phase == Phase::Over {
                this.detach();
                // The goodbye of TLS, if there is one; whether it gets through does not matter any more.
                let _gone = Pin::new(&mut this.socket).poll_shutdown(cx);
                return Poll::Ready(());
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
fn control(first: u8, payload: &[u8]) -> Frame {
    let mut bytes = Vec::with_capacity(2 + payload.len());
    bytes.push(first);
    bytes.push(u8::try_from(payload.len()).unwrap_or_default());
    bytes.extend_from_slice(payload);
    Frame::ready(Bytes::from(bytes))
}

/// What the calls are answered that a drain could not wait for.
fn unavailable() -> DdpError {
    DdpError::number(503, "Service unavailable")
}
