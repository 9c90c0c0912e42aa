//! DDP servers that nobody here wrote, and clients that know nothing of Rocket.Chat.

use serde_json::{Value, json};

use super::{SOCKJS, edge_of};
use crate::support::peer::Peer;
use crate::support::service::Service;
use crate::support::{Client, eventually, free_port};

/// A server of tests/peers/servers with the edge in front of it.
async fn in_front_of(script: &str) -> (Peer, Service) {
    let port = free_port();
    let script = format!("servers/{script}.js");
    let server = Peer::start(&script, &["--port", &port.to_string()]).await;
    let edge = edge_of(&format!("ws://127.0.0.1:{port}"), &[]);
    edge.ready().await;
    (server, edge)
}

async fn meteor_client(edge: &Service) -> Peer {
    let url = format!("ws://127.0.0.1:{}", edge.port);
    let client = Peer::start("clients/simpleddp.js", &["--url", &url]).await;
    client.ask("connect", json!({})).await;
    client
}

async fn call(client: &Peer, method: &str, params: Value) -> Value {
    client
        .ask("call", json!({"method": method, "params": params}))
        .await
}

// contract: relay/servers
#[tokio::test]
async fn ddp_server() {
    let (_server, edge) = in_front_of("ddp-server").await;
    let mut clients = Vec::new();
    for path in ["/websocket", SOCKJS] {
        let mut client = Client::open(edge.port, path).await;
        client
            .send(json!({"msg": "connect", "version": "1", "support": ["1"]}))
            .await;
        // It has its own idea of what to tell a client; that is between the two.
        client
            .expect(json!({"msg": "connected", "session_id": "*"}))
            .await;
        for (method, params, result) in [
            ("echo", json!([{"$date": 1}]), json!({"$date": 1})),
            ("sum", json!([1, 2]), json!(3)),
        ] {
            let id = client.begin(method, params).await;
            let answer = client.expect(json!({"msg": "result", "id": id})).await;
            assert_eq!(answer["result"], result);
        }
        let id = client.begin("fail", json!([])).await;
        let error = client
            .expect(json!({"id": id, "error": {"error": 500}}))
            .await;
        assert!(error.get("msg").is_none(), "as it came: {error}");
        clients.push(client);
    }
    for client in clients {
        client.leave().await;
    }
}

// contract: relay/servers
#[tokio::test]
async fn ddp_server_reactive() {
    let (_server, edge) = in_front_of("ddp-server-reactive").await;
    let client = meteor_client(&edge).await;
    client
        .ask("subscribe", json!({"name": "things", "params": []}))
        .await;
    let things = || client.ask("collection", json!({"name": "things"}));
    assert_eq!(things().await, json!([{"id": "first", "name": "first"}]));
    assert_eq!(
        call(&client, "echo", json!([[1, "ü"]])).await,
        json!([1, "ü"])
    );

    // What another client does is seen.
    let mut other = Client::connect_to(edge.port, SOCKJS).await;
    other.sub("things", json!([])).await;
    for (id, doc) in [
        ("first", json!({"name": "one"})),
        ("second", json!({"n": 2})),
    ] {
        other.begin("put", json!([id, doc])).await;
    }
    let saw = |message: Value| client.hears(json!({ "saw": message }));
    saw(
        json!({"msg": "changed", "collection": "things", "id": "first", "fields": {"name": "one"}}),
    )
    .await;
    saw(json!({"msg": "added", "collection": "things", "id": "second", "fields": {"n": 2}})).await;
    other.expect(json!({"msg": "changed", "id": "first"})).await;
    other.begin("remove", json!(["first"])).await;
    saw(json!({"msg": "removed", "collection": "things", "id": "first"})).await;
    eventually("the library holds what is there", || async {
        (things().await == json!([{"id": "second", "n": 2}])).then_some(())
    })
    .await;
    client.ask("quit", json!({})).await;
}
