//! Time as every process of this machine sees it: the monotonic clock, in nanoseconds.
//!
//! Not `Instant`: a mark in an event carries the time to whoever receives it, which may be another process.

use std::ops::{Add, Sub};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
};

/// Nanoseconds of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Nanos(pub(crate) u64);

impl Nanos {
    /// Now.
    #[inline]
    pub(crate) fn now() -> Self {
        let now = rustix::time::clock_gettime(ClockId::Monotonic);
        Self(now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs())
    }

    /// Time since `earlier`, zero when that is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Nanos {
    type Output = Self;

    fn add(self, more: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(more.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub for Nanos {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// Waits a moment, for loops that look at something now and then.
pub(crate) fn pause(moment: Duration) {
    std::thread::park_timeout(moment);
}

/// A timer that epoll can wait for with the clock's own precision (its time-out argument counts whole milliseconds).
pub(crate) struct Alarm {
    fd: OwnedFd,
    set: Option<Nanos>,
}

impl Alarm {
    pub(crate) fn new() -> std::io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self { fd, set: None })
    }

    /// The file to wait for.
    pub(crate) fn file(&self) -> &OwnedFd {
        &self.fd
    }

    /// Rings at `due` (once, edge-triggered), or not at all.
    pub(crate) fn set(&mut self, due: Option<Nanos>) -> std::io::Result<()> {
        if self.set == due {
            return Ok(());
        }
        self.set = due;
        let nanos = due.map_or(0, |due| due.0.max(1));
        let value = Timespec {
            tv_sec: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(nanos % 1_000_000_000).unwrap_or_default(),
        };
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let timer = Itimerspec {
            it_interval: zero,
            it_value: value,
        };
        rustix::time::timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &timer)?;
        Ok(())
    }
}
