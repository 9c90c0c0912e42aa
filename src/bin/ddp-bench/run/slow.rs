//! `slow`: some clients stop reading; do the others notice?

use std::time::Duration;

use super::bench::Bench;
use super::idle::mib;
use super::outcome::{Outcome, ms};
use crate::error::Error;
use crate::fleet::Order;
use crate::measure::tally::codes;
use crate::mesh::{Pace, Topic};
use crate::output::progress;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(250);

pub(super) fn run(bench: &mut Bench<'_>, outcome: &mut Outcome, rate: f64) -> Result<(), Error> {
    let options = bench.options;
    let ready = bench.settle(&Order::Open)?;
    let lasting = options.warm_up + options.seconds * 3;
    let set_up = bench.begin(Topic::Rooms(1), Pace::Rate(rate), lasting, None, ready)?;
    outcome.figure("sessions", "", ready as f64);
    outcome.set_up_faults(&set_up);
    progress("all read");
    bench.rest(options.warm_up)?;
    bench.lap(&Order::Lap)?;
    bench.rest(options.seconds)?;
    let rss = bench.rss();
    let calm = bench.lap(&Order::Lap)?;
    progress("some do not");
    bench.fleet.order(&Order::Stall(true));
    let mut peak = rss;
    let mut left = options.seconds;
    while !left.is_zero() {
        bench.rest(LOOK.min(left))?;
        left = left.saturating_sub(LOOK);
        peak = peak.max(bench.rss());
    }
    let during = bench.lap(&Order::Lap)?;
    progress("they read again");
    bench.fleet.order(&Order::Stall(false));
    let sent = bench.await_sent(options.seconds)?;
    bench.drain(&sent)?;
    let mut tally = bench.lap(&Order::Finish(sent.into()))?;
    let p99 = |tally: &crate::measure::tally::Tally| ms(tally.latency.percentile(99.0));
    let (before, with) = (p99(&calm), p99(&during));
    outcome.figure("others' p99 before", "ms", before);
    outcome.latency(
        ["others' p50", "others' p99", "others' longest"],
        &during.latency,
    );
    outcome.figure(
        "others' p99, × of before",
        "",
        with / before.max(f64::MIN_POSITIVE),
    );
    outcome.figure("others' p99 afterwards", "ms", p99(&tally));
    outcome.maybe("memory before", "MiB", mib(rss));
    outcome.maybe("memory at most", "MiB", mib(peak));
    outcome.maybe("memory afterwards", "MiB", mib(bench.rss()));
    for (code, count) in during.stalled_closes {
        *tally.stalled_closes.entry(code).or_default() += count;
    }
    for (code, count) in during.closes {
        *tally.closes.entry(code).or_default() += count;
    }
    let closed: u64 = tally.stalled_closes.values().sum();
    outcome.figure(
        "deliveries to stalled ones meanwhile",
        "",
        during.stalled.count() as f64,
    );
    outcome.figure("stalled sessions closed", "", closed as f64);
    if closed > 0 {
        outcome.note(format!(
            "stalled ones closed (code × sessions): {}",
            codes(&tally.stalled_closes)
        ));
    }
    outcome.faults(&tally, true);
    Ok(())
}
