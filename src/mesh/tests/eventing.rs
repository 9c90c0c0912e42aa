use serde_json::json;

use super::*;

fn listening(name: &str, events: &[&str]) -> Vec<ServiceSpec> {
    vec![ServiceSpec::new(name).events(events.iter().copied())]
}

// contract: mesh/packet/EVENT
#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_every_node_that_listens_in_order() {
    let net = Net::new();
    let core = net.join("core-1", vec![]).await;
    let a = net
        .join("a", listening("streamer", &["watch.messages"]))
        .await;
    let b = net
        .join("b.c-2", listening("streamer", &["watch.messages", "other"]))
        .await;
    let deaf = net.join("deaf", listening("streamer", &["other"])).await;
    for n in 0..300 {
        core.mesh.broadcast("watch.messages", &format!("[{n}]"));
    }
    settle().await;
    let expected: Vec<_> = (0..300)
        .map(|n| {
            (
                "watch.messages".to_owned(),
                json!([n]),
                "core-1".to_owned(),
                true,
            )
        })
        .collect();
    assert_eq!(a.heard(), expected);
    assert_eq!(b.heard(), expected);
    assert_eq!(deaf.heard(), []);
}

#[tokio::test(start_paused = true)]
async fn the_own_service_hears_the_own_broadcast_as_in_moleculer() {
    let net = Net::new();
    let a = net.join("a", listening("streamer", &["stream"])).await;
    let b = net.join("b", listening("streamer", &["stream"])).await;
    a.mesh.broadcast("stream", "[1]");
    a.mesh.broadcast_to_others("stream", "[2]");
    a.mesh.broadcast("unheard", "[3]");
    settle().await;
    assert_eq!(
        a.heard(),
        [("stream".to_owned(), json!([1]), "a".to_owned(), true)]
    );
    assert_eq!(b.heard().len(), 2);
}

// contract: mesh/packet/EVENT-balanced
#[tokio::test(start_paused = true)]
async fn an_emitted_event_reaches_one_node_of_each_group() {
    let net = Net::new();
    let core = net.join("core-1", vec![]).await;
    let streamers = [
        net.join("s-1", listening("streamer", &["e"])).await,
        net.join("s-2", listening("streamer", &["e"])).await,
    ];
    let other = net.join("o-1", listening("other", &["e"])).await;
    for _ in 0..4 {
        core.mesh.emit("e", "[]");
    }
    settle().await;
    assert_eq!(streamers.each_ref().map(|node| node.heard().len()), [2, 2]);
    assert_eq!(other.heard().len(), 4);
    assert!(other.heard().iter().all(|(.., broadcast)| !broadcast));
}

#[tokio::test(start_paused = true)]
async fn groups_that_are_not_here_are_not_heard() {
    let net = Net::new();
    let a = net.join("a", listening("streamer", &["e"])).await;
    let event = |groups: &str| {
        format!(
            r#"{{"id":"1","event":"e","data":[],"groups":{groups},"broadcast":false,"ver":"4","sender":"x"}}"#
        )
    };
    for groups in [r#"["other"]"#, r#"["other","streamer"]"#, "[]", "null"] {
        net.bus.publish("MOL.EVENT.a", event(groups));
    }
    settle().await;
    assert_eq!(a.heard().len(), 3);
}

// contract: mesh/info/wildcards
#[tokio::test(start_paused = true)]
async fn wildcards_of_others_are_understood() {
    let net = Net::new();
    let core = net.join("core-1", vec![]).await;
    let one = net.join("one", listening("x", &["user.*"])).await;
    let all = net.join("all", listening("x", &["**"])).await;
    let char = net.join("char", listening("x", &["user.nam?"])).await;
    for event in ["user.name", "user.name.first", "room"] {
        core.mesh.broadcast(event, "[]");
    }
    core.mesh.emit("user.name", "[]");
    settle().await;
    // The emitted one: each pattern is a list of its own, as in Moleculer.
    assert_eq!(
        [&one, &all, &char].map(|node| node.heard().len()),
        [2, 4, 2]
    );
}

// contract: mesh/call/meta
#[tokio::test(start_paused = true)]
async fn what_travels_beside_arrives() {
    let net = Net::new();
    let core = net.join("core-1", vec![]).await;
    let seen = Arc::new(Mutex::new(None));
    let listener = {
        let seen = Arc::clone(&seen);
        move |event: &Event<'_>| *seen.lock() = event.meta.map(|meta| meta.get().to_owned())
    };
    let spec = listening("x", &["e"]);
    let mesh = Mesh::start(
        net.config("a"),
        spec,
        Arc::new(listener),
        &net.tracker,
        &core.token,
    )
    .unwrap();
    mesh.state()
        .wait_for(|state| *state == MeshState::Joined)
        .await
        .unwrap();
    core.mesh
        .broadcast_with_meta("e", "[]", r#"{"optl":{"traceparent":"x"}}"#);
    settle().await;
    assert_eq!(
        seen.lock().as_deref(),
        Some(r#"{"optl":{"traceparent":"x"}}"#)
    );
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_hears_the_next_event() {
    let net = Net::new();
    let core = net.join("core-1", vec![]).await;
    let heard = Arc::new(Mutex::new(0));
    let listener = {
        let heard = Arc::clone(&heard);
        move |event: &Event<'_>| {
            assert_ne!(event.data.get(), "[0]", "a bug");
            *heard.lock() += usize::from(event.name == "e");
        }
    };
    let mesh = Mesh::start(
        net.config("a"),
        listening("x", &["e"]),
        Arc::new(listener),
        &net.tracker,
        &core.token,
    )
    .unwrap();
    mesh.state()
        .wait_for(|state| *state == MeshState::Joined)
        .await
        .unwrap();
    core.mesh.broadcast("e", "[0]");
    core.mesh.broadcast("e", "[1]");
    settle().await;
    assert_eq!((*heard.lock(), mesh.stats().panics), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_loses_events_and_counts_them() {
    let net = Net::new();
    let mut config = net.config("a");
    config.event_queue_bytes = 2000;
    let a = net.join_with(config, listening("x", &["e"])).await;
    // Without a pause the dispatcher has no turn between the drain's.
    for n in 0..1000 {
        a.mesh.broadcast("e", &format!("[{n}]"));
    }
    let lost = a.mesh.stats().events_lost_in;
    assert!(lost > 900, "{lost}");
    let mut losses = a.mesh.losses();
    let mut told = async || {
        let changed = tokio::time::timeout(Duration::from_secs(60), losses.changed());
        changed.await.expect("in time").unwrap();
        losses.has_changed().unwrap()
    };
    told().await;
    assert_eq!(
        a.heard().len() as u64 + lost,
        1000,
        "told once all else is heard"
    );
    settle().await;
    a.mesh.0.local().stats.lost_at_nats();
    assert!(!told().await, "once for each time");
    settle().await;
    assert!(!losses.has_changed().unwrap());
}

// contract: mesh/call/too-large
#[tokio::test(start_paused = true)]
async fn an_event_that_is_too_large_is_counted_and_not_sent() {
    let net = Net::new();
    net.bus.set_max_payload(4096);
    let a = net.join("a", listening("x", &["e"])).await;
    let core = net.join("core-1", vec![]).await;
    core.mesh
        .broadcast("e", &format!("[\"{}\"]", "x".repeat(5000)));
    settle().await;
    assert_eq!(
        (
            a.heard().len(),
            core.mesh.stats().too_large,
            core.mesh.stats().events_lost_out
        ),
        (0, 1, 1)
    );
}
