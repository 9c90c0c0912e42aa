//! `room`: all users open one room within a second; then some lose their access, and all open it again.
//!
//! The second time comes while the service may still know what it was told the first time (reference/streams.md: a granted
//! answer may be reused for 2 s, unless an event says otherwise). Some have lost their access before it, others lose it in
//! the middle of it, while questions are on their way. In the end the room speaks: who lost the access, whenever that was,
//! must not hear it, and everybody else must.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bench::Bench;
use super::outcome::{Outcome, Retries, ms};
use crate::error::Error;
use crate::fleet::Order;
use crate::measure::tally::Tally;
use crate::mesh::{self, Pace, Topic};
use crate::output::progress;
use crate::wire::script::Lost;

/// From the last revocation until it must be known: the way over NATS, no more.
const NEWS: Duration = Duration::from_millis(300);

/// Reads of whole rooms, as the server counts them.
const ROOM_READS: &str = "store_reads_total{what=\"room\"}";
const MOST_READS: f64 = 10.0;
const READY_WITHIN: Duration = Duration::from_secs(2);
/// What the room says in the end.
const EVENTS: u32 = 10;
const RATE: f64 = 20.0;

pub(super) fn run(
    bench: &mut Bench<'_>,
    outcome: &mut Outcome,
    within: Duration,
    revoked: u32,
) -> Result<(), Error> {
    let ready = bench.settle(&Order::Open)?;
    let mut all = bench.lap(&Order::Lap)?;
    outcome.figure("sessions", "", ready as f64);
    let asked = |bench: &Bench<'_>| bench.shared.access.load(Ordering::Relaxed);
    let questions = asked(bench);
    let read = bench.counter(ROOM_READS, outcome);
    progress("one room, everybody");
    let before = bench.moment();
    bench.settle(&Order::Visit {
        within,
        lost: Lost::default(),
        later: None,
    })?;
    let (_, cpu, ..) = bench.moment().since(&before);
    let first = bench.lap(&Order::Lap)?;
    if let Some((before, now)) = read.zip(bench.counter(ROOM_READS, outcome)) {
        let name = "the room was read from the database";
        outcome.goal(name, "times", now - before, MOST_READS);
    }
    outcome.goal(
        "access asked, per user",
        "",
        (asked(bench) - questions) as f64 / ready as f64,
        1.0,
    );
    outcome.maybe(
        "server CPU per visit (it counts meanwhile)",
        "ms",
        cpu.map(|cpu| ms(cpu) / ready as f64),
    );
    let names = ["until ready p50", "until ready p99", "until ready longest"];
    outcome.latency(names, &first.calls);
    let p99 = ms(first.calls.percentile(99.0));
    outcome.goal("99 of 100 in the room after", "ms", p99, ms(READY_WITHIN));
    all.add(first);
    let all = revoked_ones(bench, outcome, within, revoked, all)?;
    outcome.faults(&all, Retries::AreFaults);
    Ok(())
}

/// Some lose their access before all open the room again, their neighbours in the middle of it. Returns the counts of `all`
/// that was.
fn revoked_ones(
    bench: &mut Bench<'_>,
    outcome: &mut Outcome,
    within: Duration,
    every: u32,
    mut all: Tally,
) -> Result<Tally, Error> {
    let users = bench.options.sessions;
    let [some, more] = [false, true].map(|neighbours| Lost { every, neighbours });
    progress("some may not any more");
    bench.mesh.order(mesh::Order::Revoke { lost: some, users });
    bench.rest(NEWS)?;
    bench.fleet.order(&Order::Visit {
        within,
        lost: some,
        later: Some(within / 2 + NEWS),
    });
    bench.rest(within / 2)?;
    bench.mesh.order(mesh::Order::Revoke { lost: more, users });
    let ready = bench.await_settled()?;
    bench.rest(NEWS)?;
    let second = bench.lap(&Order::Lap)?;
    progress("the room speaks");
    let lasting = Duration::from_secs_f64(f64::from(EVENTS) / RATE) + NEWS;
    let events = Some(u64::from(EVENTS));
    let (topic, pace) = (Topic::Rooms(1), Pace::Rate(RATE));
    all.add(bench.begin(topic, pace, lasting, events, ready)?);
    let sent = bench.await_sent(lasting)?;
    let may = (0..users).filter(|&n| !more.has(n)).count() as u64;
    bench.drain_to(may * u64::from(EVENTS))?;
    // Whoever hears it without a right to may be the last to hear it.
    bench.rest(NEWS)?;
    let heard = bench.lap(&Order::Finish(sent.into()))?;
    let gone = (0..users).filter(|&n| more.has(n)).count();
    outcome.figure("users who lost the access", "", gone as f64);
    outcome.figure("again, p99", "ms", ms(second.calls.percentile(99.0)));
    outcome.figure("wrong grants", "", second.faults.wrong_grants as f64);
    outcome.figure("wrong refusals", "", second.nosub as f64);
    outcome.figure(
        "heard without the right to",
        "",
        heard.faults.foreign as f64,
    );
    all.add(second);
    all.add(heard);
    Ok(all)
}
