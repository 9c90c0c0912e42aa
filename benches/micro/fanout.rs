//! Events into the outboxes of all sessions: many narrow topics, or one that everybody listens to. An iteration is
//! always one delivery to each session, so that what it takes is the cost of a delivery at that width.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use ddp_streamer::ddp::message;
use ddp_streamer::streams::Delivered;

use crate::hall::{self, Hall, SESSIONS};
use crate::samples;

const WIDTHS: [usize; 3] = [1, 100, SESSIONS];

pub(crate) fn bench(criterion: &mut Criterion) {
    let hall = Hall::new(&WIDTHS);
    let args = format!("[{}]", samples::message(300));
    let mut group = criterion.benchmark_group("fanout");
    group.throughput(Throughput::Elements(SESSIONS as u64));
    for width in WIDTHS {
        let topics: Vec<_> = (0..SESSIONS)
            .step_by(width)
            .map(|n| hall::topic(width, n))
            .collect();
        group.bench_function(BenchmarkId::new("listeners", width), |bencher| {
            bencher.iter_batched(
                || hall.drain(),
                |()| {
                    for topic in &topics {
                        let delivered = hall.hub.publish(hall::channel(), topic, || {
                            message::stream_event("room-messages", topic, &args)
                        });
                        assert_eq!(
                            delivered,
                            Delivered {
                                deliveries: width,
                                refused: 0,
                                encodings: 1
                            }
                        );
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}
