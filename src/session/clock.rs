//! A session's one timer, re-armed lazily: hearing the client moves no timer, it only notes when it was.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

use super::config::{ACTIVITY_INTERVAL, EARLY_PING, OVERSLEPT};
use crate::config::SessionConfig;

/// What the client's silence asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing yet.
    Fine,
    /// A ping.
    Ping,
    /// The end.
    TooLong,
}

/// When the client was heard, and the timer of whatever comes next.
#[derive(Debug)]
pub(super) struct Clock {
    timer: Pin<Box<Sleep>>,
    /// When the socket opened; from `connected` on, when the client was last heard.
    heard: Instant,
    /// When the house was last told that the client is active; at first, when the socket opened.
    told: Instant,
    /// Whether the client was pinged since it was last heard.
    pinged: bool,
}

impl Clock {
    pub(super) fn start() -> Self {
        let heard = Instant::now();
        Self {
            timer: Box::pin(tokio::time::sleep_until(heard + EARLY_PING)),
            heard,
            told: heard,
            pinged: false,
        }
    }

    /// The client spoke. Says whether the house is to be told.
    pub(super) fn hear(&mut self) -> bool {
        let now = Instant::now();
        self.heard = now;
        self.pinged = false;
        let tell = now >= self.told + ACTIVITY_INTERVAL;
        if tell {
            self.told = now;
        }
        tell
    }

    /// What the silence asks for now; answers [`Silence::Ping`] once a silence, and again after this process slept.
    pub(super) fn silence(&mut self, connected: bool, config: &SessionConfig) -> Silence {
        let now = Instant::now();
        let (ping, end) = self.limits(connected, config);
        if now >= end && connected && (!self.pinged || now >= end + OVERSLEPT) {
            self.pinged = true;
            self.heard += now - ping;
            Silence::Ping
        } else if now >= end {
            Silence::TooLong
        } else if !self.pinged && now >= ping {
            self.pinged = true;
            Silence::Ping
        } else {
            Silence::Fine
        }
    }

    /// When the silence has to be looked at again.
    pub(super) fn deadline(&self, connected: bool, config: &SessionConfig) -> Instant {
        let (ping, end) = self.limits(connected, config);
        if self.pinged { end } else { ping.min(end) }
    }

    fn limits(&self, connected: bool, config: &SessionConfig) -> (Instant, Instant) {
        let (ping, end) = if connected {
            (config.heartbeat_interval, config.connection_timeout)
        } else {
            (EARLY_PING, config.handshake_timeout)
        };
        (self.heard + ping, self.heard + end)
    }

    /// Waits for a time. A timer that would ring too early is left to ring: most are overtaken by the client's words.
    pub(super) fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            if deadline < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(deadline);
            }
            std::task::ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
        }
    }
}
