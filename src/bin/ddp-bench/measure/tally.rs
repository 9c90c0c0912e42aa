//! What the sessions of one shard counted between two laps, and how shards add up.

use std::collections::BTreeMap;

use super::latency::Latency;

/// Faults named one by one, before only their number is kept.
const NAMED: usize = 12;

/// Counts of one lap.
pub(crate) struct Tally {
    /// Marks received by sessions that read all the time.
    pub(crate) deliveries: u64,
    /// From due to received, of those that were due in this lap.
    pub(crate) latency: Latency,
    /// The same of those that were due before it: what a server held back counts where it was due.
    pub(crate) overdue: Latency,
    /// From due to received, of sessions that had been told to stop reading.
    pub(crate) stalled: Latency,
    /// Bytes received, headers included.
    pub(crate) bytes: u64,
    /// From wanting to connect to the last `ready`.
    pub(crate) setup: Latency,
    /// From due to result.
    pub(crate) calls: Latency,
    /// Calls of ready sessions on their way, where no more are made.
    pub(crate) unanswered: u64,
    /// Results that were errors.
    pub(crate) call_errors: u64,
    /// See [`Faults`].
    pub(crate) faults: Faults,
    /// WebSocket close codes, 0 for a connection that ended without one.
    pub(crate) closes: BTreeMap<u16, u64>,
    /// Close codes of sessions that had been told to stop reading.
    pub(crate) stalled_closes: BTreeMap<u16, u64>,
    /// HTTP answers to upgrades other than 101, and connections that failed during set-up (0).
    pub(crate) refusals: BTreeMap<u16, u64>,
    /// Sessions that gave up.
    pub(crate) given_up: u64,
    /// Publications that were refused.
    pub(crate) nosub: u64,
}

/// Promises not kept.
#[derive(Default)]
pub(crate) struct Faults {
    /// Events that never came.
    pub(crate) lost: u64,
    /// Events that came again.
    pub(crate) repeated: u64,
    /// Events that a later one of the same key overtook.
    pub(crate) out_of_order: u64,
    /// Publications granted to users who had lost their access.
    pub(crate) wrong_grants: u64,
    /// Events of a key that the session never subscribed to.
    pub(crate) foreign: u64,
    /// The first of them, by name.
    pub(crate) named: Vec<String>,
}

impl Faults {
    /// Names one, while there is room.
    pub(crate) fn name(&mut self, fault: impl FnOnce() -> String) {
        if self.named.len() < NAMED {
            self.named.push(fault());
        }
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.lost + self.repeated + self.out_of_order + self.foreign + self.wrong_grants
    }

    fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.out_of_order += other.out_of_order;
        self.foreign += other.foreign;
        self.wrong_grants += other.wrong_grants;
        let room = NAMED.saturating_sub(self.named.len());
        self.named.extend(other.named.into_iter().take(room));
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            deliveries: 0,
            latency: Latency::new(),
            overdue: Latency::new(),
            stalled: Latency::new(),
            bytes: 0,
            setup: Latency::new(),
            calls: Latency::new(),
            unanswered: 0,
            call_errors: 0,
            faults: Faults::default(),
            closes: BTreeMap::new(),
            stalled_closes: BTreeMap::new(),
            refusals: BTreeMap::new(),
            given_up: 0,
            nosub: 0,
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.deliveries += other.deliveries;
        self.latency.add(&other.latency);
        self.overdue.add(&other.overdue);
        self.stalled.add(&other.stalled);
        self.bytes += other.bytes;
        self.setup.add(&other.setup);
        self.calls.add(&other.calls);
        self.unanswered += other.unanswered;
        self.call_errors += other.call_errors;
        self.faults.add(other.faults);
        merge(&mut self.closes, other.closes);
        merge(&mut self.stalled_closes, other.stalled_closes);
        merge(&mut self.refusals, other.refusals);
        self.given_up += other.given_up;
        self.nosub += other.nosub;
    }
}

fn merge(into: &mut BTreeMap<u16, u64>, from: BTreeMap<u16, u64>) {
    for (code, count) in from {
        *into.entry(code).or_default() += count;
    }
}

/// `1013 × 4, 0 × 1`, or nothing.
pub(crate) fn codes(counts: &BTreeMap<u16, u64>) -> String {
    let each: Vec<String> = counts
        .iter()
        .map(|(code, count)| format!("{code} × {count}"))
        .collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_add_up_and_only_some_faults_are_named() {
        let mut sum = Tally::new();
        for shard in 0..2 {
            let mut tally = Tally::new();
            tally.deliveries = 5;
            tally.closes.insert(1013, 1);
            tally.faults.lost = 10;
            for at in 0..10 {
                tally.faults.name(|| format!("{shard}/{at}"));
            }
            sum.add(tally);
        }
        assert_eq!(
            (sum.deliveries, sum.faults.total(), sum.faults.named.len()),
            (10, 20, NAMED)
        );
        assert_eq!(codes(&sum.closes), "1013 × 2");
    }
}
