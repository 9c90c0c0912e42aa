//! NATS and the core going away and coming back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Peer, Workspace, eventually, http};

// contract: mesh/outage/calls, mesh/outage/reconnect, mesh/outage/after, ddp/http/readyz
#[tokio::test]
async fn nats_killed_and_restarted_drops_no_client() {
    let mut workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.login("bob").await;
    for client in [&mut alice, &mut bob] {
        client.listen("room-messages", "GENERAL").await;
    }
    alice.listen("notify-logged", "Users:NameChanged").await;
    workspace.core.ask("calls", json!({})).await;
    workspace.nats.kill().await;
    let port = workspace.service.port;
    eventually("readiness says that NATS is away", || async move {
        http::get(port, "/readyz")
            .await
            .ok()
            .filter(|answer| answer.status == 503)
    })
    .await;
    assert_eq!(
        http::get(port, "/health").await.unwrap().status,
        200,
        "probes do not kill the pod"
    );
    let failed = alice
        .call("sendMessage", json!([{"rid": "GENERAL", "msg": "stale"}]))
        .await;
    assert_eq!(failed["error"]["error"], 503, "{failed}");

    workspace.nats.restart().await;
    let back = tokio::time::Instant::now();
    // The core goes on broadcasting, as cores do; what is broadcast while nobody is connected is lost.
    let broadcasting = async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
        loop {
            tick.tick().await;
            workspace
                .broadcast("user.nameChanged", json!([{"_id": "u"}]))
                .await;
        }
    };
    tokio::select! {
        () = broadcasting => {}
        _ = alice.hears("notify-logged", "Users:NameChanged") => {}
    }
    // Shown by `cargo test … -- --nocapture`.
    eprintln!(
        "events flowed again {:?} after NATS was back",
        back.elapsed()
    );
    workspace.service.ready().await;
    let sent = alice
        .call("sendMessage", json!([{"rid": "GENERAL", "msg": "fresh"}]))
        .await;
    assert!(sent.get("error").is_none(), "{sent}");
    for client in [&mut alice, &mut bob] {
        let args = client.hears("room-messages", "GENERAL").await;
        assert_eq!(args[0]["msg"], "fresh", "what failed was not sent later");
    }
    for session in [&alice.session, &bob.session] {
        workspace
            .core_hears("presence.newConnection", json!(["*", session]))
            .await;
    }
    let calls = workspace.core_heard("meteor.callMethodWithToken").await;
    assert_eq!(calls.len(), 1, "{calls:?}");
}

/// NATS is back at once, the core some time after.
async fn the_core_comes_back_later(mut workspace: Workspace) {
    let mut alice = workspace.login("alice").await;
    workspace
        .core_hears("presence.newConnection", json!(["alice-id", alice.session]))
        .await;
    workspace.core.ask("calls", json!({})).await;
    workspace.core.process.signal("STOP");
    workspace.nats.kill().await;
    let port = workspace.service.port;
    eventually("readiness says that NATS is away", || async move {
        let answer = http::get(port, "/readyz").await.ok()?;
        (answer.status == 503).then_some(())
    })
    .await;
    workspace.nats.restart().await;
    eventually("the service is back in the mesh", || async {
        let lines = workspace.service.logged("info");
        let back = lines.iter().any(|line| line["msg"] == "back in the mesh");
        back.then_some(())
    })
    .await;
    // Each is tried for four seconds, in vain: whatever was asked at once is given up by now.
    for n in 0..2 {
        let failed = alice.call("echo", json!([n])).await;
        assert_eq!(failed["error"]["error"], 503, "{failed}");
    }
    workspace.core.process.signal("CONT");
    let asked = |name: &str, params: Value| json!({"match": {"name": name, "params": params}});
    for (name, params) in [
        ("presence.newConnection", json!(["alice-id", alice.session])),
        ("meteor.getLoginServiceConfiguration", json!([])),
        ("meteor.getAutoUpdateClientVersions", json!([])),
    ] {
        workspace.core.ask("await", asked(name, params)).await;
    }
}

// contract: mesh/outage/service-again
#[tokio::test]
async fn what_waits_for_the_core_waits_until_it_is_back() {
    the_core_comes_back_later(Workspace::start().await).await;
}

