//! How a session ends: the client leaves, the service stops.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{SOCKJS, edge, method, pair};
use crate::support::ddp_server::DdpServer;

// contract: relay/end
#[tokio::test]
async fn what_a_client_said_before_it_left_is_done() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    for path in ["/websocket", SOCKJS] {
        let (mut client, mut leg) = pair(&edge, &mut server, path).await;
        for id in ["1", "2"] {
            client.send(method(id, "logout")).await;
        }
        client.leave().await;
        leg.hears(json!({"id": "1"})).await;
        leg.hears(json!({"id": "2"})).await;
        // A server that saw its client gone would not begin with the second.
        leg.result("1", json!(1)).await;
        leg.says(r#"{"msg":"ping"}"#).await;
        leg.hears(json!({"msg": "pong"})).await;
        leg.result("2", json!(1)).await;
        assert_eq!(leg.closed().await.code, Some(1000));
    }
}

// contract: relay/end, relay/limits/drain
#[tokio::test]
async fn sigterm_with_calls_open() {
    let mut server = DdpServer::start().await;
    let mut edge = edge(&server, &[("SHUTDOWN_GRACE", "4")]).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(pair(&edge, &mut server, "/websocket").await);
    }
    let (mut quick, mut answers) = pair(&edge, &mut server, SOCKJS).await;
    let (mut stuck, mut never) = pair(&edge, &mut server, "/websocket").await;
    quick.send(method("quick", "x")).await;
    answers.hears(json!({"id": "quick"})).await;
    stuck.send(method("stuck", "x")).await;
    stuck
        .send(json!({"msg": "sub", "id": "sub", "name": "x", "params": []}))
        .await;
    never.hears(json!({"id": "stuck"})).await;

    edge.terminate();
    // An answer that comes while the edge drains is delivered.
    answers.result("quick", json!(1)).await;
    quick
        .expect(json!({"msg": "result", "id": "quick", "result": 1}))
        .await;
    quick
        .expect(json!({"msg": "updated", "methods": ["quick"]}))
        .await;
    for (client, leg) in &mut idle {
        let closed = client.closed().await;
        assert_eq!((closed.code, &*closed.reason), (Some(1001), "GOING_AWAY"));
        leg.closed().await;
    }
    assert_eq!(quick.closed().await.code, Some(1001));
    stuck
        .expect(json!({"msg": "result", "id": "stuck", "error": {"error": 503}}))
        .await;
    stuck
        .expect(json!({"msg": "nosub", "id": "sub", "error": {"error": 503}}))
        .await;
    assert_eq!(stuck.closed().await.code, Some(1001));
    never.closed().await;
    let status = edge.process.ended().await;
    assert_eq!(status.code(), Some(0), "{status}");
}

// contract: relay/end
#[tokio::test]
async fn a_client_that_is_sent_away_leaves_nothing_behind() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    client.raw(Message::binary(vec![1])).await;
    assert_eq!(client.closed().await.code, Some(1007));
    assert_eq!(leg.closed().await.code, Some(1000));
}
