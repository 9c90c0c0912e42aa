//! Who hears what.

use super::*;
use crate::client::{Buffered, ClientSeed, Connection};
use crate::ddp::{Close, Framing, message};

const ROOMS: Channel = Channel(1);

fn client(id: &str, framing: Framing) -> Arc<Client> {
    Client::new(ClientSeed {
        id: id.into(),
        framing,
        connection: Connection {
            instance: "i".into(),
            address: None,
            headers: "{}".into(),
        },
        buffered: Buffered::new(1000, 1 << 30),
        max_subscriptions: 2,
    })
}

fn event() -> Vec<u8> {
    message::stream_event("room-messages", "r", "[1]")
}

#[test]
fn a_thousand_sessions_and_two_encodings() {
    let hub = Hub::new(2);
    let clients: Vec<_> = (0..1000)
        .map(|n| {
            client(
                &n.to_string(),
                if n % 2 == 0 {
                    Framing::Raw
                } else {
                    Framing::SockJs
                },
            )
        })
        .collect();
    for client in &clients {
        assert_eq!(
            hub.subscribe(client, "1", ROOMS, "r", None, &[message::ready("1")]),
            Subscribed::Ready
        );
    }
    let delivered = hub.publish(ROOMS, "r", event);
    assert_eq!(
        delivered,
        Delivered {
            deliveries: 1000,
            refused: 0,
            encodings: 2
        }
    );
    let all_raw = hub.publish_except(ROOMS, "r", Some(clients[0].id()), event);
    assert_eq!(all_raw.deliveries, 999);
}

#[test]
fn nobody_listens_and_no_frame_is_built() {
    let hub = Hub::new(2);
    let alone = client("a", Framing::Raw);
    hub.subscribe(&alone, "1", ROOMS, "r", None, &[]);
    assert_eq!(hub.publish(ROOMS, "r", event).encodings, 1);
    assert!(hub.unsubscribe(&alone, "1"));
    assert!(!hub.unsubscribe(&alone, "1"));
    assert_eq!(hub.topics(), 0);
    assert_eq!(
        hub.publish(ROOMS, "r", || panic!("built for nobody")),
        Delivered::default()
    );
}

#[test]
fn ids_limits_and_leaving() {
    let hub = Hub::new(2);
    let alone = client("a", Framing::Raw);
    assert_eq!(
        hub.subscribe(&alone, "1", ROOMS, "r", None, &[]),
        Subscribed::Ready
    );
    assert_eq!(
        hub.subscribe(&alone, "1", ROOMS, "other", None, &[]),
        Subscribed::IdInUse
    );
    assert_eq!(
        hub.subscribe(&alone, "2", ROOMS, "r", None, &[]),
        Subscribed::Ready
    );
    assert_eq!(
        hub.subscribe(&alone, "3", ROOMS, "r", None, &[]),
        Subscribed::TooMany
    );
    assert_eq!(
        hub.publish(ROOMS, "r", event).deliveries,
        2,
        "one for each publication"
    );
    assert_eq!(
        hub.end(&alone, |publication| publication.id() == "2").len(),
        1
    );
    hub.leave(&alone);
    assert_eq!(
        hub.subscribe(&alone, "4", ROOMS, "r", None, &[]),
        Subscribed::Left
    );
    assert_eq!(hub.topics(), 0);
    assert_eq!(
        Arc::strong_count(&alone),
        1,
        "the hub keeps nobody who left"
    );
}

#[test]
fn each_is_taken_out_of_its_own_place() {
    for first in 0..3 {
        let hub = Hub::new(2);
        let clients = ["a", "b", "c"].map(|id| client(id, Framing::Raw));
        for client in &clients {
            hub.subscribe(client, "1", ROOMS, "r", None, &[]);
        }
        for gone in [0, 1, 2].map(|at| (first + at) % 3) {
            let except = Some(clients[gone].id());
            let others = hub.publish_except(ROOMS, "r", except, event).deliveries;
            assert!(hub.unsubscribe(&clients[gone], "1"));
            assert_eq!(hub.publish(ROOMS, "r", event).deliveries, others);
        }
        assert_eq!(hub.topics(), 0);
    }
}

#[test]
fn a_paused_publication_hears_nothing_until_it_is_resumed() {
    let hub = Hub::new(2);
    let (paused, other) = (client("a", Framing::Raw), client("b", Framing::Raw));
    hub.subscribe(&paused, "1", ROOMS, "r", None, &[]);
    hub.pause(&paused, |_| true);
    assert_eq!((hub.topics(), paused.publications.lock().len()), (0, 1));
    hub.subscribe(&other, "1", ROOMS, "r", None, &[]);
    assert_eq!(hub.publish(ROOMS, "r", event).deliveries, 1);
    hub.pause(&paused, |_| true);
    let of = |name| hub.topic(ROOMS, name).unwrap();
    let resume = |id, name, still| hub.resume(&paused, id, &of(name), || still);
    assert_eq!(resume("1", "r", false), Resumed::NotNow);
    assert_eq!(resume("2", "r", true), Resumed::Gone);
    hub.subscribe(&other, "2", ROOMS, "s", None, &[]);
    assert_eq!(resume("1", "s", true), Resumed::Gone, "of another topic");
    assert_eq!(resume("1", "r", true), Resumed::Hears);
    assert_eq!(resume("1", "r", true), Resumed::Hears, "already");
    assert_eq!(hub.publish(ROOMS, "r", event).deliveries, 2);
    hub.pause(&paused, |_| true);
    assert!(hub.unsubscribe(&paused, "1"));
    assert_eq!(hub.publish(ROOMS, "r", event).deliveries, 1);
    hub.leave(&other);
    assert_eq!(hub.topics(), 0);
}

#[test]
fn a_publication_on_stale_ground_is_not_made() {
    let (hub, alone) = (Hub::new(2), client("a", Framing::Raw));
    let still = |still: bool| hub.subscribe_if(&alone, "1", ROOMS, "r", None, &[], move || still);
    assert_eq!(still(false), None);
    assert_eq!(hub.topics(), 0);
    assert_eq!(still(true), Some(Subscribed::Ready));
}

#[test]
fn a_stalled_reader_delays_nobody() {
    let hub = Hub::new(2);
    let (stalled, reading) = (client("a", Framing::Raw), client("b", Framing::Raw));
    for client in [&stalled, &reading] {
        hub.subscribe(client, "1", ROOMS, "r", None, &[]);
    }
    let mut batch = std::collections::VecDeque::new();
    for _ in 0..100 {
        hub.publish(ROOMS, "r", event);
        let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(reading.outbox().poll_take(cx, &mut batch).is_ready());
        let bytes = batch.drain(..).map(|frame| frame.len()).sum();
        reading.outbox().written(bytes, &mut batch);
    }
    assert_eq!(stalled.outbox().closing(), Some(Close::TooSlow));
    assert_eq!(reading.outbox().closing(), None);
}
