//! Which event is the next, and when it is due.

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

/// The order in which the keys have their turn: all of them once, neighbours far from each other, so that those that are
/// heard lie evenly among those that nobody hears.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turns {
    keys: u64,
    stride: u64,
}

impl Turns {
    /// Of so many keys.
    pub(crate) fn of(keys: u32) -> Self {
        let keys = u64::from(keys.max(1));
        let golden = (keys as f64 * 0.618_034) as u64;
        let stride = (golden.max(1)..).find(|&stride| coprime(stride, keys));
        Self {
            keys,
            stride: stride.unwrap_or(1),
        }
    }

    /// The key of the `number`-th event.
    pub(crate) fn key(self, number: u64) -> u32 {
        (number % self.keys * self.stride % self.keys) as u32
    }
}

fn coprime(a: u64, b: u64) -> bool {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

/// Follows a pace.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Pace,
    /// Deliveries of the first n events, n from 0 to the number of keys.
    heard: Vec<u64>,
    began: Nanos,
    sent: u64,
}

impl Pacer {
    /// Begins at `began`; an event of key k has `listeners[k]` deliveries.
    pub(crate) fn new(pace: Pace, turns: Turns, listeners: &[u64], began: Nanos) -> Self {
        let mut heard = vec![0];
        let mut sum = 0;
        for number in 0..turns.keys {
            let key = turns.key(number) as usize;
            sum += listeners.get(key).copied().unwrap_or_default();
            heard.push(sum);
        }
        Self {
            pace,
            heard,
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
                self.deliveries((self.sent + 1).saturating_sub(u64::from(window)))
            }
        }
    }

    /// How many deliveries the first `events` events have.
    fn deliveries(&self, events: u64) -> u64 {
        let keys = self.heard.len() as u64 - 1;
        let cycle = self.heard.last().copied().unwrap_or_default();
        events / keys * cycle + self.heard[(events % keys) as usize]
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
        let mut pacer = Pacer::new(Pace::Rate(100.0), Turns::of(1), &[1], ms(1000));
        assert_eq!(drain(&mut pacer, ms(999)), [0; 0]);
        assert_eq!(drain(&mut pacer, ms(1000)), [1000]);
        assert_eq!(pacer.next(), Some(ms(1010)));
        // The generator was held up for 45 ms: four events are due, each with its own time.
        assert_eq!(drain(&mut pacer, ms(1045)), [1010, 1020, 1030, 1040]);
        assert_eq!(pacer.next(), Some(ms(1050)));
    }

    #[test]
    fn a_window_waits_for_deliveries() {
        let mut pacer = Pacer::new(Pace::Window(4), Turns::of(1), &[100], ms(0));
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

    #[test]
    fn a_window_counts_only_what_is_heard() {
        let turns = Turns::of(10);
        let mut listeners = [0; 10];
        listeners[turns.key(3) as usize] = 5;
        let mut pacer = Pacer::new(Pace::Window(2), turns, &listeners, ms(0));
        for _ in 0..5 {
            assert_eq!(pacer.due(ms(1), 0), Some(ms(1)));
            pacer.sent();
        }
        assert_eq!((pacer.opens_at(), pacer.due(ms(1), 4)), (5, None));
        for _ in 0..10 {
            assert_eq!(pacer.due(ms(1), 5), Some(ms(1)));
            pacer.sent();
        }
        assert_eq!(pacer.opens_at(), 10);
    }

    #[test]
    fn every_key_has_its_turn() {
        for keys in [1, 2, 3, 7, 100, 4096] {
            let turns = Turns::of(keys);
            let mut had: Vec<u32> = (0..u64::from(keys)).map(|n| turns.key(n)).collect();
            had.sort_unstable();
            assert_eq!(had, (0..keys).collect::<Vec<_>>());
        }
    }
}
