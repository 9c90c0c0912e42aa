//! What clients keep to themselves, over everything that a run of all of them leaves behind.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::sending;
use crate::real_clients;
use crate::support::scene::Scene;
use crate::support::{Client, Collector, eventually, free_port, http, root};

/// What the scenarios say and send, and what is sent below.
const TEXTS: [&str; 13] = [
    "\"hi\"",
    "from ddp-client",
    "not for you",
    "bot?",
    "yes?",
    "hello from a bot",
    "#general",
    "cookie-secret",
    "header-secret",
    "query-secret",
    "wrong-secret",
    "message-secret",
    "never-to-be-sent",
];

/// Tokens, passwords, hashes of both and room names of tests/peers/seed.json.
fn seeded() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("tests/peers/seed.json")).expect("the seed");
    let seed: Value = serde_json::from_str(&text).expect("JSON");
    let list = |collection: &str| seed[collection].as_array().expect("documents").clone();
    let mut secrets = vec!["guest-token".to_owned()];
    for user in list("users") {
        let name = user["username"].as_str().expect("a name");
        secrets.push(format!("{name}-token"));
        let password = format!("{name}-password");
        // As clients send it.
        secrets.push(
            Sha256::digest(&password)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        );
        secrets.push(password);
        let tokens = user["services"]["resume"]["loginTokens"]
            .as_array()
            .cloned();
        for token in tokens.into_iter().flatten() {
            secrets.push(token["hashedToken"].as_str().expect("a hash").to_owned());
        }
    }
    // Ids are told, and some of them begin like a name.
    for room in list("rocketchat_room") {
        let names = ["name", "fname"].map(|field| room[field].as_str().map(str::to_owned));
        secrets.extend(
            names
                .into_iter()
                .flatten()
                .map(|name| format!("\"{name}\"")),
        );
    }
    secrets
}

/// What no scenario has: headers, a query, passwords that are refused, texts where they do not belong.
async fn besides(port: u16) {
    let headers = [
        ("cookie", "rc_token=cookie-secret; rc_uid=alice-id"),
        ("authorization", "Bearer header-secret"),
    ];
    let path = "/websocket?token=query-secret";
    let mut client = Client::open_with(port, path, &headers)
        .await
        .expect("a socket");
    client.handshake().await;
    let credentials = json!([{"user": {"username": "alice"}, "password": "wrong-secret"}]);
    let refused = client.call("login", credentials).await;
    assert!(refused["error"].is_object(), "{refused}");
    let refused = client
        .call("login", json!([{"resume": "wrong-secret"}]))
        .await;
    assert!(refused["error"].is_object(), "{refused}");
    client.login("alice").await;
    client.call("echo", json!(["message-secret"])).await;
    client.call("peer.error", json!(["message-secret"])).await;
    let params = json!([
        "GENERAL/user-activity",
        "message-secret",
        ["user-typing"],
        {}
    ]);
    client.call("stream-notify-room", params).await;
    client.call("logout", json!([])).await;
}

// contract: telemetry/traces/privacy, telemetry/logs/secrets
#[tokio::test]
async fn what_clients_keep_to_themselves_is_nowhere() {
    let collector = Collector::start().await;
    let port = free_port();
    let builder = sending(&collector)
        .env("MS_METRICS", "true")
        .env("MS_METRICS_PORT", &port.to_string())
        .env("OTEL_BSP_MAX_QUEUE_SIZE", "100000");
    let scene = Scene::mesh(builder).await;
    real_clients::all(&scene).await;
    besides(scene.port()).await;
    let Scene::Mesh(mut workspace) = scene else {
        unreachable!("it is one of the harness")
    };
    let metrics = http::get(port, "/metrics").await.expect("metrics").body;
    for outcome in ["dropped_queue", "dropped_collector"] {
        let line = format!("traces_spans_total{{outcome=\"{outcome}\"}} 0");
        assert!(metrics.contains(&line), "everything was sent");
    }
    workspace.service.terminate();
    workspace.service.process.ended().await;
    // What was sent is written.
    let after_the_last = |spans: &[crate::support::collector::Span]| {
        let logouts = spans.iter().any(|span| span.name == "ddp.method logout");
        let gone = spans
            .iter()
            .any(|span| span.name == "mesh.call presence.removeConnection");
        logouts && gone
    };
    eventually("the last spans have come", || async {
        after_the_last(&collector.spans()).then_some(())
    })
    .await;
    let spans = collector.spans();
    let logins = spans.iter().filter(|span| span.name == "ddp.method login");
    assert!(logins.count() >= 10);
    assert!(
        spans
            .iter()
            .any(|span| span.name == "mesh.event watch.messages")
    );

    let log = workspace.service.log.lock().expect("lines").join("\n");
    assert!(log.contains("trace_id"));
    let secrets = TEXTS.iter().map(|text| (*text).to_owned()).chain(seeded());
    let told = [
        ("spans", collector.text()),
        ("log", log),
        ("metrics", metrics),
    ];
    let mut found = Vec::new();
    for secret in secrets {
        for (place, text) in &told {
            if let Some(at) = text.find(&secret) {
                let around = text.get(at.saturating_sub(80)..(at + 80).min(text.len()));
                found.push(format!("{secret} in the {place}: {around:?}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
