//! A server that is not there, or not well, when a client comes.

use serde_json::json;

use super::{edge, edge_of, logged, nobody, pair};
use crate::support::ddp_server::{DdpServer, Manner};
use crate::support::service::Service;
use crate::support::{Client, eventually, http};

async fn not_ready(edge: &Service, why: &str) {
    let port = edge.port;
    let told = eventually("readiness says so", || async move {
        let answer = http::get(port, "/readyz").await.ok()?;
        (answer.status == 503 && answer.body.contains(why)).then_some(answer)
    });
    told.await;
}

/// What an upgrade is answered with.
async fn refused(edge: &Service) -> http::Response {
    let request = "GET /websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let port = edge.port;
    eventually("clients are turned away", || async move {
        let answer = http::request(port, request);
        let answer = tokio::time::timeout(std::time::Duration::from_secs(1), answer).await;
        answer.ok()?.ok().filter(|answer| answer.status == 503)
    })
    .await
}

/// How a client's session ends that is let in and gets no further.
async fn turned_away(edge: &Service) -> Option<u16> {
    let mut client = Client::open(edge.port, "/websocket").await;
    client
        .send(json!({"msg": "connect", "version": "1", "support": ["1"]}))
        .await;
    client.closed().await.code
}

// contract: relay/away, ddp/http/readyz
#[tokio::test]
async fn clients_are_turned_away_until_the_server_is_there() {
    let (port, url) = nobody();
    let edge = edge_of(&url, &[]);
    not_ready(
        &edge,
        "the server is away: cannot be reached: Connection refused",
    )
    .await;
    let answer = refused(&edge).await;
    let head = answer.head.to_lowercase();
    assert!(head.contains("\r\nretry-after: "), "{head}");
    assert_eq!(
        http::get(edge.port, "/health").await.unwrap().status,
        500,
        "it was never reached"
    );
    assert_eq!(http::get(edge.port, "/livez").await.unwrap().status, 200);

    let mut server = DdpServer::start_on(port, Manner::Serves, None).await;
    edge.ready().await;
    assert_eq!(http::get(edge.port, "/health").await.unwrap().status, 200);
    pair(&edge, &mut server, "/websocket").await;
    assert_eq!(logged(&edge, "warn", "the server is away").len(), 1);
}

// contract: relay/away
#[tokio::test]
async fn one_that_goes_is_missed_by_the_next_client_and_health_stays() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    let (mut client, leg) = pair(&edge, &mut server, "/websocket").await;
    let port = server.stop().await;
    leg.close().await;
    assert_eq!(client.closed().await.code, Some(1012));
    assert_eq!(turned_away(&edge).await, Some(1013));
    not_ready(&edge, "the server is away").await;
    assert_eq!(
        http::get(edge.port, "/health").await.unwrap().status,
        200,
        "no pod is killed"
    );
    let mut server = DdpServer::start_on(port, Manner::Serves, None).await;
    edge.ready().await;
    pair(&edge, &mut server, "/websocket").await;
    assert_eq!(logged(&edge, "info", "the server is back").len(), 1);
}

// contract: relay/away
#[tokio::test]
async fn one_that_is_there_and_not_well_is_as_good_as_away() {
    for (manner, why) in [
        (Manner::Refuses, "500"),
        (Manner::Garbage, "the server is away"),
        (Manner::Dumb, "no answer within"),
        (Manner::Silent, "no answer within"),
    ] {
        let server = DdpServer::start().await;
        let edge = edge(&server, &[("DDP_HANDSHAKE_TIMEOUT", "1")]).await;
        server.behave(manner);
        assert_eq!(turned_away(&edge).await, Some(1013), "{manner:?}");
        not_ready(&edge, why).await;
        refused(&edge).await;
        server.behave(Manner::Serves);
        edge.ready().await;
    }
}
