//! Latencies in an HDR histogram: microsecond resolution at the bottom, three digits everywhere, two minutes at the top.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::clock::Nanos;

const LOWEST: u64 = 1_000;
const HIGHEST: u64 = 120_000_000_000;
const DIGITS: u8 = 3;

/// The percentiles that reports show.
pub(crate) const PERCENTILES: [f64; 8] = [10.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 100.0];

/// Times from when something was *due* until it was there: in an open loop the schedule does not wait for the server, so
/// that a stall counts for everything that was due during it.
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS);
        Self(histogram.unwrap_or_else(|_| unreachable!("constant bounds, held by a test")))
    }

    /// Something due at `due` was there at `now`.
    #[inline]
    pub(crate) fn record(&mut self, due: Nanos, now: Nanos) {
        self.0.saturating_record(now.0.saturating_sub(due.0));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // Same bounds: nothing can be out of range.
        let _same_bounds = self.0.add(&other.0);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_percentile(percent))
    }

    pub(crate) fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.0.mean() / 1e9)
    }

    pub(crate) fn longest(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Nanos {
        Nanos(ms * 1_000_000)
    }

    #[test]
    fn a_stall_counts_for_all_that_was_due_during_it() {
        // Due every 10 ms; answered after 1 ms, but nothing was answered between 100 and 1100 ms.
        let mut latency = Latency::new();
        for due in (0..2000).step_by(10) {
            let answered = if (100..1100).contains(&due) {
                1100
            } else {
                due + 1
            };
            latency.record(ms(due), ms(answered));
        }
        assert_eq!(latency.count(), 200);
        let at = |percent| latency.percentile(percent).as_millis();
        // Measured from the send of a waiting client, only one sample of 101 would show the stall.
        assert_eq!(at(50.0), 1);
        assert!((450..=510).contains(&at(75.0)), "{}", at(75.0));
        assert!((990..=1001).contains(&at(100.0)), "{}", at(100.0));
    }

    #[test]
    fn early_and_endless_ones_stay_within_the_bounds() {
        let mut latency = Latency::new();
        latency.record(ms(5), ms(4));
        latency.record(Nanos(0), Nanos(u64::MAX));
        assert_eq!(latency.count(), 2);
        assert!(latency.longest().as_secs() >= 119);
    }

    #[test]
    fn histograms_add_up() {
        let (mut one, mut other) = (Latency::new(), Latency::new());
        one.record(ms(0), ms(1));
        other.record(ms(0), ms(3));
        one.add(&other);
        assert_eq!(one.count(), 2);
        assert!(
            (1_900..=2_100).contains(&one.mean().as_micros()),
            "{:?}",
            one.mean()
        );
    }
}
