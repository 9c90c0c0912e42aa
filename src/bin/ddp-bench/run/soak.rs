//! `soak`: everything at once, lap after lap, and nobody there at the end of each: does anything stay?
//!
//! A lap: all come and subscribe; events to all while methods are called and some do not read; all connections drop and
//! come back, several times; all leave. Then memory, descriptors, tasks and tables are read, which only what stayed can hold.

use std::time::Duration;

use super::bench::Bench;
use super::outcome::{Outcome, Retries};
use crate::clock::Nanos;
use crate::error::Error;
use crate::fleet::Order;
use crate::measure::tally::{Tally, codes};
use crate::measure::trend::slope;
use crate::mesh::{Pace, Topic};
use crate::output::progress;

/// Events to all, in each lap.
const LOAD: Duration = Duration::from_secs(2);
const RATE: f64 = 20.0;
/// Calls on their way meanwhile.
const IN_FLIGHT: u32 = 50;
/// How often all connections drop in a lap.
const STORMS: u32 = 4;
/// Between the last who leaves and the look: the allocator gives back within a second or two.
const CALM: Duration = Duration::from_secs(3);
/// Two looks tell a slope,
const LEAST: usize = 3;
/// where this part of the laps is left out: the first fill caches and pools, and what they add is no leak.
const WARM_UP: usize = 4;
/// Resident memory may be so much more in the end, by the line through all looks. An allocator breathes by more between two.
const GROWTH: f64 = 2.0;

/// What has to be nothing when nobody is there, with the most that may be left.
const TABLES: [(&str, f64); 5] = [
    ("ddp_sessions{transport=\"raw\"}", 0.0),
    ("ddp_sessions{transport=\"sockjs\"}", 0.0),
    ("ddp_topics", 0.0),
    ("ddp_queue_bytes", 0.0),
    ("mesh_calls_waiting", 0.0),
];
/// What has to be as it was after the first laps.
const CONSTANT: [(&str, &str); 2] = [
    ("process_open_fds", "descriptors when nobody is there"),
    ("ddp_tasks", "tasks when nobody is there"),
];

/// Who asks is one more, and the one before may be on its way out.
const ASKING: f64 = 1.0;

/// Readings while nobody is there.
struct Look {
    at: Nanos,
    rss: Option<f64>,
    constant: [Option<f64>; CONSTANT.len()],
}

pub(super) fn run(bench: &mut Bench<'_>, outcome: &mut Outcome) -> Result<(), Error> {
    let until = Nanos::now() + bench.options.seconds;
    let mut sum = Tally::new();
    let mut looks = Vec::new();
    let (mut connections, mut stayed) = (0_u64, 0_u32);
    while looks.len() < LEAST || Nanos::now() < until {
        connections += lap(bench, &mut sum)?;
        looks.push(look(bench, outcome));
        for (series, most) in TABLES {
            let left = bench.counter(series, outcome);
            if let Some(left) = left.filter(|left| left > &most) {
                stayed += 1;
                outcome.note(format!("lap {}: {series} is {left}", looks.len()));
            }
        }
        progress(&format!("lap {}: {connections} connections", looks.len()));
    }
    outcome.figure("laps", "", looks.len() as f64);
    outcome.figure("connections", "", connections as f64);
    outcome.figure("events delivered", "", sum.deliveries as f64);
    outcome.figure("calls", "", sum.calls.count() as f64);
    outcome.figure("calls answered with an error", "", sum.call_errors as f64);
    outcome.figure("tables that kept something", "", f64::from(stayed));
    outcome.faults += sum.call_errors + u64::from(stayed);
    // They stop for far less than a server has to keep for them.
    outcome.faults += sum.stalled_closes.values().sum::<u64>();
    if !sum.stalled_closes.is_empty() {
        outcome.note(format!(
            "closed by the server after they had stopped reading (code × sessions): {}",
            codes(&sum.stalled_closes)
        ));
    }
    grown(&looks[looks.len().div_ceil(WARM_UP)..], outcome);
    outcome.faults(&sum, Retries::AreAllowed);
    Ok(())
}

/// One lap; how many connections it had.
fn lap(bench: &mut Bench<'_>, sum: &mut Tally) -> Result<u64, Error> {
    let ready = bench.settle(&Order::Open)?;
    sum.add(bench.begin(Topic::Rooms(1), Pace::Rate(RATE), LOAD, None, ready)?);
    bench.fleet.order(&Order::Stall(true));
    bench.fleet.call(IN_FLIGHT);
    let sent = bench.await_sent(LOAD)?;
    bench.fleet.order(&Order::Stall(false));
    sum.add(bench.last_calls()?);
    bench.drain(&sent)?;
    sum.add(bench.lap(&Order::Finish(sent.into()))?);
    let mut connections = ready;
    for _ in 0..STORMS {
        connections += bench.settle(&Order::Storm)?;
    }
    bench.fleet.order(&Order::Close);
    bench.rest(CALM)?;
    sum.add(bench.lap(&Order::Lap)?);
    Ok(connections)
}

fn look(bench: &Bench<'_>, outcome: &mut Outcome) -> Look {
    Look {
        at: Nanos::now(),
        rss: bench.rss().map(|bytes| bytes as f64 / 1_048_576.0),
        constant: CONSTANT.map(|(series, _)| bench.counter(series, outcome)),
    }
}

/// What is more than it was after the first laps.
fn grown(looks: &[Look], outcome: &mut Outcome) {
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return;
    };
    for (at, (_, name)) in CONSTANT.into_iter().enumerate() {
        if let (Some(then), Some(now)) = (first.constant[at], last.constant[at]) {
            outcome.figure(name, "", now);
            if now > then + ASKING || now == 0.0 {
                outcome.note(format!("{name}: {now}, and {then} after the first laps"));
                outcome.faults += 1;
            }
        }
    }
    let points: Vec<(f64, f64)> = looks
        .iter()
        .filter_map(|look| Some(((look.at - first.at).as_secs_f64(), look.rss?)))
        .collect();
    let (Some(begun), Some(ended), Some(slope)) = (points.first(), points.last(), slope(&points))
    else {
        return;
    };
    outcome.figure("memory when nobody is there, first", "MiB", begun.1);
    outcome.figure("memory when nobody is there, last", "MiB", ended.1);
    outcome.figure("slope of that, least squares", "MiB/h", slope * 3600.0);
    outcome.goal("growth by that slope", "MiB", slope * ended.0, GROWTH);
}
