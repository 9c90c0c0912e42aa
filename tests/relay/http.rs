//! `RELAY_HTTP`: plain requests behind the same port.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{edge_of, nobody};
use crate::support::peer::Peer;
use crate::support::service::Service;
use crate::support::{Client, eventually, free_port, http};

async fn in_front_of_pages(more: &[(&str, &str)]) -> (Peer, Service, u16) {
    let port = free_port();
    let server = Peer::start("servers/web.js", &["--port", &port.to_string()]).await;
    let env = [&[("RELAY_HTTP", "true")], more].concat();
    let edge = edge_of(&format!("ws://127.0.0.1:{port}"), &env);
    edge.ready().await;
    (server, edge, port)
}

// contract: relay/http, configuration/variable/RELAY_HTTP
#[tokio::test]
async fn what_is_not_the_edges_own_is_passed_to_the_server() {
    let (_server, edge, server_port) = in_front_of_pages(&[]).await;
    Client::connect(edge.port).await.leave().await;
    for (path, own) in [
        ("/health", "ok"),
        ("/livez", "ok"),
        ("/readyz", r#"{"ready":true}"#),
        ("/sockjs/info", "websocket"),
    ] {
        let answer = http::get(edge.port, path).await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(own), "{path}: {}", answer.body);
    }
    // More than any window.
    let body = "y".repeat(3_000_000);
    // Whoever sees bytes that are no ASCII as Node does, sees Latin-1.
    for (method, path, bad, seen_bad) in [
        ("POST", "/sockjs/1/abc/xhr", "", ""),
        ("DELETE", "/a%20b?c=d", "é, ", "\u{c3}\u{a9}, "),
    ] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: chat.example.org\r\nConnection: {bad}X-Mine\r\nConnection: close\r\nX-Mine: 1\r\n\
             Keep-Alive: 5\r\nX-Forwarded-For: {bad}6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 6.6.6.6\r\nCookie: a=b\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = http::request(edge.port, &request).await.unwrap();
        assert_eq!(answer.status, 201);
        let head = answer.head.to_lowercase();
        assert!(
            head.contains("x-own: 1") && !head.contains("x-hop"),
            "{head}"
        );
        let text = match answer.body.split_once("\r\n") {
            // Chunks are not read here: what was asked is in the first.
            Some((_, rest)) if !answer.body.starts_with('{') => rest.to_owned(),
            _ => answer.body,
        };
        let end = text.find(r#","filler""#).expect("an answer");
        let seen: Value = serde_json::from_str(&format!("{}}}", &text[..end])).unwrap();
        assert_eq!(
            (seen["method"].as_str(), seen["url"].as_str()),
            (Some(method), Some(path))
        );
        assert_eq!(seen["length"], body.len());
        let header = |name: &str| seen["headers"][name].as_str();
        assert_eq!(header("host"), Some(&*format!("127.0.0.1:{server_port}")));
        assert_eq!(header("x-forwarded-host"), Some("chat.example.org"));
        assert_eq!(
            header("x-forwarded-proto"),
            Some("http"),
            "nobody before the edge is trusted"
        );
        let forwarded = format!("{seen_bad}6.6.6.6, 127.0.0.1");
        assert_eq!(header("x-forwarded-for"), Some(&*forwarded));
        assert_eq!(header("x-real-ip"), Some("127.0.0.1"));
        assert_eq!(header("cookie"), Some("a=b"));
        assert_eq!((header("x-mine"), header("keep-alive")), (None, None));
    }
}

// contract: relay/http
#[tokio::test]
async fn a_server_that_is_away_or_does_not_answer_is_told_apart() {
    let (server, edge, _) = in_front_of_pages(&[("REQUEST_TIMEOUT", "1")]).await;
    assert_eq!(http::get(edge.port, "/slow").await.unwrap().status, 504);
    eventually("the log tells of it", || async {
        let told = super::logged(&edge, "warn", "no answer within 1s");
        (told.len() == 1).then_some(())
    })
    .await;
    drop(server);
    let (_, url) = nobody();
    let edge = edge_of(&url, &[("RELAY_HTTP", "true")]);
    let port = edge.port;
    let answer = eventually("it answers", || async move {
        http::get(port, "/page").await.ok()
    })
    .await;
    assert_eq!(answer.status, 502);
}

// contract: relay/http
#[tokio::test]
async fn an_upload_that_breaks_off_is_not_the_servers_fault() {
    let (_server, edge, _) = in_front_of_pages(&[]).await;
    let mut client = TcpStream::connect(("127.0.0.1", edge.port))
        .await
        .expect("it");
    let half = b"POST /page HTTP/1.1\r\nHost: chat\r\nContent-Length: 1000\r\n\r\nhalf";
    client.write_all(half).await.expect("it is read");
    client.shutdown().await.expect("an end");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    eventually("the log tells of it", || async {
        let told = super::logged(&edge, "debug", "an HTTP request broke off");
        (told.len() == 1).then_some(())
    })
    .await;
    assert_eq!(edge.logged("warn"), [Value::Null; 0]);
}

/// The next request for this path, as a server sees it; what else comes is cut.
async fn asked(server: &TcpListener, path: &str) -> TcpStream {
    loop {
        let (mut stream, _) = server.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap_or(0) > 0 {}
        if head.starts_with(format!("GET {path} ").as_bytes()) {
            return stream;
        }
    }
}

// contract: relay/http, configuration/variable/SHUTDOWN_GRACE
#[tokio::test]
async fn a_stop_waits_for_requests_that_are_under_way() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}", server.local_addr().expect("its address"));
    let env = [("RELAY_HTTP", "true"), ("SHUTDOWN_GRACE", "4")];
    let mut edge = edge_of(&url, &env);
    let port = edge.port;
    eventually("it listens", || async move {
        TcpStream::connect(("127.0.0.1", port)).await.ok()
    })
    .await;
    // One that asks nothing holds nobody up.
    let mut idle = TcpStream::connect(("127.0.0.1", port)).await.expect("it");
    let late = tokio::spawn(async move { http::get(port, "/late").await });
    let mut passed = asked(&server, "/late").await;
    let never = tokio::spawn(async move { http::get(port, "/never").await });
    let held = asked(&server, "/never").await;
    edge.terminate();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(crate::support::DEADLINE, idle.read_to_end(&mut rest));
    ended.await.expect("it is ended").expect("and not cut");
    assert!(!never.is_finished());
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate";
    passed.write_all(answer).await.expect("the edge reads it");
    let answer = late.await.expect("no panic").expect("an answer");
    assert_eq!((answer.status, &*answer.body), (200, "late"));
    // Until the last quarter.
    assert!(never.await.expect("no panic").is_err());
    assert!(edge.process.ended().await.success());
    assert_eq!(
        super::logged(&edge, "warn", "SHUTDOWN_GRACE"),
        [Value::Null; 0]
    );
    drop(held);
}
