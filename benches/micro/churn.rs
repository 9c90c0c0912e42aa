//! Publications that come and go, while 10,000 others stay. The hub alone: no rule is asked and no `ready` sent.

use criterion::{BatchSize, Criterion, Throughput};
use ddp_streamer::streams::{CLIENT_VERSIONS, Channel, LOGIN_SERVICES, Stream, Subscribed};

use crate::hall::{self, Hall, SESSIONS};

/// The publications of a typical web client (reference/clients.md): streams, and how many event names of each. The
/// second number is that of its own user or room; the other names are everybody's.
const WEB_CLIENT: [(Stream, usize, usize); 8] = [
    (Stream::NotifyAll, 4, 0),
    (Stream::NotifyLogged, 11, 0),
    (Stream::NotifyUser, 0, 11),
    (Stream::Roles, 1, 0),
    (Stream::Apps, 1, 0),
    (Stream::RoomMessages, 0, 1),
    (Stream::NotifyRoom, 0, 5),
    (Stream::UserPresence, 1, 0),
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let hall = Hall::new(&[SESSIONS]);
    let mut group = criterion.benchmark_group("churn");

    let visitor = hall::client("visitor");
    let topics = [
        ("empty", "nobody-is-here".to_owned()),
        ("crowded", hall::topic(SESSIONS, 0)),
    ];
    for (name, topic) in topics {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let done = hall.subscribe(&visitor, "1", hall::channel(), &topic);
                assert_eq!(done, Subscribed::Ready);
                assert!(hall.hub.unsubscribe(&visitor, "1"));
            });
        });
    }

    let publications = web_client("aZ9kLmQw3eRtYuIoP");
    let stays = hall::client("stays");
    for (id, channel, event_name) in web_client("Xk3mQb7RcTnYw2sLe") {
        hall.subscribe(&stays, &id, channel, &event_name);
    }
    group.throughput(Throughput::Elements(publications.len() as u64));
    group.bench_function("web client", |bencher| {
        bencher.iter_batched(
            || hall::client("visitor"),
            |client| {
                for (id, channel, event_name) in &publications {
                    let done = hall.subscribe(&client, id, *channel, event_name);
                    assert_eq!(done, Subscribed::Ready);
                }
                (hall.hub.leave(&client), client)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// Id, channel and event name of the 37 publications of a web client: 35 streams, and the two collections.
fn web_client(own: &str) -> Vec<(String, Channel, String)> {
    let streams = WEB_CLIENT.into_iter().flat_map(|(stream, shared, owned)| {
        let names = (0..shared).map(|n| format!("something-changed-{n}"));
        let names = names.chain((0..owned).map(|n| format!("{own}/something-changed-{n}")));
        names
            .map(move |name| (stream.channel(), name))
            .collect::<Vec<_>>()
    });
    let collections = [LOGIN_SERVICES, CLIENT_VERSIONS].map(|channel| (channel, String::new()));
    let all: Vec<_> = streams
        .chain(collections)
        .enumerate()
        .map(|(n, (channel, name))| (format!("k3mQb7RcTnYw2s{n:03}"), channel, name))
        .collect();
    assert_eq!(all.len(), 37);
    all
}
