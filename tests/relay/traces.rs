//! The spans of a relayed session, as a real collector gets them.

use serde_json::json;

use super::{edge, method, pair};
use crate::support::ddp_server::{DdpServer, Manner};
use crate::support::service::Service;
use crate::support::{Client, Collector};

/// The edge in front of a server, and where its traces go.
async fn traced(server: &DdpServer, more: &[(&str, &str)]) -> (Service, Collector) {
    let collector = Collector::start().await;
    let own = collector.env();
    let mut env: Vec<_> = own
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    env.extend(more);
    (edge(server, &env).await, collector)
}

// contract: relay/traces
#[tokio::test]
async fn a_request_is_followed_to_the_server_and_no_secret_leaves() {
    let mut server = DdpServer::start().await;
    let (edge, collector) = traced(&server, &[]).await;
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    let asked = format!("server.address=localhost server.port={}", server.port);
    let tree = |name: &str, of_server: &str| {
        format!(
            "ddp-streamer: {name} server {of_server} session.id=*
               ddp-streamer: relay.call {} client{} rpc.method={} rpc.system.name=ddp {asked}",
            name.rsplit(' ').next().unwrap(),
            if of_server.starts_with("failed") {
                " failed error.type=error-not-allowed"
            } else {
                ""
            },
            name.rsplit(' ').next().unwrap(),
        )
    };

    client
        .send(json!({"msg": "method", "id": "1", "method": "login", "params": [{"resume": "a secret token"}]}))
        .await;
    leg.hears(json!({"id": "1"})).await;
    leg.result("1", json!({"id": "u", "token": "a secret token"}))
        .await;
    let login = collector
        .span("login", |span| span.name == "ddp.method login")
        .await;
    let whole = "rpc.method=login rpc.system.name=ddp";
    collector
        .tree(&login.trace, &tree("ddp.method login", whole))
        .await;

    client
        .send(json!({"msg": "sub", "id": "2", "name": "stream-room-messages", "params": ["GENERAL", false]}))
        .await;
    leg.hears(json!({"id": "2"})).await;
    leg.says(r#"{"msg":"ready","subs":["2"]}"#).await;
    let sub = collector
        .span("the publication", |span| span.name.starts_with("ddp.sub"))
        .await;
    let whole = "ddp.stream.event=GENERAL rpc.method=stream-room-messages rpc.system.name=ddp";
    collector
        .tree(&sub.trace, &tree("ddp.sub stream-room-messages", whole))
        .await;

    client
        .send(json!({"msg": "sub", "id": "3", "name": "own", "params": ["a secret text"]}))
        .await;
    leg.hears(json!({"id": "3"})).await;
    leg.says(r#"{"msg":"nosub","id":"3","error":{"error":"error-not-allowed","reason":"a secret reason"}}"#)
        .await;
    let own = collector
        .span("another", |span| span.text("rpc.method_original") == "own")
        .await;
    let whole = "failed error.type=error-not-allowed rpc.method=_OTHER rpc.method_original=own rpc.system.name=ddp";
    collector
        .tree(&own.trace, &tree("ddp.sub _OTHER", whole))
        .await;

    client.send(method("4", "peer.number")).await;
    leg.hears(json!({"id": "4"})).await;
    leg.says(r#"{"msg":"result","id":"4","error":{"error":403,"reason":"No"}}"#)
        .await;
    let refused = collector
        .span("a number", |span| {
            span.text("rpc.method_original") == "peer.number"
        })
        .await;
    assert!(refused.failed);
    assert_eq!(refused.text("error.type"), "403");
    assert!(!collector.text().contains("secret"));
}

// contract: relay/traces
#[tokio::test]
async fn what_is_given_up_is_cancelled_and_what_fails_says_why() {
    let mut server = DdpServer::start().await;
    let (edge, collector) = traced(&server, &[("REQUEST_TIMEOUT", "1")]).await;
    let ended = async |name: &str| {
        let of_it = |span: &crate::support::collector::Span| {
            span.kind == "server" && span.text("rpc.method_original") == name
        };
        let span = collector.span(name, of_it).await;
        assert!(span.failed, "{name}");
        span.text("error.type").to_owned()
    };
    // The client leaves in the middle of a call, and the server does not answer in time.
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    client.send(method("1", "never")).await;
    leg.hears(json!({"id": "1"})).await;
    client.leave().await;
    assert_eq!(ended("never").await, "cancelled");
    leg.closed().await;

    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    client
        .send(json!({"msg": "sub", "id": "1", "name": "unwanted", "params": []}))
        .await;
    client.send(json!({"msg": "unsub", "id": "1"})).await;
    assert_eq!(ended("unwanted").await, "cancelled");
    leg.hears(json!({"msg": "sub"})).await;
    leg.hears(json!({"msg": "unsub"})).await;

    client.send(method("2", "lost")).await;
    leg.hears(json!({"id": "2"})).await;
    leg.close().await;
    assert_eq!(client.closed().await.code, Some(1012));
    assert_eq!(ended("lost").await, "server-lost");
}

// contract: relay/traces
#[tokio::test]
async fn what_waited_for_a_server_that_is_away_says_so() {
    let server = DdpServer::start().await;
    let (edge, collector) = traced(&server, &[("DDP_HANDSHAKE_TIMEOUT", "1")]).await;
    server.behave(Manner::Dumb);
    let mut client = Client::open(edge.port, "/websocket").await;
    client
        .send(json!({"msg": "connect", "version": "1", "support": ["1"]}))
        .await;
    client.send(method("1", "early")).await;
    assert_eq!(client.closed().await.code, Some(1013));
    let early = collector
        .span("the call", |span| {
            span.text("rpc.method_original") == "early"
        })
        .await;
    assert!(early.failed);
    assert_eq!(early.text("error.type"), "server-away");
}

// contract: relay/traces
#[tokio::test]
async fn what_is_not_sampled_is_not_sent() {
    let mut server = DdpServer::start().await;
    let none = [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("SHUTDOWN_GRACE", "2"),
    ];
    let (mut edge, collector) = traced(&server, &none).await;
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    client.send(method("1", "login")).await;
    leg.hears(json!({"id": "1"})).await;
    leg.result("1", json!(1)).await;
    client
        .expect(json!({"msg": "updated", "methods": ["1"]}))
        .await;
    // What there was is sent before the process ends.
    edge.terminate();
    assert_eq!(edge.process.ended().await.code(), Some(0));
    assert!(collector.spans().is_empty());
}
