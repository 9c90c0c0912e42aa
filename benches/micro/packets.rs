//! Packets of the mesh from each encoding: an event with a message of 1 kB, and the answer to a login.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use ddp_streamer::internals::{read_packet, write_packet};
use ddp_streamer::mesh::{PacketKind, SerializerKind};

use crate::samples;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packet");
    for (kind, json) in [
        (PacketKind::Event, samples::event()),
        (PacketKind::Response, samples::response()),
    ] {
        for serializer in SerializerKind::ALL {
            let payload = write_packet(serializer, kind, json.clone()).expect("a packet");
            assert!(read_packet(serializer, kind, payload.clone()));
            group.throughput(Throughput::Bytes(payload.len() as u64));
            group.bench_function(
                BenchmarkId::new(kind.name(), serializer.name()),
                |bencher| {
                    bencher.iter_batched(
                        || payload.clone(),
                        |payload| read_packet(serializer, kind, black_box(payload)),
                        BatchSize::SmallInput,
                    );
                },
            );
        }
    }
    group.finish();
}
