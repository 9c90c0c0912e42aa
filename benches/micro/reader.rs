//! The WebSocket frame of a client: header, unmasking, UTF-8.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use ddp_streamer::internals::read_frames;

use crate::samples;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reader");
    for bytes in [300, 8192] {
        let mut frame = masked(samples::message(bytes).as_bytes());
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(BenchmarkId::new("text", bytes), |bencher| {
            bencher.iter(|| {
                let mut read = 0;
                read_frames(black_box(&mut frame), |text| read += text.len());
                assert_eq!(read, bytes);
            });
        });
    }
    group.finish();
}

/// A final text frame (126 to 65,535 bytes). Its mask is zeros, applied like any other: the frame can be read in place again and again.
fn masked(payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("a short payload");
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend_from_slice(&len.to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
