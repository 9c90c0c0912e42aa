//! How a session ends, in this order and nowhere else: the client leaves the hub, what was sent before is flushed (unless
//! the client is too slow, or others need the room), the close frame follows, the client's own is awaited for a while, the socket goes, and only
//! then what is slow is told ([`super::guard`]). Meanwhile the calls are done that a client made before it left; of one
//! that was sent away nothing more is ([`End`]).

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::clock::Silence;
use super::config::{FAREWELL_LINGER, FLUSH_LINGER, THROWN_OUT_LINGER};
use super::requests::Requests;
use super::task::{Phase, Session, control};
use crate::ddp::message::PING;
use crate::ddp::{Close, DdpError, Frame};

/// First byte of a close frame.
const FINAL_CLOSE: u8 = 0x88;
/// How often a session that is closing looks whether the service began to stop.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Whose doing the end of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client left, or broke the rules: what it asked for before is still done.
    Theirs,
    /// It was sent away: thrown out, logged out, too slow. Nothing more is done.
    SentAway,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// When the clock has to be looked at next.
    fn deadline(&self) -> Instant {
        // A drain that begins meanwhile may find no trace of a session that is ending: it looks for itself.
        let look_again = || Instant::now() + LOOK_AGAIN;
        match self.phase {
            Phase::Flushing(until) | Phase::Parting(until) => {
                // Calls whose time is over were given up: it asks for nothing any more.
                let calls = self.until.filter(|at| *at > Instant::now());
                let others = calls.into_iter().chain([look_again()]);
                others.fold(self.at_most(until), Instant::min)
            }
            Phase::Over => self.until.unwrap_or_else(look_again),
            Phase::New | Phase::Open => {
                let silence = self.clock.deadline(self.connected, &self.sessions.config);
                let leg = self.leg.as_ref().and_then(|leg| leg.deadline());
                let others = self.until.into_iter().chain(leg);
                others.fold(silence, Instant::min)
            }
        }
    }

    /// Says whether something was due.
    pub(super) fn look_at_the_clock(&mut self, cx: &mut Context<'_>) -> bool {
        // Seen after the outbox has this task's waker: a drain that begins now wakes it.
        if self.until.is_none() && self.is_open() && self.sessions.is_draining() {
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
            Phase::Flushing(until) | Phase::Parting(until) => {
                if Instant::now() >= self.at_most(until) {
                    self.phase = Phase::Over;
                }
            }
            Phase::Over => {}
            Phase::New | Phase::Open => {
                match self.clock.silence(self.connected, &self.sessions.config) {
                    Silence::Fine => {}
                    Silence::Ping => {
                        self.client.send(PING);
                    }
                    Silence::TooLong => return self.close(Close::Timeout),
                }
                if let Some(leg) = &mut self.leg
                    && leg.deadline().is_some_and(|at| Instant::now() >= at)
                {
                    leg.on_time();
                }
                self.on_drain();
            }
        }
    }

    /// Once the service stops, a session has a moment at which it leaves; with calls open it stays until the deadline.
    pub(super) fn on_drain(&mut self) {
        let Some(plan) = self.sessions.plan() else {
            return;
        };
        let (now, deadline) = (Instant::now(), plan.deadline);
        let leaves_at = *self.until.get_or_insert_with(|| plan.moment());
        self.due |= now >= leaves_at;
        if !self.due {
            return;
        }
        let idle = self
            .leg
            .as_ref()
            .map_or(self.requests.is_idle(), |leg| leg.is_idle());
        if !idle && now < deadline {
            self.until = Some(deadline);
            return;
        }
        let error = unavailable();
        let refusals = match &mut self.leg {
            Some(leg) => leg.refuse_all(&error),
            None => self.requests.refuse_all(&error),
        };
        for refusal in refusals {
            self.client.send(&refusal);
        }
        self.close(Close::GoingAway);
    }

    /// Ends the session from within: what was sent before is written, then the close frame.
    pub(super) fn close(&mut self, close: Close) {
        self.client.outbox().end(close);
        if self.is_open() {
            self.leave(End::Theirs);
        }
    }

    /// Nothing is published any more, and nothing more is heard.
    fn detach(&mut self, end: End) {
        if std::mem::replace(&mut self.detached, true) {
            return;
        }
        self.requests.withdraw(|_| true);
        if end == End::Theirs && (!self.requests.is_idle() || self.has_to_finish()) {
            self.until = Some(Instant::now() + self.sessions.config.request_timeout);
        } else {
            self.until = None;
            self.requests = Requests::default();
            self.part_from_server();
        }
        self.unheard = None;
        if let Some(guard) = &mut self.guard {
            guard.leave(self.until.is_some());
        }
    }

    /// Whether requests are worked on. Those of a client that left are until their time is over, it is sent away after all,
    /// or the service stops.
    pub(super) fn may_work(&mut self, cx: &mut Context<'_>) -> bool {
        let outbox = self.client.outbox();
        if self.is_open() {
            return outbox.is_served();
        }
        let over = outbox.poll_sent_away(cx).is_ready()
            || self.sessions.is_draining()
            || self.until.is_none_or(|by| Instant::now() >= by);
        if over {
            tracing::debug!(session = %self.client.id(), "calls of a client that left are given up");
            self.requests = Requests::default();
        }
        !over && !outbox.is_doubted()
    }

    /// The socket is of no use any more.
    pub(super) fn on_lost(&mut self) {
        self.detach(End::Theirs);
        self.phase = Phase::Over;
    }

    /// The socket is let go of; says whether it was there. The outbox knows the task no more then: with calls away it has to
    /// be told again whom to wake ([`Session::may_work`]).
    pub(super) fn hang_up(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(mut socket) = self.socket.take() else {
            return false;
        };
        // The goodbye of TLS, if there is one; whether it gets through does not matter any more.
        let _gone = Pin::new(&mut socket).poll_shutdown(cx);
        self.unread = Vec::new();
        self.client.outbox().abandon();
        self.client.writer().clear();
        true
    }

    /// The teardown begins; what is left to do with the socket is bounded.
    pub(super) fn leave(&mut self, end: End) {
        self.detach(end);
        let linger = match self.client.outbox().closing() {
            Some(Close::TooSlow) => {
                self.client.writer().keep_half_written(self.parted);
                FLUSH_LINGER
            }
            Some(Close::ThrownOut) => THROWN_OUT_LINGER,
            _ => FLUSH_LINGER,
        };
        self.phase = Phase::Flushing(self.within(linger));
    }

    /// Once the close frame is out, the client's is awaited. One that broke the framing is not understood any more: it is
    /// told at once that nothing follows (RFC 6455, section 7.1.1), and its end of the connection is awaited.
    pub(super) fn part(&mut self, cx: &mut Context<'_>) -> bool {
        let Phase::Flushing(until) = self.phase else {
            return false;
        };
        if !self.parted || !self.client.writer().is_idle() {
            return false;
        }
        if self.deaf
            && !self.peer_closed
            && let Some(socket) = &mut self.socket
        {
            let _best_effort = Pin::new(socket).poll_shutdown(cx);
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

    /// The client closes: what was said before, then the answer to its close frame, and it hears nothing more.
    pub(super) fn on_peer_close(&mut self, code: Option<u16>) {
        self.peer_closed = true;
        self.deaf = true;
        if let Some(guard) = &mut self.guard {
            guard.hear_close(code);
        }
        match self.phase {
            Phase::Parting(_) | Phase::Over => self.phase = Phase::Over,
            Phase::New | Phase::Open | Phase::Flushing(_) => {
                if self.is_open() {
                    self.leave(End::Theirs);
                }
                if !self.parted {
                    let outbox = self.client.outbox();
                    let echo = code.map_or([0; 2], u16::to_be_bytes);
                    let echo = control(FINAL_CLOSE, if code.is_some() { &echo } else { &[] });
                    outbox.last(outbox.closing().map_or(echo, Frame::close));
                }
                let until = self.within(FAREWELL_LINGER);
                self.phase = match self.phase {
                    Phase::Flushing(earlier) => Phase::Flushing(earlier.min(until)),
                    _ => Phase::Flushing(until),
                };
            }
        }
    }

    /// So long from now, but never longer than a drain allows.
    fn within(&self, linger: Duration) -> Instant {
        self.at_most(Instant::now() + linger)
    }

    fn at_most(&self, until: Instant) -> Instant {
        let plan = self.sessions.plan();
        plan.map_or(until, |plan| until.min(plan.cut))
    }
}

/// What the calls are answered that a drain could not wait for.
fn unavailable() -> DdpError {
    DdpError::number(503, "Service unavailable")
}
