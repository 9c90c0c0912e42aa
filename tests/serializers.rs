//! The mesh in its other encodings, each with a real Moleculer node.

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::commands::run;
use crate::support::nats::{Nats, listening};
use crate::support::peer::matches;
use crate::support::{DEADLINE, Peer, Service, Workspace, eventually};

/// What a client may send, and what encodings differ in. (Whole numbers above 2^64 are left out: notepack.io writes them
/// as 0.)
fn values() -> Value {
    json!([
        {"$date": 1_700_000_000_123_i64}, {"$date": 0}, {"$date": -1}, {"$date": 253_402_300_799_999_i64},
        {"$binary": "AAEC/f7/"}, {"$binary": ""},
        {"$InfNaN": 0}, {"$InfNaN": 1}, {"$InfNaN": -1},
        {"$escape": {"$date": 5}}, {"$escape": {"$binary": {"$date": 5}}},
        null, true, false, "", "käse 😀 \u{0}", "x".repeat(300), 0, -1, 127, 128, 65_536, 4_294_967_296_i64,
        -2_147_483_649_i64, 9_007_199_254_740_991_i64, 0.5, 0.1, -1.5, 1e-300,
        {}, [], {"a": [{"b": {"c": null}}], "$set": {"d": {"$date": 1}}}, vec![7; 300],
        (0..40).map(|n| (format!("key{n}"), json!(n))).collect::<serde_json::Map<_, _>>(),
    ])
}

/// The same after `JSON.stringify`.
fn values_in_json() -> Value {
    let mut values = values();
    for (at, value) in [
        json!("2023-11-14T22:13:20.123Z"),
        json!("1970-01-01T00:00:00.000Z"),
        json!("1969-12-31T23:59:59.999Z"),
        json!("9999-12-31T23:59:59.999Z"),
        json!({"0": 0, "1": 1, "2": 2, "3": 253, "4": 254, "5": 255}),
        json!({}),
        json!(null),
        json!(null),
        json!(null),
        json!({"$escape": {"$date": 5}}),
        json!({"$escape": {"$binary": "1970-01-01T00:00:00.005Z"}}),
    ]
    .into_iter()
    .enumerate()
    {
        values[at] = value;
    }
    let last = values.as_array().map(Vec::len).unwrap() - 3;
    values[last]["$set"]["d"] = json!("1970-01-01T00:00:00.001Z");
    values
}

async fn joined_by_a_real_node(serializer: &str, has_dates: bool) {
    joined_by(serializer, has_dates, "4").await;
}

/// Moleculer 0.14 speaks protocol 4, 0.15 speaks 5.
async fn joined_by(serializer: &str, has_dates: bool, protocol: &str) {
    let workspace = Workspace::with()
        .env("MOLECULER_PROTOCOL", protocol)
        .core("--protocol", protocol)
        .env("SERIALIZER", &serializer.to_lowercase())
        .env("HEARTBEAT_INTERVAL", "1")
        .env("HEARTBEAT_TIMEOUT", "4")
        .env("BALANCE_STRATEGY", "Latency")
        .core("--serializer", serializer)
        .core("--heartbeat", "1")
        .core("--heartbeat-timeout", "4")
        .start()
        .await;
    let (core, node_id) = (&workspace.core, workspace.node_id());
    let date = if has_dates {
        json!({"$date": 0})
    } else {
        json!("1970-01-01T00:00:00.000Z")
    };
    let expected = if has_dates {
        values()
    } else {
        values_in_json()
    };

    // Calls: what goes out, what comes back.
    let mut alice = workspace.login("alice").await;
    let echoed = alice.call("echo", values()).await;
    assert_eq!(echoed["result"], expected, "{serializer}");
    let heard = workspace
        .core_hears(
            "meteor.callMethodWithToken",
            json!(["alice-id", "*", "echo"]),
        )
        .await;
    assert_eq!(heard[3], expected, "{serializer}: as the core sees it");
    for (method, expected) in [
        ("peer.undefined", None),
        ("peer.null", Some(json!(null))),
        ("peer.date", Some(date.clone())),
    ] {
        let answer = alice.call(method, json!([])).await;
        assert_eq!(
            answer.get("result"),
            expected.as_ref(),
            "{method}: {answer}"
        );
        assert!(answer.get("error").is_none());
    }
    let refused = alice.call("peer.meteorError", json!([])).await;
    assert_eq!(refused["error"]["error"], "error-not-allowed", "{refused}");
    assert_eq!(
        refused["error"]["details"],
        json!({"method": "peer.meteorError"})
    );

    // Events, both ways.
    alice.listen("room-messages", "GENERAL").await;
    let sent = alice
        .call(
            "sendMessage",
            json!([{"rid": "GENERAL", "msg": "hello 😀"}]),
        )
        .await;
    assert_eq!(sent["result"]["msg"], "hello 😀");
    let args = alice.hears("room-messages", "GENERAL").await;
    assert_eq!(args[0]["msg"], "hello 😀");
    assert_eq!(args[0]["ts"]["$date"].is_i64(), has_dates, "{args}");
    alice.listen("notify-user", "alice-id/message").await;
    workspace
        .broadcast(
            "notify.ephemeralMessage",
            json!(["alice-id", "GENERAL", {"msg": "psst", "values": values()}]),
        )
        .await;
    let args = alice.hears("notify-user", "alice-id/message").await;
    assert!(matches(&json!([{"msg": "psst"}]), &args), "{args}");
    assert_eq!(args[0]["values"], expected, "{serializer}");
    let session = alice.session.clone();
    let connected = workspace
        .core_hears("socket.connected", json!([{"id": session}]))
        .await;
    assert_eq!(connected[0]["clientAddress"], "127.0.0.1");

    // Round trips, from them and from us; a call of theirs to us.
    let pong = core.ask("ping", json!({"nodeID": node_id})).await;
    assert_eq!(pong["nodeID"], json!(node_id), "{pong}");
    let list = core
        .ask(
            "call",
            json!({"action": "$node.list", "params": {}, "nodeID": node_id}),
        )
        .await;
    let known = list.as_array().map(|nodes| {
        nodes
            .iter()
            .any(|node| node["id"] == "core-1" && node["available"] == json!(true))
    });
    assert_eq!(known, Some(true), "{list}");

    // Heartbeats: theirs carry ours.
    eventually("the core has our heartbeat", || async {
        let nodes = core.ask("nodes", json!({})).await;
        let ours = nodes
            .as_array()?
            .iter()
            .find(|n| n["id"] == json!(node_id))?;
        ours["cpu"].is_number().then_some(())
    })
    .await;
    let warnings = workspace.service.logged("warn");
    assert!(
        !warnings
            .iter()
            .any(|line| line.to_string().contains("cannot be")),
        "{warnings:?}"
    );

    // Leaving.
    workspace.service.terminate();
    core.ask("awaitNode", json!({"nodeID": node_id, "available": false}))
        .await;
}

