//! The door over real sockets.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::{Beyond, Gateway, Liveness, Readiness};
use crate::client::{Client, Directory, Handler, Reply, SubOutcome};
use crate::config::{self, GatewayConfig};
use crate::ddp::message::{MethodCall, Subscription};
use crate::session::{Behind, Sessions};

mod passing;
mod requests;

/// A house that answers nothing, and remembers who came.
#[derive(Default)]
struct Nobody {
    came: Mutex<Vec<String>>,
    unwell: AtomicBool,
}

impl Handler for Nobody {
    fn opened(&self, client: &Arc<Client>) {
        self.came.lock().push(client.connection_json());
    }
    fn method(self: Arc<Self>, _: Arc<Client>, _: MethodCall) -> BoxFuture<'static, Reply> {
        async { Ok(None).into() }.boxed()
    }
    fn subscribe(
        self: Arc<Self>,
        _: Arc<Client>,
        _: Subscription,
    ) -> BoxFuture<'static, SubOutcome> {
        async { SubOutcome::Refused(None) }.boxed()
    }
    fn unsubscribe(&self, _: &Arc<Client>, _: &str) {}
    fn active(&self, _: &Arc<Client>) {}
    fn leave(&self, _: &Arc<Client>) {}
    fn closed(self: Arc<Self>, _: Arc<Client>) -> BoxFuture<'static, ()> {
        async {}.boxed()
    }
}

impl Readiness for Nobody {
    fn health(&self) -> Result<(), &'static str> {
        let unwell = self.unwell.load(Ordering::Relaxed);
        if unwell { Err("unwell") } else { Ok(()) }
    }
    fn ready(&self) -> Result<(), Cow<'static, str>> {
        self.health().map_err(Cow::from)
    }
}

struct Rig {
    house: Arc<Nobody>,
    sessions: Arc<Sessions>,
    liveness: Arc<Liveness>,
    port: u16,
    _running: DropGuard,
}

impl Rig {
    fn new(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::before(None, change)
    }

    fn before(beyond: Option<Arc<dyn Beyond>>, change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let mut config = GatewayConfig {
            port: 0,
            ..config::defaults().gateway
        };
        change(&mut config);
        let house = Arc::new(Nobody::default());
        let sessions = Sessions::new(
            config::defaults().session,
            Behind::House(house.clone()),
            Arc::new(Directory::default()),
            "i".into(),
        );
        let liveness = Liveness::new();
        let gateway = Gateway::bind(
            config,
            sessions.clone(),
            house.clone(),
            liveness.clone(),
            beyond,
        )
        .unwrap();
        let port = gateway.local_addr().port();
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        tracker.spawn(gateway.run(tracker.clone(), cancel.clone()));
        Self {
            house,
            sessions,
            liveness,
            port,
            _running: cancel.drop_guard(),
        }
    }

    async fn socket(&self) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
            .await
            .unwrap()
    }

    /// One request on its own connection; the whole answer.
    async fn ask(&self, head: &str) -> String {
        let mut socket = self.socket().await;
        let host = if head.contains("Host:") {
            ""
        } else {
            "Host: chat\r\n"
        };
        let request = format!("{head}\r\n{host}Connection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.ask(&format!("GET {path} HTTP/1.1")).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    async fn upgrade(&self, path: &str) -> Result<WebSocketStream<TcpStream>, Error> {
        let url = format!("ws://chat{path}");
        let (socket, _) = client_async(url, self.socket().await).await?;
        Ok(socket)
    }

    async fn refused(&self, path: &str) -> (u16, Option<u8>) {
        let Err(Error::Http(answer)) = self.upgrade(path).await else {
            panic!("not refused")
        };
        let retry = answer.headers().get("retry-after");
        (
            answer.status().as_u16(),
            retry.map(|seconds| seconds.to_str().unwrap().parse().unwrap()),
        )
    }
}

async fn text(socket: &mut WebSocketStream<TcpStream>) -> String {
    let Message::Text(text) = socket.next().await.unwrap().unwrap() else {
        panic!("no text")
    };
    text.to_string()
}

async fn until(mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .unwrap();
}

