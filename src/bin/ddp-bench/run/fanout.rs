//! `fanout`, `spread`, `presence`: events to those who listen.

use super::bench::Bench;
use super::idle::mib;
use super::outcome::{Outcome, us_each};
use crate::error::Error;
use crate::fleet::Order;
use crate::mesh::{Pace, Topic};
use crate::output::progress;

pub(super) fn run(
    bench: &mut Bench<'_>,
    outcome: &mut Outcome,
    topic: Topic,
    pace: Pace,
) -> Result<(), Error> {
    let empty = bench.rss();
    let ready = bench.settle(&Order::Open)?;
    let (warm_up, seconds) = (bench.options.warm_up, bench.options.seconds);
    let set_up = bench.begin(topic, pace, warm_up + seconds, None, ready)?;
    outcome.figure("sessions", "", ready as f64);
    outcome.set_up_faults(&set_up);
    progress("events");
    bench.rest(warm_up)?;
    bench.lap(&Order::Lap)?;
    let before = bench.moment();
    let sent = bench.await_sent(warm_up + seconds)?;
    let saturated = matches!(pace, Pace::Window(_));
    let mut after = bench.moment();
    let busy = bench.rss();
    bench.drain(&sent)?;
    if !saturated {
        after = bench.moment();
    }
    let tally = bench.lap(&Order::Finish(sent.clone().into()))?;
    let (wall, cpu, own, delivered) = after.since(&before);
    let time = if saturated { wall } else { seconds };
    outcome.figure(
        "events sent",
        "",
        sent.iter().map(|&count| f64::from(count)).sum(),
    );
    outcome.figure("deliveries", "", delivered as f64);
    outcome.figure(
        "deliveries a second",
        "1/s",
        delivered as f64 / time.as_secs_f64(),
    );
    outcome.maybe("server CPU per delivery", "µs", us_each(cpu, delivered));
    outcome.maybe(
        "server CPU",
        "%",
        cpu.map(|cpu| 100.0 * cpu.as_secs_f64() / wall.as_secs_f64()),
    );
    outcome.maybe(
        "the generator's CPU per delivery",
        "µs",
        us_each(Some(own), delivered),
    );
    outcome.latency(
        ["latency p50", "latency p99", "latency longest"],
        &tally.latency,
    );
    outcome.figure(
        "latency mean",
        "ms",
        super::outcome::ms(tally.latency.mean()),
    );
    outcome.figure(
        "bytes per delivery",
        "B",
        tally.bytes as f64 / tally.deliveries.max(1) as f64,
    );
    outcome.maybe("memory before the first connection", "MiB", mib(empty));
    outcome.maybe("memory under load", "MiB", mib(busy));
    outcome.maybe("memory at most", "MiB", mib(bench.peak()));
    if saturated {
        outcome.note("closed loop: latency is that of a full window, not of a schedule".to_owned());
    }
    outcome.faults(&tally, true);
    Ok(())
}
