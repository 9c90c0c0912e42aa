//! `slow`: some clients stop reading; do the others notice?

use std::time::Duration;

use super::bench::{Bench, Moment};
use super::idle::mib;
use super::outcome::{Outcome, Retries, ms};
use crate::cli::Options;
use crate::error::Error;
use crate::fleet::Order;
use crate::measure::tally::codes;
use crate::mesh::{Pace, Topic};
use crate::output::progress;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The others may take this much longer while some do not read.
const OTHERS: f64 = 1.2;
/// `DDP_MAX_BUFFERED_BYTES` where `--env` says nothing else.
const BUFFERED: f64 = 4_194_304.0;
/// Sessions that the server closed because they were over that.
const TOO_SLOW: &str = "ddp_sessions_closed_total{code=\"1013\"}";

pub(super) fn run(
    bench: &mut Bench<'_>,
    outcome: &mut Outcome,
    stalled: u32,
    rate: f64,
) -> Result<(), Error> {
    let options = bench.options;
    let ready = bench.settle(&Order::Open)?;
    let lasting = options.warm_up + options.seconds * 3;
    let mut all = bench.begin(Topic::Rooms(1), Pace::Rate(rate), lasting, None, ready)?;
    outcome.figure("sessions", "", ready as f64);
    progress("all read");
    bench.rest(options.warm_up)?;
    all.add(bench.lap(&Order::Lap)?);
    let began = bench.moment();
    bench.rest(options.seconds)?;
    let rss = bench.rss();
    let stopped = bench.moment();
    let mut calm = bench.lap(&Order::Lap)?;
    progress("some do not");
    bench.fleet.order(&Order::Stall(true));
    let mut peak = rss;
    let mut left = options.seconds;
    while !left.is_zero() {
        bench.rest(LOOK.min(left))?;
        left = left.saturating_sub(LOOK);
        peak = peak.max(bench.rss());
    }
    let slowed = bench.moment();
    let mut during = bench.lap(&Order::Lap)?;
    progress("they read again");
    bench.fleet.order(&Order::Stall(false));
    let sent = bench.await_sent(options.seconds)?;
    bench.drain(&sent)?;
    let named = bench.counter(TOO_SLOW, outcome);
    let tally = bench.lap(&Order::Finish(sent.into()))?;
    // Who is written to late is late where it was due, not where it came.
    calm.latency.add(&during.overdue);
    during.latency.add(&tally.overdue);
    let p99 = |tally: &crate::measure::tally::Tally| ms(tally.latency.percentile(99.0));
    let (before, with) = (p99(&calm), p99(&during));
    outcome.figure("others' p99 before", "ms", before);
    outcome.latency(
        ["others' p50", "others' p99", "others' longest"],
        &during.latency,
    );
    outcome.goal(
        "others' p99, × of before",
        "",
        with / before.max(f64::MIN_POSITIVE),
        OTHERS,
    );
    let load = |from: &Moment, to: &Moment| {
        let (wall, cpu, ..) = to.since(from);
        cpu.map(|cpu| 100.0 * cpu.as_secs_f64() / wall.as_secs_f64())
    };
    let cpu = load(&began, &stopped).zip(load(&stopped, &slowed));
    outcome.maybe("server CPU before", "%", cpu.map(|(before, _)| before));
    outcome.maybe("server CPU meanwhile", "%", cpu.map(|(_, with)| with));
    let ratio = cpu.map(|(before, with)| with / before.max(f64::MIN_POSITIVE));
    outcome.maybe("server CPU, × of before", "", ratio);
    outcome.figure("others' p99 afterwards", "ms", p99(&tally));
    outcome.maybe("memory before", "MiB", mib(rss));
    outcome.maybe("memory at most", "MiB", mib(peak));
    outcome.maybe("memory afterwards", "MiB", mib(bench.rss()));
    let bound = f64::from(stalled) * buffered(options) / 1_048_576.0;
    outcome.figure("bound of the stalled ones' queues", "MiB", bound);
    if let Some((most, before)) = mib(peak).zip(mib(rss)) {
        outcome.goal("memory grown", "MiB", most - before, bound);
    }
    outcome.figure(
        "deliveries to stalled ones meanwhile",
        "",
        during.stalled.count() as f64,
    );
    for lap in [calm, during, tally] {
        all.add(lap);
    }
    let closed: u64 = all.stalled_closes.values().sum();
    outcome.figure("stalled sessions closed", "", closed as f64);
    outcome.maybe("closed as too slow (1013), says the server", "", named);
    if named.is_some_and(|named| named != closed as f64) {
        outcome.note("not every closed one was named, or not every named one closed".to_owned());
        outcome.faults += 1;
    }
    if closed > 0 {
        outcome.note(format!(
            "the last that stalled ones heard (code × sessions; 0: cut off, the close frame stood behind what they did not read): {}",
            codes(&all.stalled_closes)
        ));
    }
    outcome.faults(&all, Retries::AreFaults);
    Ok(())
}

/// What one session's queue may hold, in bytes.
fn buffered(options: &Options) -> f64 {
    let set = |(name, value): &(String, String)| {
        (name == "DDP_MAX_BUFFERED_BYTES").then(|| value.parse().ok())?
    };
    options
        .environment
        .iter()
        .rev()
        .find_map(set)
        .unwrap_or(BUFFERED)
}
