//! Every limit of the edge holds, towards both sides.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{SOCKJS, edge, logged, method, pair};
use crate::support::ddp_server::DdpServer;
use crate::support::{Client, eventually};

// contract: relay/limits/message
#[tokio::test]
async fn messages_are_bounded_both_ways() {
    let mut server = DdpServer::start().await;
    let limits = [
        ("DDP_MAX_MESSAGE_BYTES", "1000"),
        ("DDP_MAX_BUFFERED_BYTES", "20000"),
    ];
    let edge = edge(&server, &limits).await;
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    client.text(&"x".repeat(1000)).await;
    assert_eq!(leg.text().await.len(), 1000);
    client.raw(Message::text("x".repeat(1001))).await;
    assert_eq!(client.closed().await.code, Some(1009));
    leg.closed().await;
    for path in ["/websocket", SOCKJS] {
        let (mut client, mut leg) = pair(&edge, &mut server, path).await;
        let fits = json!({"msg": "changed", "x": "y".repeat(19_000)}).to_string();
        leg.says(fits.clone()).await;
        assert_eq!(client.next().await.to_string().len(), fits.len());
        leg.says("x".repeat(20_001)).await;
        assert_eq!(client.closed().await.code, Some(1009));
    }
    eventually("the log tells of it once", || async {
        let told = logged(&edge, "warn", "DDP_MAX_BUFFERED_BYTES");
        (told.len() == 1).then_some(())
    })
    .await;
}

// contract: relay/limits/subscriptions
#[tokio::test]
async fn publications_are_bounded() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[("DDP_MAX_SUBSCRIPTIONS", "2")]).await;
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    let sub = |id: &str| json!({"msg": "sub", "id": id, "name": "x", "params": []});
    for id in ["a", "b", "a", "c"] {
        client.send(sub(id)).await;
    }
    for id in ["a", "b", "a"] {
        leg.hears(json!({"msg": "sub", "id": id})).await;
    }
    client
        .expect(json!({"msg": "nosub", "id": "c", "error": {"error": 429}}))
        .await;
    leg.says(r#"{"msg":"ready","subs":["a","b"]}"#).await;
    leg.says(r#"{"msg":"nosub","id":"b"}"#).await;
    client.expect(json!({"msg": "nosub", "id": "b"})).await;
    client.send(sub("d")).await;
    leg.hears(json!({"msg": "sub", "id": "d"})).await;
    client.send(json!({"msg": "unsub", "id": "a"})).await;
    leg.hears(json!({"msg": "unsub", "id": "a"})).await;
    client.send(sub("e")).await;
    leg.hears(json!({"msg": "sub", "id": "e"})).await;
}

// contract: relay/limits/requests
#[tokio::test]
async fn calls_that_wait_are_bounded() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    for id in 0..2001 {
        client.send(method(&id.to_string(), "never")).await;
    }
    let refused = client
        .expect(json!({"msg": "result", "error": {"error": 429}}))
        .await;
    assert_eq!(refused["id"], "2000");
    client
        .expect(json!({"msg": "updated", "methods": ["2000"]}))
        .await;
    for id in 0..2000 {
        leg.hears(json!({"id": id.to_string()})).await;
    }
    leg.result("7", json!(1)).await;
    client
        .expect(json!({"msg": "updated", "methods": ["7"]}))
        .await;
    client.send(method("more", "x")).await;
    leg.hears(json!({"id": "more"})).await;
}

// contract: relay/limits/unsent
#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_the_others_never_notice() {
    let mut server = DdpServer::start().await;
    let limits = [
        ("DDP_MAX_MESSAGE_BYTES", "50000"),
        ("DDP_MAX_BUFFERED_BYTES", "100000"),
    ];
    let edge = edge(&server, &limits).await;
    let (mut slow, mut leg) = pair(&edge, &mut server, "/websocket").await;
    let (mut quick, mut other) = pair(&edge, &mut server, "/websocket").await;
    let event = json!({"msg": "changed", "x": "y".repeat(10_000)}).to_string();
    let flood = async {
        // Until the edge has had enough.
        while leg.try_send(Message::text(event.clone())).await {}
    };
    tokio::time::timeout(crate::support::DEADLINE, flood)
        .await
        .expect("it is closed");
    for n in 0..100 {
        other
            .says(json!({"msg": "changed", "n": n}).to_string())
            .await;
        assert_eq!(quick.next().await["n"], n);
    }
    assert_eq!(slow.closed().await.code, Some(1013));
}

// contract: relay/limits/unsent
#[tokio::test]
async fn a_server_that_does_not_read_costs_its_client_the_session() {
    let mut server = DdpServer::start().await;
    let limits = [
        ("DDP_MAX_MESSAGE_BYTES", "600000"),
        ("DDP_MAX_BUFFERED_BYTES", "700000"),
    ];
    let edge = edge(&server, &limits).await;
    let (mut client, leg) = pair(&edge, &mut server, "/websocket").await;
    let (mut other, mut quick) = pair(&edge, &mut server, "/websocket").await;
    let text = "x".repeat(500_000);
    let flood = async { while client.try_raw(Message::text(text.clone())).await {} };
    tokio::time::timeout(crate::support::DEADLINE, flood)
        .await
        .expect("it is closed");
    assert_eq!(client.closed().await.code, Some(1013));
    other.send(json!({"msg": "still here"})).await;
    quick.hears(json!({"msg": "still here"})).await;
    assert_eq!(logged(&edge, "warn", "the server does not read").len(), 1);
    drop(leg);
}

// contract: relay/limits/connections
#[tokio::test]
async fn the_connection_limit_holds() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[("MAX_CONCURRENT_CONNECTIONS", "1")]).await;
    let (client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    let refused = Client::open_with(edge.port, "/websocket", &[])
        .await
        .map(drop);
    assert!(refused.unwrap_err().to_string().contains("503"));
    client.leave().await;
    leg.closed().await;
    let port = edge.port;
    eventually("there is room again", || async move {
        Client::open_with(port, "/websocket", &[]).await.ok()
    })
    .await;
}

// contract: relay/limits/connections, relay/end
#[tokio::test]
async fn a_session_that_is_still_being_finished_keeps_its_place() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[("MAX_CONCURRENT_CONNECTIONS", "1")]).await;
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    client.send(method("1", "x")).await;
    leg.hears(json!({"id": "1"})).await;
    client.leave().await;
    // Its connection to the server stands, and is of use: there is no place for another.
    let refused = Client::open_with(edge.port, "/websocket", &[]).await;
    assert!(refused.map(drop).unwrap_err().to_string().contains("503"));
    leg.result("1", json!(1)).await;
    leg.closed().await;
    let port = edge.port;
    eventually("there is room again", || async move {
        Client::open_with(port, "/websocket", &[]).await.ok()
    })
    .await;
}
