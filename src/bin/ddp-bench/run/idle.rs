//! `idle`: what a session costs that only is there.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bench::Bench;
use super::outcome::{Outcome, Retries, ms};
use crate::error::Error;
use crate::fleet::Order;
use crate::mesh::{Pace, Topic};
use crate::wire::script::WEB_ROOMS;

/// Events a second, where memory after events is asked for.
const RATE: f64 = 10.0;
/// Rest before the first connection, and after the last has gone.
const PAUSE: Duration = Duration::from_secs(3);

pub(super) fn run(
    bench: &mut Bench<'_>,
    outcome: &mut Outcome,
    rest: Duration,
    events: u64,
    rest_after: Duration,
) -> Result<(), Error> {
    bench.rest(PAUSE)?;
    let empty = bench.rss();
    let before = bench.moment();
    let ready = bench.settle(&Order::Open)?;
    let (wall, cpu, own, _) = bench.moment().since(&before);
    let mut all = bench.lap(&Order::Lap)?;
    bench.rest(rest)?;
    let each = |now: Option<u64>| Some((now? as f64 - empty? as f64) / 1024.0 / ready as f64);
    outcome.figure("sessions", "", ready as f64);
    outcome.maybe("memory before the first connection", "MiB", mib(empty));
    outcome.maybe("memory at rest", "MiB", mib(bench.rss()));
    outcome.maybe("memory per session", "KiB", each(bench.rss()));
    outcome.maybe(
        "CPU to set a session up",
        "ms",
        cpu.map(|cpu| ms(cpu) / ready as f64),
    );
    outcome.figure("the generator's own", "ms", ms(own) / ready as f64);
    outcome.figure("all set up after", "s", wall.as_secs_f64());
    outcome.latency(["set-up p50", "set-up p99", "set-up longest"], &all.setup);
    let resting = bench.moment();
    if events > 0 {
        let lasting = Duration::from_secs_f64(events as f64 / RATE) + Duration::from_secs(60);
        let (topic, pace) = (Topic::Rooms(1), Pace::Rate(RATE));
        all.add(bench.begin(topic, pace, lasting, Some(events), ready)?);
        let sent = bench.await_sent(lasting)?;
        bench.drain(&sent)?;
        bench.rest(rest_after)?;
        outcome.maybe(
            "memory per session after the events",
            "KiB",
            each(bench.rss()),
        );
        all.add(bench.lap(&Order::Finish(sent.into()))?);
    } else {
        bench.rest(PAUSE)?;
        let (wall, cpu, ..) = bench.moment().since(&resting);
        outcome.maybe(
            "CPU of a resting session",
            "µs/s",
            cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / wall.as_secs_f64() / ready as f64),
        );
        all.add(bench.lap(&Order::Lap)?);
    }
    outcome.faults(&all, Retries::AreFaults);
    bench.fleet.order(&Order::Close);
    // An allocator gives back by and by: as long as the sessions rested.
    bench.rest(PAUSE + rest)?;
    outcome.maybe("memory after all have left", "MiB", mib(bench.rss()));
    Ok(())
}

/// That the core was asked anew for each room publication: less is an answer given twice.
pub(super) fn nothing_reused(bench: &Bench<'_>, outcome: &mut Outcome) {
    let asked = bench.shared.access.load(Ordering::Relaxed);
    let sessions = u64::from(bench.options.sessions);
    outcome.figure(
        "access asked, per session",
        "",
        asked as f64 / sessions as f64,
    );
    let each = u64::from(WEB_ROOMS) * sessions;
    if asked < each {
        outcome.note(format!(
            "access was asked {asked} times for {each} different rooms"
        ));
        outcome.faults += 1;
    }
}

pub(super) fn mib(bytes: Option<u64>) -> Option<f64> {
    Some(bytes? as f64 / 1_048_576.0)
}
