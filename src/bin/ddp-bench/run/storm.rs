//! `storm`: all connections dropped and back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bench::Bench;
use super::idle::mib;
use super::outcome::{Outcome, Retries, ms};
use crate::error::Error;
use crate::fleet::Order;
use crate::output::progress;

/// Between the set-up and the storm.
const CALM: Duration = Duration::from_secs(3);

pub(super) fn run(bench: &mut Bench<'_>, outcome: &mut Outcome) -> Result<(), Error> {
    bench.settle(&Order::Open)?;
    bench.rest(CALM)?;
    let mut all = bench.lap(&Order::Lap)?;
    let logins = bench.shared.logins.load(Ordering::Relaxed);
    let requests = bench.shared.requests.load(Ordering::Relaxed);
    progress("the storm");
    let before = bench.moment();
    let ready = bench.settle(&Order::Storm)?;
    let (wall, cpu, own, _) = bench.moment().since(&before);
    let tally = bench.lap(&Order::Lap)?;
    let logins = bench.shared.logins.load(Ordering::Relaxed) - logins;
    let requests = bench.shared.requests.load(Ordering::Relaxed) - requests;
    outcome.figure("sessions back", "", ready as f64);
    outcome.figure("all back after", "s", wall.as_secs_f64());
    outcome.maybe(
        "server CPU per session",
        "ms",
        cpu.map(|cpu| ms(cpu) / ready as f64),
    );
    outcome.figure(
        "the generator's own, mesh included",
        "ms",
        ms(own) / ready as f64,
    );
    outcome.figure(
        "logins asked of the core, per session",
        "",
        logins as f64 / ready as f64,
    );
    outcome.figure(
        "requests to the core, per session",
        "",
        requests as f64 / ready as f64,
    );
    outcome.latency(["back p50", "back p99", "back longest"], &tally.setup);
    bench.rest(CALM)?;
    outcome.maybe("memory after the storm", "MiB", mib(bench.rss()));
    if logins > ready {
        outcome.note(format!("{logins} logins for {ready} sessions"));
        outcome.faults += logins - ready;
    }
    all.add(tally);
    all.add(bench.lap(&Order::Lap)?);
    outcome.faults(&all, Retries::AreAllowed);
    Ok(())
}
