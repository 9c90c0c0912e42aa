use super::*;

// contract: mesh/join/order
#[tokio::test(start_paused = true)]
async fn nodes_find_each_other_whoever_comes_first() {
    let net = Net::new();
    let streamer = net
        .join(
            "streamer-1",
            vec![ServiceSpec::new("streamer").event("watch.messages")],
        )
        .await;
    assert!(!streamer.mesh.has_service("meteor"));
    let mut topology = streamer.mesh.topology();
    topology.borrow_and_update();
    let core = net.join("core-1", vec![core()]).await;
    assert!(topology.has_changed().unwrap());
    for node in [&streamer, &core] {
        assert_eq!(
            node.mesh.nodes_of("meteor"),
            [NodeId::new("core-1").unwrap()]
        );
        assert!(node.mesh.offers("meteor.echo") && !node.mesh.offers("meteor.nope"));
    }
    assert_eq!(
        streamer.heard_of_nodes(),
        [("$node.connected".to_owned(), "core-1".to_owned())]
    );
    let names: Vec<_> = streamer
        .mesh
        .services()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["meteor", "streamer"]);
}

// contract: mesh/join/order
#[tokio::test(start_paused = true)]
async fn the_first_packets_are_discover_then_info() {
    let net = Net::new();
    let mut tap = net.bus.tap();
    let _node = net.join("a.b-1", vec![]).await;
    assert_eq!(tap.recv().await.unwrap().0, "MOL.PING.a.b-1");
    let (first, payload) = tap.recv().await.unwrap();
    assert_eq!(
        (first.as_str(), &payload[..]),
        ("MOL.DISCOVER", &br#"{"ver":"4","sender":"a.b-1"}"#[..])
    );
    assert_eq!(tap.recv().await.unwrap().0, "MOL.INFO");
    // Who still knows it, and is about to give it up, learns nothing from an INFO.
    assert_eq!(tap.recv().await.unwrap().0, "MOL.HEARTBEAT");
}

// contract: mesh/namespace, configuration/variable/MS_NAMESPACE
#[tokio::test(start_paused = true)]
async fn namespaces_never_meet() {
    let net = Net::new();
    let mut other = net.config("core-1");
    other.node.namespace = "other".to_owned();
    let _core = net.join_with(other, vec![core()]).await;
    let streamer = net.join("streamer-1", vec![]).await;
    assert_eq!(streamer.mesh.nodes().len(), 1);
    let mut bad = net.config("x");
    bad.node.namespace = "a b".to_owned();
    assert!(matches!(
        Mesh::new(bad, vec![], Arc::new(())),
        Err(MeshError::InvalidNamespace(_))
    ));
}

// contract: mesh/namespace, configuration/variable/MS_NAMESPACE
#[tokio::test(start_paused = true)]
async fn a_namespace_may_have_dots() {
    let net = Net::new();
    let inside = |name: &str, namespace: &str| {
        let mut config = net.config(name);
        config.node.namespace = namespace.to_owned();
        config
    };
    let _core = net
        .join_with(inside("core-1", "team.a"), vec![core()])
        .await;
    let _outside = net.join_with(inside("core-2", "team"), vec![core()]).await;
    let streamer = net.join_with(inside("streamer-1", "team.a"), vec![]).await;
    let mut nodes: Vec<_> = streamer
        .mesh
        .nodes()
        .into_iter()
        .map(|node| node.id)
        .collect();
    nodes.sort();
    assert_eq!(nodes, ["core-1", "streamer-1"]);
    let answer = streamer.mesh.call(Call::new("meteor.echo", "[1]")).await;
    assert_eq!(answer.unwrap().unwrap().get(), "[1]");
}

// contract: mesh/node/leaving, mesh/leaving
#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_is_gone_at_once() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![]).await;
    let core = net.join("core-1", vec![core()]).await;
    let mut tap = net.bus.tap();
    core.mesh.leave().await;
    assert_eq!(*core.mesh.state().borrow(), MeshState::Left);
    settle().await;
    assert!(!streamer.mesh.has_service("meteor"));
    assert_eq!(
        streamer.heard_of_nodes().last().unwrap().0,
        "$node.disconnected"
    );
    let (subject, payload) = tap.recv().await.unwrap();
    let info: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(
        (subject.as_str(), &info["services"], &info["seq"]),
        ("MOL.INFO", &serde_json::json!([]), &serde_json::json!(2))
    );
    assert_eq!(tap.recv().await.unwrap().0, "MOL.DISCONNECT");
}

