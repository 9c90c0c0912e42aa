//! When the next event is due.

use std::time::Duration;

use crate::clock::Nanos;

/// The two kinds of load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Open loop: this many a second, whatever the server does. An event that leaves late keeps the time at which it was due.
    Rate(f64),
    /// Saturated: this many events are on their way at any time.
    Window(u32),
}

/// Follows a pace.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Pace,
    listeners: u64,
    began: Nanos,
    sent: u64,
}

impl Pacer {
    /// Begins at `began`; each event has `listeners` deliveries.
    pub(crate) fn new(pace: Pace, listeners: u64, began: Nanos) -> Self {
        Self {
            pace,
            listeners,
            began,
            sent: 0,
        }
    }

    /// When the next event is (or was) due; `None` while it is not. `delivered` counts all deliveries so far.
    pub(crate) fn due(&self, now: Nanos, delivered: u64) -> Option<Nanos> {
        match self.pace {
            Pace::Rate(rate) => Some(self.scheduled(rate)).filter(|&due| due <= now),
            Pace::Window(_) => (delivered >= self.opens_at()).then_some(now),
        }
    }

    /// The event that was due is on its way.
    pub(crate) fn sent(&mut self) {
        self.sent += 1;
    }

    /// When to look again; a window is looked at when [`Self::opens_at`] is reached.
    pub(crate) fn next(&self) -> Option<Nanos> {
        match self.pace {
            Pace::Rate(rate) => Some(self.scheduled(rate)),
            Pace::Window(_) => None,
        }
    }

    /// How many deliveries let the next event out (no number of them in an open loop).
    pub(crate) fn opens_at(&self) -> u64 {
        match self.pace {
            Pace::Rate(_) => u64::MAX,
            Pace::Window(window) => {
                (self.sent + 1).saturating_sub(u64::from(window)) * self.listeners
            }
        }
    }

    fn scheduled(&self, rate: f64) -> Nanos {
        self.began + Duration::from_secs_f64(self.sent as f64 / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Nanos {
        Nanos(ms * 1_000_000)
    }

    fn drain(pacer: &mut Pacer, now: Nanos) -> Vec<u64> {
        let mut due = Vec::new();
        while let Some(at) = pacer.due(now, 0) {
            pacer.sent();
            due.push(at.0 / 1_000_000);
        }
        due
    }

    #[test]
    fn what_leaves_late_keeps_the_time_at_which_it_was_due() {
        let mut pacer = Pacer::new(Pace::Rate(100.0), 1, ms(1000));
        assert_eq!(drain(&mut pacer, ms(999)), [0; 0]);
        assert_eq!(drain(&mut pacer, ms(1000)), [1000]);
        assert_eq!(pacer.next(), Some(ms(1010)));
        // The generator was held up for 45 ms: four events are due, each with its own time.
        assert_eq!(drain(&mut pacer, ms(1045)), [1010, 1020, 1030, 1040]);
        assert_eq!(pacer.next(), Some(ms(1050)));
    }

    #[test]
    fn a_window_waits_for_deliveries() {
        let mut pacer = Pacer::new(Pace::Window(4), 100, ms(0));
        for _ in 0..4 {
            assert_eq!(pacer.due(ms(1), 0), Some(ms(1)));
            pacer.sent();
        }
        assert_eq!(pacer.opens_at(), 100);
        assert_eq!(pacer.due(ms(2), 99), None);
        assert_eq!(pacer.due(ms(3), 100), Some(ms(3)));
        pacer.sent();
        assert_eq!(pacer.due(ms(4), 100), None);
        assert_eq!(pacer.due(ms(4), 200), Some(ms(4)));
        assert_eq!(pacer.next(), None);
    }
}
