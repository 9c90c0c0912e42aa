//! Micro benches of the hot path, one room each. `make bench` measures them; `make test` runs each once, unmeasured.

mod churn;
mod fanout;
mod frames;
mod hall;
mod limits;
mod messages;
mod objects;
mod packets;
mod reader;
mod samples;

use std::time::Duration;

use criterion::Criterion;

/// The binary's (a test holds them together).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for bench in [
        frames::bench,
        fanout::bench,
        churn::bench,
        packets::bench,
        objects::bench,
        messages::bench,
        reader::bench,
        limits::bench,
    ] {
        bench(&mut criterion);
    }
    criterion.final_summary();
}