// contract: ddp/http/info
#[tokio::test]
async fn a_plain_get_is_answered_with_the_info_document() {
    let rig = Rig::new(|_| {});
    let mut seen = Vec::new();
    for path in ["/sockjs/info", "/sockjs/info?cb=x", "/", "/websocket"] {
        let answer = rig.ask(&format!("GET {path} HTTP/1.1")).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.contains("\r\naccess-control-allow-origin: *\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\ncontent-type: application/json; charset=utf-8\r\n"));
        let entropy = body
            .strip_prefix(r#"{"websocket":true,"origins":["*:*"],"cookie_needed":false,"entropy":"#)
            .and_then(|rest| rest.strip_suffix(r#","ms":true}"#))
            .unwrap();
        seen.push(entropy.parse::<u32>().unwrap());
    }
    seen.dedup();
    assert!(seen.len() > 1, "the entropy is random");
    let head = rig.ask("HEAD /sockjs/info HTTP/1.1").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"));
    let options = rig.ask("OPTIONS /sockjs/info HTTP/1.1").await;
    assert!(options.starts_with("HTTP/1.1 204 No Content\r\n"));
    assert!(options.contains("\r\naccess-control-allow-methods: GET, HEAD, OPTIONS\r\n"));
    let post = rig.ask("POST /sockjs/123/abc/xhr HTTP/1.1").await;
    assert!(
        post.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"),
        "{post}"
    );
    assert!(post.contains("\r\nallow: GET, HEAD, OPTIONS\r\n"));
}

// contract: ddp/http/health, ddp/http/livez, ddp/http/readyz
#[tokio::test]
async fn probes() {
    let rig = Rig::new(|config| config.max_connections = 1);
    let ok = (200, "ok".to_owned());
    let ready = (200, r#"{"ready":true}"#.to_owned());
    let unready = |reason: &str| (503, format!(r#"{{"ready":false,"reason":"{reason}"}}"#));
    let unhealthy = (500, "not healthy".to_owned());
    assert_eq!(rig.get("/health").await, ok);
    assert_eq!(rig.get("/livez").await, ok);
    assert_eq!(rig.get("/readyz").await, ready);
    rig.house.unwell.store(true, Ordering::Relaxed);
    assert_eq!(rig.get("/health").await, unhealthy);
    assert_eq!(rig.get("/livez").await, ok);
    assert_eq!(rig.get("/readyz").await, unready("unwell"));
    rig.house.unwell.store(false, Ordering::Relaxed);
    let client = rig.upgrade("/websocket").await.unwrap();
    assert_eq!(
        rig.get("/readyz").await,
        unready("MAX_CONCURRENT_CONNECTIONS is reached")
    );
    assert_eq!(rig.get("/health").await, ok);
    drop(client);
    until(|| rig.sessions.tracker().is_empty()).await;
    assert_eq!(rig.get("/readyz").await, ready);
}

// contract: ddp/http/livez, ddp/http/health
#[tokio::test]
async fn a_wedged_process_says_so() {
    let rig = Rig::new(|_| {});
    assert_eq!(rig.get("/livez").await.0, 200);
    let beat = rig.liveness.watch("loop");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    // The accept loop turns by itself, the other does not.
    until(|| rig.liveness.stuck() == Some("loop")).await;
    assert_eq!(rig.get("/livez").await, (500, "not healthy".to_owned()));
    assert_eq!(rig.get("/health").await, (500, "not healthy".to_owned()));
    let reason = r#"{"ready":false,"reason":"loop is stuck"}"#;
    assert_eq!(rig.get("/readyz").await, (503, reason.to_owned()));
    drop(beat);
    assert_eq!(rig.get("/livez").await.0, 200);
}

// contract: ddp/transport/raw, ddp/transport/sockjs, ddp/handshake/server-id
#[tokio::test]
async fn upgrades_become_sessions() {
    let rig = Rig::new(|_| {});
    for path in ["/websocket", "/websocket/", "/websocket?a=b"] {
        let mut socket = rig.upgrade(path).await.unwrap();
        assert_eq!(text(&mut socket).await, r#"{"server_id":"0"}"#);
        let connect = r#"{"msg":"connect","version":"1","support":["1"]}"#;
        socket.send(Message::text(connect)).await.unwrap();
        assert!(
            text(&mut socket)
                .await
                .starts_with(r#"{"msg":"connected","session":""#)
        );
        socket.close(None).await.unwrap();
        assert!(socket.next().await.is_none_or(|end| end.is_ok()));
    }
    for path in [
        "/sockjs/123/abc/websocket",
        "/any/path",
        "/sockjs/websocket",
    ] {
        let mut socket = rig.upgrade(path).await.unwrap();
        assert_eq!(text(&mut socket).await, "o");
        assert_eq!(text(&mut socket).await, r#"a["{\"server_id\":\"0\"}"]"#);
    }
    until(|| rig.sessions.tracker().is_empty()).await;
}

const UPGRADE: &str = "GET /websocket HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn what_follows_the_upgrade_at_once_is_not_lost() {
    let rig = Rig::new(|_| {});
    let mut socket = rig.socket().await;
    let connect = br#"{"msg":"connect","version":"1","support":["1"]}"#;
    let mut bytes = format!("{UPGRADE}\r\n").into_bytes();
    bytes.extend_from_slice(&[0x81, 0x80 | connect.len() as u8, 0, 0, 0, 0]);
    bytes.extend_from_slice(connect);
    socket.write_all(&bytes).await.unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(r#"{"msg":"connected""#) {
        assert_ne!(socket.read_buf(&mut heard).await.unwrap(), 0);
    }
    let head = String::from_utf8_lossy(&heard);
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert!(!head.contains("extensions"));
}

#[tokio::test]
async fn bad_upgrades_are_refused() {
    let rig = Rig::new(|_| {});
    let upgrade = UPGRADE.strip_suffix("\r\n").unwrap();
    for (from, to, status) in [
        ("Version: 13", "Version: 12", "426 Upgrade Required"),
        ("Connection: Upgrade", "X: y", "400 Bad Request"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", "400 Bad Request"),
        ("GET", "POST", "405 Method Not Allowed"),
    ] {
        // `Connection: close` follows.
        let answer = rig.ask(&upgrade.replace(from, to)).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
        assert!(answer.contains("\r\nsec-websocket-version: 13\r\n"));
    }
}

impl Rig {
    /// Bytes on a connection of their own; the whole answer, once the service closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut socket = self.socket().await;
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = socket.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(10), read).await;
        read.expect("the service closes").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The head of the answer to bytes on a connection of their own, and what comes behind it until it is long enough.
    async fn head(&self, bytes: &[u8], behind: usize) -> (String, Vec<u8>) {
        let mut socket = self.socket().await;
        socket.write_all(bytes).await.unwrap();
        let mut heard = Vec::new();
        loop {
            let end = heard.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end.filter(|end| heard.len() >= end + 4 + behind) {
                let rest = heard.split_off(end + 4);
                return (String::from_utf8(heard).unwrap(), rest);
            }
            let read = socket.read_buf(&mut heard);
            let read = tokio::time::timeout(Duration::from_secs(10), read).await;
            assert_ne!(read.expect("more comes").unwrap(), 0, "{heard:?}");
        }
    }
}

// contract: configuration/variable/MAX_CONCURRENT_CONNECTIONS
#[tokio::test]
async fn beyond_the_limit_clients_are_asked_to_come_later() {
    let rig = Rig::new(|config| config.max_connections = 2);
    let first = rig.upgrade("/websocket").await.unwrap();
    let _second = rig.upgrade("/websocket").await.unwrap();
    let (status, retry) = rig.refused("/websocket").await;
    assert_eq!(status, 503);
    assert!((2..=15).contains(&retry.unwrap()));
    drop(first);
    until(|| rig.sessions.directory().connected() == 1).await;
    let mut third = rig.upgrade("/websocket").await;
    while third.is_err() {
        third = rig.upgrade("/websocket").await;
    }
}

// contract: configuration/variable/DDP_ALLOWED_ORIGINS
#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let rig = Rig::new(|config| config.allowed_origins = vec!["https://*.example.com".into()]);
    let upgrade = UPGRADE.strip_suffix("\r\n").unwrap();
    let answer = rig
        .ask(&format!("{upgrade}\r\nOrigin: https://evil.net"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(rig.upgrade("/websocket").await.is_ok(), "bots have none");
    let mut socket = rig.socket().await;
    let good = format!("{UPGRADE}Origin: https://chat.example.com\r\n\r\n");
    socket.write_all(good.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    socket.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
}

// contract: ddp/client-address, ddp/told/connected
#[tokio::test]
async fn the_mesh_learns_where_a_client_comes_from() {
    for (count, address) in [(0, Some("127.0.0.1")), (2, Some("1.2.3.4")), (3, None)] {
        let rig = Rig::new(|config| config.forwarded_count = count);
        let mut socket = rig.socket().await;
        let upgrade = format!("{UPGRADE}X-Forwarded-For: 1.2.3.4, 10.0.0.1\r\nCookie: a=b\r\n\r\n");
        socket.write_all(upgrade.as_bytes()).await.unwrap();
        until(|| !rig.house.came.lock().is_empty()).await;
        let came = rig.house.came.lock().pop().unwrap();
        let came: serde_json::Value = serde_json::from_str(&came).unwrap();
        assert_eq!(came["clientAddress"].as_str(), address);
        assert_eq!(came["instanceId"], "i");
        assert_eq!(came["httpHeaders"]["host"], "chat");
        assert_eq!(came["httpHeaders"]["cookie"], "a=b");
        assert_eq!(came["httpHeaders"]["x-forwarded-for"], "1.2.3.4, 10.0.0.1");
    }
}

// contract: configuration/variable/DDP_HANDSHAKE_TIMEOUT
#[tokio::test]
async fn one_that_does_not_finish_its_request_is_cut() {
    let rig = Rig::new(|config| config.handshake_timeout = Duration::from_millis(50));
    let mut socket = rig.socket().await;
    socket.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    let mut answer = Vec::new();
    let end = socket.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(10), end)
        .await
        .unwrap()
        .unwrap();
}

// contract: ddp/http/health, ddp/http/readyz, ddp/close/1001
#[tokio::test]
async fn while_the_service_stops() {
    let rig = Rig::new(|_| {});
    let grace = Duration::from_secs(4);
    let drain = async {
        rig.sessions.drain(grace).await;
    };
    let probe = async {
        until(|| rig.sessions.is_draining()).await;
        assert_eq!(rig.get("/health").await.0, 500);
        assert_eq!(rig.get("/livez").await.0, 200);
        let reason = r#"{"ready":false,"reason":"shutting down"}"#;
        assert_eq!(rig.get("/readyz").await, (503, reason.to_owned()));
        let mut late = rig.upgrade("/websocket").await.unwrap();
        until(|| !rig.sessions.admits()).await;
        let (status, retry) = rig.refused("/websocket").await;
        assert!(status == 503 && retry.is_some());
        assert_eq!(rig.get("/health").await.0, 500);
        loop {
            if let Message::Close(Some(frame)) = late.next().await.unwrap().unwrap() {
                assert_eq!(
                    (u16::from(frame.code), &*frame.reason),
                    (1001, "GOING_AWAY")
                );
                break;
            }
        }
    };
    tokio::join!(drain, probe);
}

// contract: configuration/variable/PORT
#[tokio::test]
async fn a_port_in_use_names_its_variable() {
    let rig = Rig::new(|config| config.bind = Some(Ipv4Addr::LOCALHOST.into()));
    let bind = |ip: IpAddr, port: u16| {
        let config = GatewayConfig {
            port,
            bind: Some(ip),
            ..config::defaults().gateway
        };
        let sessions = rig.sessions.clone();
        Gateway::bind(
            config,
            sessions,
            rig.house.clone(),
            rig.liveness.clone(),
            None,
        )
        .unwrap_err()
        .to_string()
    };
    let in_use = SocketAddr::from((Ipv4Addr::LOCALHOST, rig.port));
    assert_eq!(
        bind(in_use.ip(), in_use.port()),
        format!("PORT: cannot listen on {in_use}: Address already in use (os error 98)")
    );
    assert_eq!(
        bind(Ipv4Addr::new(192, 0, 2, 1).into(), 0),
        "BIND_IP: cannot listen on 192.0.2.1:0: Cannot assign requested address (os error 99)"
    );
}
