//! How a session ends, in this order and nowhere else: the request at hand is cancelled, the client leaves the hub and
//! the directory, what was sent before is flushed (unless the client is too slow), the close frame follows, the client's
//! own is awaited for a while, the socket goes, and only then what is slow is told ([`super::guard`]).

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

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// When the clock has to be looked at next.
    fn deadline(&self) -> Instant {
        match self.phase {
            // A drain that begins meanwhile finds no trace of this session: it looks for itself.
            Phase::Flushing(until) | Phase::Parting(until) => {
                self.at_most(until).min(Instant::now() + LOOK_AGAIN)
            }
            Phase::New | Phase::Open | Phase::Over => {
                let silence = self.clock.deadline(self.connected, &self.sessions.config);
                let leg = self.leg.as_ref().and_then(|leg| leg.deadline());
                let others = self.leaves_at.into_iter().chain(leg);
                others.fold(silence, Instant::min)
            }
        }
    }

    /// Says whether something was due.
    pub(super) fn look_at_the_clock(&mut self, cx: &mut Context<'_>) -> bool {
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
            Phase::Flushing(until) | Phase::Parting(until) => {
                if Instant::now() >= self.at_most(until) {
                    self.phase = Phase::Over;
                }
            }
            Phase::New | Phase::Open | Phase::Over => {
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
        let leaves_at = *self.leaves_at.get_or_insert_with(|| plan.moment());
        self.due |= now >= leaves_at;
        if !self.due {
            return;
        }
        let idle = self
            .leg
            .as_ref()
            .map_or(self.requests.is_idle(), |leg| leg.is_idle());
        if !idle && now < deadline {
            self.leaves_at = Some(deadline);
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
        self.client.close(close);
        if self.is_open() {
            self.leave();
        }
    }

    /// Nothing is worked on any more, and nothing published.
    pub(super) fn detach(&mut self) {
        self.requests = Requests::default();
        self.part_from_server();
        self.unheard = None;
        if let Some(guard) = &mut self.guard {
            guard.leave();
        }
    }

    /// The teardown begins; what is left to do with the socket is bounded.
    pub(super) fn leave(&mut self) {
        self.detach();
        let linger = match self.client.outbox().closing() {
            Some(Close::TooSlow) => {
                self.client.writer().keep_half_written();
                FLUSH_LINGER
            }
            Some(Close::ThrownOut) => THROWN_OUT_LINGER,
            _ => FLUSH_LINGER,
        };
        self.phase = Phase::Flushing(self.within(linger));
    }

    /// Once the close frame is out, the client's is awaited.
    pub(super) fn part(&mut self) -> bool {
        let Phase::Flushing(until) = self.phase else {
            return false;
        };
        if !self.parted || !self.client.writer().is_idle() {
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

    /// The client closes: it hears nothing more but the answer to its close frame.
    pub(super) fn on_peer_close(&mut self, code: Option<u16>) {
        self.peer_closed = true;
        self.deaf = true;
        let close = self.client.outbox().closing();
        self.client.outbox().abandon();
        if let Some(guard) = &mut self.guard {
            guard.hear_close(code);
        }
        match self.phase {
            Phase::Parting(_) | Phase::Over => self.phase = Phase::Over,
            Phase::New | Phase::Open | Phase::Flushing(_) => {
                if self.is_open() {
                    self.leave();
                }
                if !self.parted {
                    self.client.writer().keep_half_written();
                    let echo = code.map_or([0; 2], u16::to_be_bytes);
                    let echo = control(FINAL_CLOSE, if code.is_some() { &echo } else { &[] });
                    self.say_goodbye(close.map_or(echo, Frame::close));
                }
                let until = self.within(FAREWELL_LINGER);
                self.phase = match self.phase {
                    Phase::Flushing(earlier) => Phase::Flushing(earlier.min(until)),
                    _ => Phase::Flushing(until),
                };
            }
        }
    }

    pub(super) fn say_goodbye(&mut self, frame: Frame) {
        if !std::mem::replace(&mut self.parted, true) {
            self.client.writer().batch().push_back(frame);
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
