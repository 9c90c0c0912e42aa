//! What passes, how, and what does not.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{SOCKJS, edge, pair};
use crate::support::Client;
use crate::support::ddp_server::{DdpServer, Manner};

// contract: relay/handshake, relay/headers
#[tokio::test]
async fn a_session_has_a_connection_of_its_own_and_the_servers_id() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    let headers = [
        ("User-Agent", "Test/1"),
        ("Accept-Language", "de"),
        ("Origin", "https://chat.example.org"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("Cookie", "secret=1"),
    ];
    for path in ["/websocket", SOCKJS] {
        let mut client = Client::open_with(edge.port, path, &headers).await.unwrap();
        assert!(server.try_leg().is_none(), "not before `connect`");
        client.handshake().await;
        let leg = server.leg().await;
        assert_eq!(client.session, leg.session);
        assert_eq!(leg.path, "/websocket");
        for (name, value) in [
            ("user-agent", "Test/1"),
            ("accept-language", "de"),
            ("origin", "https://chat.example.org"),
            ("x-forwarded-for", "6.6.6.6, 127.0.0.1"),
        ] {
            assert_eq!(leg.header(name), Some(value));
        }
        assert_eq!(
            leg.header("host"),
            Some(&*format!("localhost:{}", server.port))
        );
        assert_eq!(leg.header("cookie"), None, "{:?}", leg.headers);
        assert_eq!(leg.header("sec-websocket-extensions"), None);
    }
}

// contract: relay/headers
#[tokio::test]
async fn behind_a_proxy_the_clients_own_address_comes_last() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[("HTTP_FORWARDED_COUNT", "1")]).await;
    for (forwarded, expected) in [
        (
            &[("X-Forwarded-For", "6.6.6.6, 10.1.2.3")][..],
            Some("6.6.6.6, 10.1.2.3, 10.1.2.3"),
        ),
        // Nobody knows where it is from.
        (&[], None),
    ] {
        let mut client = Client::open_with(edge.port, "/websocket", forwarded)
            .await
            .unwrap();
        client
            .send(json!({"msg": "connect", "version": "1", "support": ["1"]}))
            .await;
        let leg = if expected.is_some() {
            server.leg().await
        } else {
            // As a probe, it is not handed over.
            client.expect(json!({"msg": "connected"})).await;
            continue;
        };
        assert_eq!(leg.header("x-forwarded-for"), expected);
    }
}

// contract: relay/handshake
#[tokio::test]
async fn the_version_is_judged_at_both_ends() {
    let server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    let mut client = Client::open(edge.port, "/websocket").await;
    client
        .send(json!({"msg": "connect", "version": "9", "support": ["9"]}))
        .await;
    client
        .expect(json!({"msg": "failed", "version": "1"}))
        .await;
    assert_eq!(client.closed().await.code, Some(1002));
    let mut client = Client::open(edge.port, SOCKJS).await;
    client.send(json!({"msg": "sub"})).await;
    assert_eq!(client.closed().await.code, Some(1002));

    server.behave(Manner::Outdated);
    let mut client = Client::open(edge.port, SOCKJS).await;
    client
        .send(json!({"msg": "connect", "version": "1", "support": ["1"]}))
        .await;
    client
        .expect(json!({"msg": "failed", "version": "pre0"}))
        .await;
    assert_eq!(client.closed().await.code, Some(1002));
    // The others' versions are none of its business.
    edge.ready().await;
}

// contract: relay/frames
#[tokio::test]
async fn frames_pass_as_they_came_and_in_order() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    let long = format!(
        r#"{{"msg":"method","id":"long","method":"x","params":["{}"]}}"#,
        "ü".repeat(100_000)
    );
    let texts = [
        r#" { "id" : "1" , "msg":"method", "method":"a", "params":[ {"$date" : "never"}, "\ud83d" ]} "#,
        r#"{"msg":"connect","version":"1","support":["1"]}"#,
        r#"{"msg":"unheard of"}"#,
        r#"{"msg":"method"}"#,
        "no JSON at all",
        "",
        &long,
        r#"{"msg":"unsub","id":"never"}"#,
    ];
    for path in ["/websocket", SOCKJS] {
        let (mut client, mut leg) = pair(&edge, &mut server, path).await;
        for text in texts {
            client.text(text).await;
        }
        for text in texts {
            assert_eq!(leg.text().await, text);
        }
        let said = [
            r#"{"msg":"changed" , "collection":"c","id":"\u00e4","fields":{"x":{"$escape":null}}}"#,
            r#" {"collection":"c","id":"1","msg":"added"}"#,
            r#"{"server_id":"0"}"#,
            &long,
        ];
        for text in said {
            leg.says(text).await;
        }
        for text in said {
            let frame = client.frame().await.unwrap();
            let frame = match path {
                SOCKJS => serde_json::from_str::<[String; 1]>(&frame[1..]).unwrap()[0].clone(),
                _ => frame,
            };
            assert_eq!(frame, text);
        }
    }
    // Many at once, however they are cut.
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    let (mut sockjs, mut other) = pair(&edge, &mut server, SOCKJS).await;
    for leg in [&mut leg, &mut other] {
        for n in 0..2000 {
            leg.says(json!({"msg": "changed", "n": n, "text": "x".repeat(n % 300)}).to_string())
                .await;
        }
    }
    for client in [&mut client, &mut sockjs] {
        for n in 0..2000 {
            assert_eq!(client.next().await["n"], n);
        }
    }
}

// contract: relay/frames
#[tokio::test]
async fn a_servers_fragments_are_put_together() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    for path in ["/websocket", SOCKJS] {
        let (mut client, mut leg) = pair(&edge, &mut server, path).await;
        let part = |text: &str, opcode, last| {
            Message::Frame(Frame::message(
                text.as_bytes().to_vec(),
                OpCode::Data(opcode),
                last,
            ))
        };
        leg.says(r#"{"msg":"a"}"#).await;
        leg.send(part(r#"{"msg":"#, Data::Text, false)).await;
        leg.send(Message::Ping("p".into())).await;
        leg.send(part(r#""b"}"#, Data::Continue, true)).await;
        leg.says(r#"{"msg":"c"}"#).await;
        for msg in ["a", "b", "c"] {
            assert_eq!(client.next().await, json!({"msg": msg}));
        }
    }
}

// contract: relay/heartbeats
#[tokio::test]
async fn a_ping_is_answered_where_it_arrives() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    client.send(json!({"msg": "ping", "id": "mine"})).await;
    client.send(json!({"msg": "pong"})).await;
    client.expect(json!({"msg": "pong", "id": "mine"})).await;
    leg.says(r#"{"msg":"ping","id":"theirs"}"#).await;
    leg.says(r#"{"msg":"pong"}"#).await;
    leg.hears(json!({"msg": "pong", "id": "theirs"})).await;
    leg.says(r#"{"msg":"ping"}"#).await;
    assert_eq!(leg.next().await, json!({"msg": "pong"}));
    client.send(json!({"msg": "last"})).await;
    leg.hears(json!({"msg": "last"})).await;
    leg.says(r#"{"msg":"last"}"#).await;
    assert_eq!(client.next().await, json!({"msg": "last"}));
}
