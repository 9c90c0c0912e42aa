//! An event's message and its frame, in both framings.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use ddp_streamer::ddp::{Frame, Framing, message};

use crate::samples;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for bytes in [300, 8192] {
        let args = format!("[{}]", samples::message(bytes));
        group.throughput(Throughput::Bytes(args.len() as u64));
        for framing in [Framing::Raw, Framing::SockJs] {
            group.bench_function(BenchmarkId::new(framing.name(), bytes), |bencher| {
                bencher.iter(|| {
                    let json = message::stream_event("room-messages", "GENERAL", black_box(&args));
                    Frame::message(framing, &json)
                });
            });
        }
    }
    group.finish();
}