// contract: mesh/node/silent, mesh/heartbeat/own
#[tokio::test(start_paused = true)]
async fn a_node_that_dies_without_a_word_is_gone_after_the_timeout() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![]).await;
    let core = net.join("core-1", vec![core()]).await;
    seconds(60).await;
    assert!(streamer.mesh.has_service("meteor"), "heartbeats keep it");
    core.kill();
    seconds(19).await;
    assert!(streamer.mesh.has_service("meteor"));
    seconds(13).await;
    assert!(!streamer.mesh.has_service("meteor"));
    assert_eq!(streamer.mesh.nodes().len(), 2, "it is remembered");
    seconds(601).await;
    assert_eq!(streamer.mesh.nodes().len(), 1, "and forgotten");
}

/// Node.js on a host that lists no CPUs (gVisor) counts NaN percent.
// contract: mesh/packet/HEARTBEAT
#[tokio::test(start_paused = true)]
async fn a_heartbeat_whose_load_is_no_number_counts() {
    // ProtoBuf's has no such text: the field is left out on its way in.
    let serializers = SerializerKind::ALL.into_iter();
    for serializer in serializers.filter(|kind| *kind != SerializerKind::ProtoBuf) {
        let net = Net::new();
        let mut config = net.config("streamer-1");
        config.node.serializer = serializer;
        let mut other = net.config("core-1");
        other.node.serializer = serializer;
        let streamer = net.join_with(config, vec![]).await;
        let core = net.join_with(other, vec![core()]).await;
        core.kill();
        let beat = br#"{"cpu":{"$InfNaN":0},"ver":"4","sender":"core-1"}"#;
        for _ in 0..6 {
            seconds(10).await;
            let payload = serializer.encode(PacketKind::Heartbeat, beat.to_vec());
            net.bus.publish("MOL.HEARTBEAT", payload.unwrap());
        }
        settle().await;
        assert!(streamer.mesh.has_service("meteor"), "{serializer:?}");
        assert_eq!(streamer.mesh.stats().malformed, 0, "{serializer:?}");
    }
}

// contract: mesh/heartbeat/unknown
#[tokio::test(start_paused = true)]
async fn a_heartbeat_of_a_stranger_is_answered_with_discover() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![]).await;
    net.bus.lose(|subject, _| subject.contains("INFO"));
    let _core = net.join("core-1", vec![core()]).await;
    assert!(!streamer.mesh.has_service("meteor"));
    net.bus.lose_nothing();
    seconds(11).await;
    assert!(streamer.mesh.has_service("meteor"));
}

