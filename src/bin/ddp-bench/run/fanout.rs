//! `fanout`, `spread`, `presence`: events to those who listen.

use std::time::Duration;

use super::bench::{Bench, Moment};
use super::idle::mib;
use super::outcome::{Outcome, Retries, us_each};
use crate::error::Error;
use crate::fleet::Order;
use crate::mesh::{Pace, Topic};
use crate::output::progress;

/// No news of a user's presence may be older when it arrives.
const OLDEST_UPDATE: Duration = Duration::from_secs(1);

pub(super) fn run(
    bench: &mut Bench<'_>,
    outcome: &mut Outcome,
    topic: Topic,
    pace: Pace,
) -> Result<(), Error> {
    let empty = bench.rss();
    let ready = bench.settle(&Order::Open)?;
    let (warm_up, seconds) = (bench.options.warm_up, bench.options.seconds);
    let mut all = bench.begin(topic, pace, warm_up + seconds, None, ready)?;
    outcome.figure("sessions", "", ready as f64);
    progress("events");
    bench.rest(warm_up)?;
    all.add(bench.lap(&Order::Lap)?);
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
        "events sent, warm-up included",
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
    if matches!(topic, Topic::Users(_)) {
        outcome.goal(
            "oldest update",
            "ms",
            super::outcome::ms(tally.latency.longest()),
            super::outcome::ms(OLDEST_UPDATE),
        );
    }
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
    outcome.maybe(
        "memory per session",
        "KiB",
        busy.zip(empty)
            .map(|(busy, empty)| (busy as f64 - empty as f64) / 1024.0 / ready as f64),
    );
    nats_figures(outcome, &before, &after, bench.servers.len());
    if saturated {
        outcome.note("closed loop: latency is that of a full window, not of a schedule".to_owned());
    }
    all.add(tally);
    outcome.faults(&all, Retries::AreFaults);
    Ok(())
}

/// What the events cost the broker, which every streamer of a workspace shares.
fn nats_figures(outcome: &mut Outcome, before: &Moment, after: &Moment, nodes: usize) {
    let Some((then, now)) = before.nats.zip(after.nats) else {
        return;
    };
    let events = (after.published - before.published).max(1) as f64;
    let sent = now.sent.saturating_sub(then.sent) as f64;
    let received = now.received.saturating_sub(then.received) as f64;
    let cpu = now.cpu.saturating_sub(then.cpu);
    outcome.figure(
        "events a second",
        "1/s",
        events / (after.at - before.at).as_secs_f64(),
    );
    outcome.figure("NATS: bytes in per event", "B", received / events);
    outcome.figure(
        "NATS: bytes out per event and node",
        "B",
        sent / events / nodes.max(1) as f64,
    );
    outcome.figure(
        "NATS: CPU per event",
        "µs",
        cpu.as_secs_f64() * 1e6 / events,
    );
}
