//! A message of 1 kB as `RawObject`: what rules look up in it, and what events make of it.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ddp_streamer::ejson::RawObject;

use crate::samples;

pub(crate) fn bench(criterion: &mut Criterion) {
    let json = samples::message(1000);
    let object = RawObject::parse(&json).expect("an object");
    let mut group = criterion.benchmark_group("object");
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| RawObject::parse(black_box(&json)));
    });
    group.bench_function("look up", |bencher| {
        bencher.iter(|| {
            let object = black_box(&object);
            let author = object
                .object("u")
                .and_then(|user| user.text("_id").map(|id| id.len()));
            (author, object.text("rid"), object.has("hidden"))
        });
    });
    group.bench_function("write", |bencher| {
        bencher.iter(|| black_box(&object).to_json());
    });
    group.bench_function("edit", |bencher| {
        bencher.iter(|| {
            let mut object = RawObject::parse(black_box(&json)).expect("an object");
            object.remove("urls");
            object.set_text("msg", "nothing to see here");
            object.set_json("editedAt", r#"{"$date":1700000000000}"#.to_owned());
            object.to_json()
        });
    });
    group.finish();
}
