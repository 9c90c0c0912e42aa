//! The single-server edge with a hostile server behind it, and hostile requests through it (`RELAY_HTTP`).

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::language::{Input, bytes, inputs};
use super::web::{self, Mark};
use crate::relay::{edge, edge_of};
use crate::support::ddp_server::{DdpServer, Manner, ServerLeg};
use crate::support::service::Service;
use crate::support::{Client, eventually, http};

/// So many edges at a time.
const AT_ONCE: usize = 8;
/// What stands for the key that a server's `101` must give back.
const ACCEPT: &[u8] = b"{accept}";

/// Nothing above a warning, no panic.
fn assert_calm(edge: &Service, name: &str) {
    for level in ["error", "fatal"] {
        assert_eq!(edge.logged(level), Vec::<Value>::new(), "{name}");
    }
    let panicked = edge.process.tail();
    assert!(panicked.is_empty(), "{name}: {panicked}");
}

// contract: relay/lost, relay/limits/message, relay/frames
#[tokio::test]
async fn whatever_a_server_says_ends_its_own_session_at_most() {
    let mut server = DdpServer::start().await;
    let edge = edge(&server, &[]).await;
    let mut witness = Client::connect(edge.port).await;
    let mut speaks = server.leg().await;
    for input in inputs("relay") {
        let name = &*input.name;
        let client = Client::connect(edge.port).await;
        let mut leg: ServerLeg = server.leg().await;
        leg.bytes(&bytes(&input.send)).await;
        super::clients::ends_as_expected(&input, client).await;
        let event = json!({"msg": "changed", "collection": "stream-x", "id": name});
        speaks.says(event.to_string()).await;
        assert_eq!(witness.next().await, event, "after {name}");
    }
    assert_eq!(witness.so_far().await, Vec::<Value>::new());
    assert_calm(&edge, "relay");
}

// contract: relay/away
#[tokio::test]
async fn a_server_that_greets_otherwise_is_away_until_it_does_not() {
    stream::iter(inputs("relay-greeting"))
        .for_each_concurrent(AT_ONCE, greeted_otherwise)
        .await;
}

/// Clients are asked to come later while the server answers so, and are served once it does not.
async fn greeted_otherwise(input: Input) {
    let name = &*input.name;
    assert_eq!(input.expect, [json!("503")], "{name}");
    let hostile = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = hostile.local_addr().expect("an address").port();
    let answer = bytes(&input.send);
    let came = Arc::new(Mutex::new(0_usize));
    let greeting = {
        let came = came.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = hostile.accept().await.expect("accepted");
                if greet(stream, &answer).await.is_some() {
                    *came.lock().expect("a count") += 1;
                }
            }
        })
    };
    let edge = edge_of(&format!("ws://127.0.0.1:{port}"), &[]);
    eventually("the server was asked twice", || async {
        (*came.lock().expect("a count") >= 2).then_some(())
    })
    .await;
    let ready = http::get(edge.port, "/readyz").await.expect("an answer");
    assert_eq!(ready.status, 503, "{name}: {}", ready.body);
    let alive = http::get(edge.port, "/livez").await.expect("an answer");
    assert_eq!(alive.status, 200, "{name}");
    let refused = Client::open_with(edge.port, "/websocket", &[]).await;
    let refused = refused.map(drop).expect_err("refused").to_string();
    assert!(refused.contains("503"), "{name}: {refused}");
    greeting.abort();
    let _aborted = greeting.await;
    let mut server = DdpServer::start_on(port, Manner::Serves, None).await;
    edge.ready().await;
    let mut client = Client::connect(edge.port).await;
    let mut leg = server.leg().await;
    leg.says(r#"{"msg":"changed","collection":"x","id":"1"}"#)
        .await;
    assert_eq!(client.next().await["id"], "1", "{name}");
    assert_calm(&edge, name);
}

/// Reads the question of an upgrade and answers with bytes; `None` when none came.
async fn greet(mut stream: TcpStream, answer: &[u8]) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then_some(value)
    });
    let accept = derive_accept_key(key?.as_bytes());
    let mut out = answer.to_vec();
    if let Some(at) = answer.windows(ACCEPT.len()).position(|part| part == ACCEPT) {
        out.splice(at..at + ACCEPT.len(), accept.into_bytes());
    }
    let _gone = stream.write_all(&out).await;
    let _gone = stream.shutdown().await;
    Some(())
}

/// A server of pages: tells what it was asked, and answers a path with what an input says.
struct Pages {
    port: u16,
    seen: Arc<Mutex<Vec<Value>>>,
    /// What `/hostile` is answered with.
    hostile: Arc<Mutex<Vec<u8>>>,
}