// contract: mesh/serializer/JSON, configuration/variable/SERIALIZER
#[tokio::test]
async fn json_is_joined_by_a_real_node() {
    joined_by_a_real_node("JSON", false).await;
}

// contract: mesh/serializer/MsgPack
#[tokio::test]
async fn msgpack_is_joined_by_a_real_node() {
    joined_by_a_real_node("MsgPack", true).await;
}

// contract: mesh/serializer/Notepack
#[tokio::test]
async fn notepack_is_joined_by_a_real_node() {
    joined_by_a_real_node("Notepack", true).await;
}

// contract: mesh/serializer/CBOR
#[tokio::test]
async fn cbor_is_joined_by_a_real_node() {
    joined_by_a_real_node("CBOR", true).await;
}

// contract: mesh/serializer/ProtoBuf
#[tokio::test]
async fn protobuf_is_joined_by_a_real_node() {
    joined_by_a_real_node("ProtoBuf", false).await;
}

// contract: mesh/protocol-5
#[tokio::test]
async fn json_is_joined_by_a_node_of_protocol_5() {
    joined_by("JSON", false, "5").await;
}

// contract: mesh/protocol-5
#[tokio::test]
async fn cbor_is_joined_by_a_node_of_protocol_5() {
    joined_by("CBOR", true, "5").await;
}

// contract: mesh/protocol-5
#[tokio::test]
async fn msgpack_is_joined_by_a_node_of_protocol_5() {
    joined_by("MsgPack", true, "5").await;
}

// contract: mesh/foreign-version, configuration/variable/MOLECULER_PROTOCOL
#[tokio::test]
async fn check_tells_a_mesh_of_protocol_5_with_the_variable_that_takes_it() {
    let nats = Nats::start().await;
    let url = nats.url();
    let node = ["--nats", &url, "--protocol", "5", "--heartbeat", "1"];
    let _core = Peer::start("core.js", &node).await;
    let mut env = Service::usual_env(&url);
    let checked = run("check", &env).await;
    checked.has(
        "wrong    nodes          all nodes in no namespace speak protocol 5, which is not taken",
    );
    checked.has("                        → set MOLECULER_PROTOCOL=5");
    assert_eq!(
        (checked.code, checked.last()),
        (Some(1), "1 thing is wrong, 1 warning.")
    );
    env.insert("MOLECULER_PROTOCOL".into(), "5".into());
    let checked = run("check", &env).await;
    assert_eq!(
        (checked.code, checked.last()),
        (Some(0), "Nothing is wrong, 1 warning.")
    );
}

// contract: mesh/foreign-version, configuration/variable/MOLECULER_PROTOCOL
#[tokio::test]
async fn a_node_of_protocol_5_is_told_of_once() {
    let workspace = Workspace::with()
        .env("SERIALIZER", "JSON")
        .core("--serializer", "JSON")
        .start()
        .await;
    let url = workspace.nats.url();
    let node = [
        "--nats",
        &url,
        "--node",
        "new",
        "--protocol",
        "5",
        "--serializer",
        "JSON",
        "--heartbeat",
        "1",
    ];
    let _new = Peer::start("core.js", &node).await;
    let told = || {
        let warnings = workspace.service.logged("warn").into_iter();
        let of_it = |line: &Value| line.to_string().contains("MOLECULER_PROTOCOL=5");
        warnings.filter(of_it).count()
    };
    eventually("it is told", || async { (told() > 0).then_some(()) }).await;
    // It beats every second, and was heard when it joined.
    let beats = workspace.nats.connect().await;
    let mut beats = listening(&beats, "MOL.HEARTBEAT").await;
    let of_the_new = async {
        while let Some(beat) = beats.next().await {
            if beat.payload.windows(5).any(|part| part == br#""new""#) {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, of_the_new).await.unwrap();
    workspace.core_knows_us().await;
    assert_eq!(told(), 1);
}
