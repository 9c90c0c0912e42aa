//! A server that is lost, with sessions that live there.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use serde_json::json;

use super::{SOCKJS, edge, method, pair};
use crate::support::ddp_server::{DdpServer, Manner};
use crate::support::{Client, eventually};

/// How many connections the edge makes at a time.
const TURNS: usize = 64;

// contract: relay/lost, ddp/close/1012
#[tokio::test]
async fn whoever_loses_the_server_is_told_to_come_back() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    for path in ["/websocket", SOCKJS] {
        // It closes; it hangs up; it says what is no WebSocket.
        let (mut client, leg) = pair(&edge, &mut server, path).await;
        leg.close().await;
        let closed = client.closed().await;
        assert_eq!(
            (closed.code, &*closed.reason),
            (Some(1012), "SERVICE_RESTART")
        );
        let (mut client, mut leg) = pair(&edge, &mut server, path).await;
        client.send(method("1", "x")).await;
        leg.next().await;
        leg.says(r#"{"msg":"changed","last":true}"#).await;
        drop(leg);
        client.expect(json!({"last": true})).await;
        assert_eq!(client.closed().await.code, Some(1012));
        assert_eq!(
            client.seen(),
            Vec::<serde_json::Value>::new(),
            "no answer is made up"
        );
        let (mut client, mut leg) = pair(&edge, &mut server, path).await;
        leg.bytes(b"\xffgarbage").await;
        assert_eq!(client.closed().await.code, Some(1012));
    }
    edge.ready().await;
}

// contract: relay/lost
#[tokio::test]
async fn a_thousand_sessions_are_sent_back_in_two_seconds_and_let_in_at_the_servers_pace() {
    const SESSIONS: usize = 1000;
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[("DDP_HANDSHAKE_TIMEOUT", "30")]).await;
    let port = edge.port;
    let clients = join_all((0..SESSIONS).map(|_| Client::connect(port))).await;
    let mut legs = Vec::new();
    for _ in 0..SESSIONS {
        legs.push(server.leg().await);
    }
    let port_of_server = server.stop().await;
    let began = Instant::now();
    drop(legs);
    let closing = clients
        .into_iter()
        .map(|mut client| async move { (client.closed().await.code, began.elapsed()) });
    let mut after = Vec::new();
    let mut closing: FuturesUnordered<_> = closing.collect();
    while let Some((code, elapsed)) = closing.next().await {
        assert_eq!(code, Some(1012));
        after.push(elapsed);
    }
    // Spread: not in one moment. (How evenly is held by a test with its own clock.)
    let (first, last) = (after[SESSIONS / 10], after[SESSIONS * 9 / 10]);
    assert!(
        last - first > Duration::from_millis(500),
        "{first:?} to {last:?}"
    );

    // All come back, as fast as they can.
    let mut server = DdpServer::start_on(port_of_server, Manner::Serves, None).await;
    edge.ready().await;
    let back = join_all((0..SESSIONS).map(|_| async {
        eventually("a client is back", || async {
            let mut client = Client::open_with(port, "/websocket", &[]).await.ok()?;
            let connect = json!({"msg": "connect", "version": "1", "support": ["1"]});
            client.send(connect).await;
            let connected = client.try_next().await.ok()?;
            (connected["msg"] == "connected").then_some(client)
        })
        .await
    }))
    .await;
    assert_eq!(back.len(), SESSIONS);
    assert!(
        server.most_pending() <= TURNS,
        "{} at a time",
        server.most_pending()
    );
    let mut legs = 0;
    while server.try_leg().is_some() {
        legs += 1;
    }
    assert!(legs >= SESSIONS);
}