// contract: mesh/heartbeat/unknown
#[tokio::test(start_paused = true)]
async fn a_heartbeat_of_another_list_or_run_asks_for_info() {
    let net = Net::new();
    let _streamer = net.join("streamer-1", vec![]).await;
    let core = net.join("core-1", vec![core()]).await;
    let run = &core.mesh.instance_id()[..8];
    for (extra, asked) in [
        (r#""seq":1"#.to_owned(), false),
        (format!(r#""instanceID":"{run}""#), false),
        (r#""seq":7"#.to_owned(), true),
        (r#""instanceID":"other""#.to_owned(), true),
    ] {
        let mut tap = net.bus.tap();
        net.bus.publish(
            "MOL.HEARTBEAT",
            format!(r#"{{"cpu":1,{extra},"ver":"4","sender":"core-1"}}"#),
        );
        settle().await;
        let mut discovered = false;
        while let Ok((subject, _)) = tap.try_recv() {
            discovered |= subject == "MOL.DISCOVER.core-1";
        }
        assert_eq!(discovered, asked, "{extra}");
    }
}

// contract: mesh/info/seq
#[tokio::test(start_paused = true)]
async fn a_new_list_of_services_is_told_and_an_older_one_ignored() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![]).await;
    let core = net.join("core-1", vec![]).await;
    core.mesh.set_services(&[super::core()]);
    settle().await;
    assert!(streamer.mesh.has_service("meteor"));
    let stale = format!(
        r#"{{"services":[],"instanceID":"{}","seq":1,"ver":"4","sender":"core-1"}}"#,
        core.mesh.instance_id()
    );
    net.bus.publish("MOL.INFO", stale);
    settle().await;
    assert!(streamer.mesh.has_service("meteor"));
    assert_eq!(
        streamer
            .heard_of_nodes()
            .iter()
            .filter(|(name, _)| name == "$node.updated")
            .count(),
        1
    );
}

fn is_conflict(state: &MeshState) -> bool {
    matches!(state, MeshState::Failed(reason) if reason.contains("node-id conflict"))
}

// contract: mesh/conflict/newcomer, mesh/own-packets
#[tokio::test(start_paused = true)]
async fn of_two_nodes_with_one_name_the_newcomer_stops_and_says_nothing() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![]).await;
    let first = net.join("core-1", vec![core()]).await;
    let mut tap = net.bus.tap();
    let second = net.spawn(net.config("core-1"), vec![core()]);
    second.reaches(is_conflict).await;
    seconds(1).await;
    assert_eq!(*first.mesh.state().borrow(), MeshState::Joined);
    assert_eq!(
        streamer
            .call("meteor.echo", "[1]")
            .await
            .unwrap()
            .as_deref(),
        Some("[1]")
    );
    let mut said = Vec::new();
    while let Ok((subject, _)) = tap.try_recv() {
        if !subject.contains("RE") && !subject.contains("HEARTBEAT") {
            said.push(subject);
        }
    }
    assert_eq!(said, ["MOL.PING.core-1", "MOL.PONG.core-1"]);
    // After an outage it is not asked again, whoever is heard first.
    net.bus.stop();
    first
        .reaches(|state| matches!(state, MeshState::Away { .. }))
        .await;
    net.bus.start();
    let mut tap = net.bus.tap();
    first.reaches(|state| *state == MeshState::Joined).await;
    while let Ok((subject, _)) = tap.try_recv() {
        assert!(!subject.contains("PING"), "{subject}");
    }
}

// contract: mesh/conflict/newcomer
#[tokio::test(start_paused = true)]
async fn of_two_that_ask_at_once_the_smaller_instance_stays() {
    // Whoever begins first, at the same moment or within the other's wait.
    for pause in [0, 1, 50, 199] {
        let net = Net::new();
        let nodes = [net.spawn(net.config("core-1"), vec![]), {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            net.spawn(net.config("core-1"), vec![])
        }];
        seconds(2).await;
        let mut nodes = nodes.each_ref().map(|node| {
            let state = node.mesh.state().borrow().clone();
            (node.mesh.instance_id().to_owned(), state)
        });
        nodes.sort_by(|one, other| one.0.cmp(&other.0));
        let [(_, smaller), (_, larger)] = nodes;
        assert_eq!(smaller, MeshState::Joined, "{pause} ms apart");
        assert!(is_conflict(&larger), "{pause} ms apart: {larger:?}");
    }
}

// contract: mesh/conflict
#[tokio::test(start_paused = true)]
async fn an_info_of_another_instance_is_fatal() {
    let net = Net::new();
    let node = net.join("core-1", vec![]).await;
    net.bus.publish(
        "MOL.INFO",
        r#"{"services":[],"instanceID":"other","seq":1,"ver":"4","sender":"core-1"}"#,
    );
    node.reaches(is_conflict).await;
}

// contract: mesh/packet/PING-PONG
#[tokio::test(start_paused = true)]
async fn pings_are_answered_and_measured() {
    let net = Net::new();
    let mut tap = net.bus.tap();
    let mut config = net.config("streamer-1");
    config.node.balance = Strategy::Latency;
    let _streamer = net.join_with(config, vec![]).await;
    let _core = net.join("core-1", vec![core()]).await;
    net.bus.publish(
        "MOL.PING.core-1",
        r#"{"time":17,"id":"x","ver":"4","sender":"streamer-1"}"#,
    );
    seconds(11).await;
    let mut pongs = Vec::new();
    let mut pings = 0;
    while let Ok((subject, payload)) = tap.try_recv() {
        pings += usize::from(subject == "MOL.PING" || subject == "MOL.PING.core-1");
        if subject == "MOL.PONG.streamer-1" {
            pongs.push(serde_json::from_slice::<Value>(&payload).unwrap());
        }
    }
    assert!(pings >= 3, "one to all, one to the host, and the test's");
    let pong = pongs.iter().find(|pong| pong["id"] == "x").unwrap();
    assert_eq!(
        (&pong["time"], &pong["sender"]),
        (&serde_json::json!(17), &serde_json::json!("core-1"))
    );
    assert!(pong["arrived"].is_i64());
}

// contract: mesh/release/decided
#[tokio::test(start_paused = true)]
async fn the_release_follows_the_cores() {
    let net = Net::new();
    let streamer = net.join("streamer-1", vec![]).await;
    assert_eq!(
        (streamer.mesh.release(), streamer.mesh.meteor_events("x")),
        (Release::Unknown, Listed::Unknown)
    );
    let old = net.join("core-1", vec![core()]).await;
    assert_eq!(streamer.mesh.release(), Release::V6);
    let new = net
        .join(
            "core-2",
            vec![ServiceSpec::new("meteor").event("user.media-signal")],
        )
        .await;
    assert_eq!(
        (
            streamer.mesh.release(),
            streamer.mesh.meteor_events("user.media-signal")
        ),
        (Release::Mixed, Listed::Mixed)
    );
    old.mesh.leave().await;
    settle().await;
    assert_eq!(
        (
            streamer.mesh.release(),
            streamer.mesh.meteor_events("user.media-signal")
        ),
        (Release::V8, Listed::All)
    );
    new.mesh.leave().await;
    settle().await;
    assert_eq!(
        streamer.mesh.release(),
        Release::V8,
        "a restart of the only core says nothing about the release"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_runs_once() {
    let net = Net::new();
    let node = net.join("a", vec![]).await;
    assert!(matches!(
        node.mesh.run(&net.tracker, &node.token),
        Err(MeshError::AlreadyRunning)
    ));
}

#[tokio::test(start_paused = true)]
async fn last_words_that_come_late_bring_nobody_back() {
    let net = Net::new();
    let node = net.join("streamer-1", vec![]).await;
    let info = |services: &str| {
        format!(
            r#"{{"ver":"4","sender":"core-1","instanceID":"i","seq":1,"services":[{services}]}}"#
        )
    };
    net.bus
        .publish("MOL.INFO", info(r#"{"name":"meteor","fullName":"meteor"}"#));
    settle().await;
    assert!(node.mesh.has_service("meteor"));
    // Each comes on a subject of its own: which is read first is not said.
    net.bus
        .publish("MOL.DISCONNECT", r#"{"ver":"4","sender":"core-1"}"#);
    settle().await;
    net.bus.publish("MOL.INFO", info(""));
    settle().await;
    let heard: Vec<_> = node
        .heard_of_nodes()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(heard, ["$node.connected", "$node.disconnected"]);
    // Later it is an INFO as any other.
    seconds(2).await;
    net.bus.publish("MOL.INFO", info(""));
    settle().await;
    assert_eq!(node.heard_of_nodes().len(), 3);
}