// contract: mesh/outage/service-again
#[tokio::test]
async fn what_waits_for_the_core_waits_until_it_is_back_on_the_plain_broker() {
    the_core_comes_back_later(Workspace::with().plain().start().await).await;
}

// contract: mesh/outage/calls
#[tokio::test]
async fn a_frozen_nats_is_noticed_and_nothing_stale_arrives() {
    let workspace = Workspace::start().await;
    let mut alice = workspace.login("alice").await;
    workspace.nats.freeze();
    let port = workspace.service.port;
    eventually("readiness says that NATS is away", || async move {
        http::get(port, "/readyz")
            .await
            .ok()
            .filter(|answer| answer.status == 503)
    })
    .await;
    let failed = alice
        .call("sendMessage", json!([{"rid": "GENERAL", "msg": "stale"}]))
        .await;
    assert_eq!(failed["error"]["error"], 503, "{failed}");
    workspace.nats.thaw();
    workspace.service.ready().await;
    workspace.core_knows_us().await;
    assert!(
        alice
            .call("sendMessage", json!([{"rid": "GENERAL", "msg": "fresh"}]))
            .await
            .get("error")
            .is_none()
    );
    let calls = workspace.core_heard("meteor.callMethodWithToken").await;
    assert!(
        calls.iter().all(|call| !call.to_string().contains("stale")),
        "{calls:?}"
    );
}

// contract: mesh/node/leaving
#[tokio::test]
async fn a_core_that_leaves_mid_call_answers_at_once() {
    let workspace = Workspace::with().core("--services", "all").start().await;
    let mut alice = workspace.login("alice").await;
    let id = alice.begin("peer.never", json!([])).await;
    workspace
        .core
        .ask(
            "await",
            json!({"match": {"name": "meteor.callMethodWithToken"}}),
        )
        .await;
    let left = tokio::time::Instant::now();
    workspace.core.tell("leave").await;
    let result = alice.expect(json!({"msg": "result", "id": id})).await;
    assert!(result["error"]["error"].is_number(), "{result}");
    assert!(
        left.elapsed() < Duration::from_secs(20),
        "not by the time-out of the call"
    );
}

// contract: mesh/node/silent, configuration/variable/HEARTBEAT_INTERVAL, configuration/variable/HEARTBEAT_TIMEOUT
#[tokio::test]
async fn a_core_that_dies_mid_call_is_noticed_by_its_silence() {
    let workspace = Workspace::with()
        .env("HEARTBEAT_INTERVAL", "1")
        .env("HEARTBEAT_TIMEOUT", "2")
        .core("--heartbeat", "1")
        .start()
        .await;
    let mut alice = workspace.login("alice").await;
    let id = alice.begin("peer.never", json!([])).await;
    workspace
        .core
        .ask(
            "await",
            json!({"match": {"name": "meteor.callMethodWithToken"}}),
        )
        .await;
    workspace.core.tell("crash").await;
    let result = alice.expect(json!({"msg": "result", "id": id})).await;
    assert!(result["error"]["error"].is_number(), "{result}");
    // Another core takes its place.
    let core = Peer::start(
        "core.js",
        &["--nats", &workspace.nats.url(), "--node", "core-2"],
    )
    .await;
    core.ask(
        "awaitNode",
        json!({"nodeID": workspace.node_id(), "events": ["watch.messages"]}),
    )
    .await;
    assert_eq!(alice.call("echo", json!([1])).await["result"], json!([1]));
}

// contract: mesh/outage/reconnect, ddp/http/health, ddp/http/livez
#[tokio::test]
async fn the_service_starts_before_nats_and_the_core() {
    let mut workspace = Workspace::start().await;
    workspace.nats.kill().await;
    let mut env = workspace.env.clone();
    env.insert("PORT".into(), crate::support::free_port().to_string());
    let early = crate::support::Service::spawn(&env);
    let port = early.port;
    eventually("it listens", || async move {
        http::get(port, "/livez")
            .await
            .ok()
            .filter(|answer| answer.status == 200)
    })
    .await;
    assert_eq!(http::get(port, "/readyz").await.unwrap().status, 503);
    assert_eq!(
        http::get(port, "/health").await.unwrap().status,
        500,
        "before the first join"
    );
    workspace.nats.restart().await;
    early.ready().await;
    assert_eq!(http::get(port, "/health").await.unwrap().status, 200);
}
