//! Requests that are passed to a server behind the door.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::*;
use crate::gateway::{PassedBody, Visitor};

/// As long as a client may read nothing, and longer than a handshake may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// As long as a handshake may take, and a little.
const HANDSHAKE: Duration = Duration::from_secs(11);

/// A server that has pages of one length.
struct Pages {
    length: usize,
    asked: Mutex<Vec<String>>,
}

impl Pages {
    fn of(length: usize) -> Arc<Self> {
        Arc::new(Self {
            length,
            asked: Mutex::default(),
        })
    }
}

impl Beyond for Pages {
    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn pass(
        &self,
        request: Request<Incoming>,
        _: Visitor,
    ) -> BoxFuture<'static, Response<PassedBody>> {
        self.asked.lock().push(request.uri().to_string());
        let body = Full::new(Bytes::from(vec![b'x'; self.length]));
        async { Response::new(Either::Left(body)) }.boxed()
    }
}

async fn pass_by(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Asks for a page, and reads the head of the answer.
async fn ask(socket: &mut TcpStream) {
    let request = b"GET /page HTTP/1.1\r\nHost: chat\r\n\r\n";
    socket.write_all(request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

// contract: relay/http
#[tokio::test]
async fn a_download_may_pause_and_a_connection_rest() {
    // More than any socket holds.
    let pages = Pages::of(64 << 20);
    let rig = Rig::before(Some(pages.clone()), |_| {});
    let mut socket = rig.socket().await;
    let mut page = vec![0; pages.length];
    for _ in 0..2 {
        ask(&mut socket).await;
        for _ in 0..3 {
            pass_by(HANDSHAKE).await;
        }
        socket.read_exact(&mut page).await.unwrap();
        pass_by(Duration::from_secs(74)).await;
    }
    assert_eq!(pages.asked.lock().len(), 2);
    pass_by(Duration::from_secs(2)).await;
    assert_eq!(socket.read(&mut page).await.unwrap(), 0, "it has rested");
}

// contract: ddp/transport/http-1.0
#[tokio::test]
async fn each_answer_is_of_its_own_requests_version() {
    let rig = Rig::before(Some(Pages::of(3)), |_| {});
    let old = "POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx";
    let new = "GET /b HTTP/1.1\r\nHost: chat\r\n\r\n";
    let last = "GET /c HTTP/1.0\r\n\r\n";
    let answer = rig.exchange([old, new, last].concat().as_bytes()).await;
    let versions: Vec<_> = answer
        .match_indices(" 200 OK\r\n")
        .map(|(at, _)| &answer[at - 8..at])
        .collect();
    assert_eq!(versions, ["HTTP/1.0", "HTTP/1.1", "HTTP/1.0"], "{answer}");
}

// contract: relay/http, configuration/variable/DDP_ALLOWED_ORIGINS
#[tokio::test]
async fn pages_of_other_origins_get_no_session_by_other_transports() {
    let pages = Pages::of(3);
    let rig = Rig::before(Some(pages.clone()), |config| {
        config.allowed_origins = vec!["https://chat.example.com".into()];
    });
    let asked = async |request: &str, origin: &str| {
        let answer = rig.ask(&format!("{request} HTTP/1.1{origin}")).await;
        answer[9..12].parse::<u16>().unwrap()
    };
    let (good, bad) = (
        "\r\nOrigin: https://chat.example.com",
        "\r\nOrigin: https://evil.net",
    );
    for path in [
        "/sockjs/1/abc/xhr",
        "/sockjs/1/abc/xhr_send?a",
        "/chat/sockjs/1/abc/xhr",
    ] {
        for method in ["POST", "GET", "OPTIONS"] {
            let request = format!("{method} {path}");
            for (origin, status) in [(good, 200), ("", 200), (bad, 403)] {
                assert_eq!(asked(&request, origin).await, status, "{request}{origin}");
            }
        }
    }
    // Whoever may not connect may look.
    assert_eq!(asked("GET /sockjs/info", bad).await, 200);
    assert_eq!(asked("GET /api/info", bad).await, 200);
    let all = pages.asked.lock();
    assert_eq!(all.len(), 3 * 3 * 2 + 1, "{all:?}");
}