impl Pages {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (seen, hostile) = (Arc::default(), Arc::<Mutex<Vec<u8>>>::default());
        let pages = Self {
            port,
            seen: Arc::clone(&seen),
            hostile: Arc::clone(&hostile),
        };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("accepted");
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&hostile)));
            }
        });
        pages
    }
}

/// Serves a connection until it ends, or breaks.
async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Value>>>,
    hostile: Arc<Mutex<Vec<u8>>>,
) -> Option<()> {
    let mut came = Vec::new();
    loop {
        let (head, rest) = loop {
            if let Some(end) = came.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = came.split_off(end + 4);
                break (String::from_utf8(came).ok()?, rest);
            }
            if stream.read_buf(&mut came).await.ok()? == 0 {
                return None;
            }
        };
        came = rest;
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next()?.to_owned();
        let mut fields = serde_json::Map::new();
        for field in lines {
            let (name, value) = field.split_once(": ").unwrap_or((field, ""));
            fields.insert(name.to_lowercase(), value.into());
        }
        if fields.get("upgrade").is_some_and(|to| to == "websocket") {
            return upgrade(stream, &fields).await;
        }
        let chunked = fields.contains_key("transfer-encoding");
        let length = fields.get("content-length").and_then(Value::as_str);
        let length: usize = length.map_or(0, |length| length.parse().expect("a number"));
        let whole = |came: &[u8]| match chunked {
            true => came
                .windows(5)
                .position(|five| five == b"0\r\n\r\n")
                .map(|at| at + 5),
            false => (came.len() >= length).then_some(length),
        };
        let end = loop {
            if let Some(end) = whole(&came) {
                break end;
            }
            if stream.read_buf(&mut came).await.ok()? == 0 {
                return None;
            }
        };
        let rest = came.split_off(end);
        let body = String::from_utf8_lossy(&std::mem::replace(&mut came, rest)).into_owned();
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        fields.insert("line".into(), line.into());
        fields.insert("body".into(), body.into());
        if path == "/hostile" {
            let answer = hostile.lock().expect("an answer").clone();
            stream.write_all(&answer).await.ok()?;
            return stream.shutdown().await.ok();
        }
        if path != "/mark" {
            seen.lock().expect("seen").push(Value::Object(fields));
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await
            .ok()?;
    }
}

/// The edge looks whether the server is there: it is.
async fn upgrade(mut stream: TcpStream, fields: &serde_json::Map<String, Value>) -> Option<()> {
    let key = derive_accept_key(fields["sec-websocket-key"].as_str()?.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    for text in [
        r#"{"server_id":"0"}"#,
        r#"{"msg":"connected","session":"s"}"#,
    ] {
        let frame = [&[0x81, text.len() as u8], text.as_bytes()].concat();
        stream.write_all(&frame).await.ok()?;
    }
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await.ok()? > 0 {}
    Some(())
}

// contract: relay/http, configuration/variable/RELAY_HTTP
#[tokio::test]
async fn nothing_is_hidden_in_what_passes_to_the_servers_pages() {
    let pages = Pages::start().await;
    let url = format!("ws://127.0.0.1:{}", pages.port);
    let edge = edge_of(&url, &[("RELAY_HTTP", "true")]);
    edge.ready().await;
    for mut input in inputs("relay-http") {
        let name = input.name.clone();
        // What the server is to see stands first: `{"server": {field: value}}`, one each request.
        let of_server = |one: &Value| one.get("server").cloned();
        let expected: Vec<Value> = input.expect.iter().filter_map(of_server).collect();
        input.expect.drain(..expected.len());
        if input.at.as_deref() == Some("answer") {
            *pages.hostile.lock().expect("an answer") = bytes(&input.send);
            input.send = "GET /hostile HTTP/1.1\r\nHost: a\r\n\r\n".into();
        }
        let mark = Mark {
            path: "/mark",
            fields: "",
            body: "ok",
        };
        web::play(&input, edge.port, mark).await;
        let seen = std::mem::take(&mut *pages.seen.lock().expect("seen"));
        assert_eq!(seen.len(), expected.len(), "{name}: {seen:?}");
        for (expected, seen) in expected.iter().zip(seen) {
            for (field, value) in expected.as_object().expect("fields") {
                let shown = value.as_str().map(|value| {
                    let port = pages.port.to_string();
                    Value::from(value.replace("{port}", &port))
                });
                assert_eq!(seen.get(field), shown.as_ref(), "{name}, {field}: {seen}");
            }
        }
    }
    assert_calm(&edge, "relay-http");
}
