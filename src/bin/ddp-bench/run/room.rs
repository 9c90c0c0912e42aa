//! `room`: all users open one room within a second; then some lose their access, and all open it again.
//!
//! The second time comes while the service may still know what it was told the first time (reference/streams.md: a granted
//! answer may be reused for 2 s, unless an event says otherwise).

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bench::Bench;
use super::outcome::{Outcome, ms};
use crate::error::Error;
use crate::fleet::Order;
use crate::mesh;
use crate::output::progress;

/// From the last revocation until it must be known: the way over NATS, no more.
const NEWS: Duration = Duration::from_millis(300);

pub(super) fn run(
    bench: &mut Bench<'_>,
    outcome: &mut Outcome,
    within: Duration,
    revoked: u32,
) -> Result<(), Error> {
    let users = bench.options.sessions;
    let ready = bench.settle(&Order::Open)?;
    let set_up = bench.lap(&Order::Lap)?;
    outcome.set_up_faults(&set_up);
    outcome.figure("sessions", "", ready as f64);
    let asked = |bench: &Bench<'_>| bench.shared.access.load(Ordering::Relaxed);
    let questions = asked(bench);
    progress("one room, everybody");
    let before = bench.moment();
    bench.settle(&Order::Visit { within, revoked: 0 })?;
    let (_, cpu, ..) = bench.moment().since(&before);
    let first = bench.lap(&Order::Lap)?;
    outcome.figure(
        "access asked, per user",
        "",
        (asked(bench) - questions) as f64 / ready as f64,
    );
    outcome.maybe(
        "server CPU per visit",
        "ms",
        cpu.map(|cpu| ms(cpu) / ready as f64),
    );
    outcome.latency(
        ["until ready p50", "until ready p99", "until ready longest"],
        &first.calls,
    );
    progress("some may not any more");
    bench.mesh.order(mesh::Order::Revoke {
        every: revoked,
        users,
    });
    bench.rest(NEWS)?;
    bench.settle(&Order::Visit { within, revoked })?;
    let second = bench.lap(&Order::Lap)?;
    outcome.figure("again, p99", "ms", ms(second.calls.percentile(99.0)));
    outcome.figure("wrong grants", "", second.faults.wrong_grants as f64);
    outcome.figure("wrong refusals", "", (first.nosub + second.nosub) as f64);
    outcome.faults(&first, true);
    outcome.faults += second.faults.total() + second.nosub;
    outcome.notes.extend(second.faults.named);
    Ok(())
}
