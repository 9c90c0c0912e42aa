//! A client's messages, out of their framing and parsed.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use ddp_streamer::ddp::Framing;
use ddp_streamer::ddp::message::ClientMessage;

use crate::samples;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message");
    for (name, message) in [
        ("sub", samples::SUB.to_owned()),
        ("method", samples::method()),
    ] {
        let sockjs = serde_json::to_string(&[&message]).expect("JSON");
        for (framing, text) in [(Framing::Raw, &message), (Framing::SockJs, &sockjs)] {
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(BenchmarkId::new(name, framing.name()), |bencher| {
                bencher.iter(|| {
                    let messages = framing.unwrap(black_box(text)).expect("this framing");
                    for message in messages {
                        let _parsed = black_box(ClientMessage::parse(&message));
                    }
                });
            });
        }
    }
    group.finish();
}
