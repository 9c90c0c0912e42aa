//! `methods`: calls through the mesh, a fixed number on their way.

use super::bench::Bench;
use super::outcome::{Outcome, Retries, us_each};
use crate::error::Error;
use crate::fleet::Order;
use crate::output::progress;

pub(super) fn run(
    bench: &mut Bench<'_>,
    outcome: &mut Outcome,
    in_flight: u32,
) -> Result<(), Error> {
    let ready = bench.settle(&Order::Open)?;
    progress("calls");
    bench.fleet.call(in_flight);
    bench.rest(bench.options.warm_up)?;
    let mut all = bench.lap(&Order::Lap)?;
    let before = bench.moment();
    bench.rest(bench.options.seconds)?;
    let after = bench.moment();
    let tally = bench.lap(&Order::Lap)?;
    let last = bench.last_calls()?;
    let (wall, cpu, own, _) = after.since(&before);
    let calls = tally.calls.count();
    outcome.figure("sessions", "", ready as f64);
    outcome.figure("calls on their way", "", f64::from(in_flight));
    outcome.figure("calls", "", calls as f64);
    outcome.figure("calls a second", "1/s", calls as f64 / wall.as_secs_f64());
    outcome.maybe("server CPU per call", "µs", us_each(cpu, calls));
    outcome.maybe(
        "server CPU",
        "%",
        cpu.map(|cpu| 100.0 * cpu.as_secs_f64() / wall.as_secs_f64()),
    );
    outcome.maybe(
        "the generator's CPU per call, mesh included",
        "µs",
        us_each(Some(own), calls),
    );
    outcome.latency(["call p50", "call p99", "call longest"], &tally.calls);
    all.add(tally);
    all.add(last);
    let errors = all.call_errors;
    outcome.figure("calls answered with an error", "", errors as f64);
    outcome.faults += errors;
    outcome.note("closed loop: latency is that of a full window, not of a schedule".to_owned());
    outcome.faults(&all, Retries::AreFaults);
    Ok(())
}
