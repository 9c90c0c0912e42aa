//! `ENABLE_TLS`: wss and https. That Rocket.Chat's own clients come in over it is in `real_clients::over_tls`.

use base64::Engine;
use rustls::HandshakeKind;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bad_input::assert_quiet;
use crate::support::process::TempDir;
use crate::support::service::Service;
use crate::support::tls::{Certificate, TlsClient};
use crate::support::{Client, DEADLINE, Workspace, eventually, free_port, http};

/// How many large events are sent, and what is large.
const EVENTS: usize = 200;
const LARGE: usize = 60_000;

async fn workspace(change: &[(&str, &str)]) -> (Workspace, u16) {
    let builder = change
        .iter()
        .fold(Workspace::with().tls(), |builder, (name, value)| {
            builder.env(name, value)
        });
    let workspace = builder.start().await;
    let port = workspace.service.port;
    (workspace, port)
}

// contract: ddp/http/tls, configuration/variable/ENABLE_TLS
#[tokio::test]
async fn without_tls_probes_are_answered_and_nothing_else() {
    let (workspace, port) = workspace(&[]).await;
    for (path, body) in [
        ("/health", "ok"),
        ("/livez", "ok"),
        ("/readyz", r#"{"ready":true}"#),
    ] {
        let answer = http::get(port, path).await.unwrap();
        assert_eq!((answer.status, &*answer.body), (200, body), "{path}");
    }
    for request in [
        "GET /sockjs/info",
        "GET /health/more",
        "POST /health",
        "OPTIONS /health",
    ] {
        let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = http::request(port, &request).await.unwrap();
        assert_eq!(answer.status, 426, "{request}");
        let head = answer.head.to_lowercase();
        assert!(head.contains("\r\nupgrade: tls/1.2, http/1.1"), "{head}");
    }
    for path in ["/websocket", "/health"] {
        let refused = Client::open_with(port, path, &[]).await.map(drop);
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("426"), "{path}: {error}");
    }
    let mut stream = certificate(&workspace).connect(port).await.unwrap();
    let request = b"GET /sockjs/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

fn certificate(workspace: &Workspace) -> &Certificate {
    workspace.certificate.as_ref().unwrap()
}

// contract: configuration/variable/TLS_CERT_PATH, configuration/variable/TLS_KEY_PATH
#[tokio::test]
async fn a_new_certificate_is_shown_and_sessions_stay() {
    let (workspace, port) = workspace(&[]).await;
    let mut alice = workspace.login("alice").await;
    let certificate = certificate(&workspace);
    let before = certificate.der();

    std::fs::write(certificate.chain(), "nonsense").unwrap();
    eventually("the log tells what is wrong", || async {
        let warned = workspace.service.logged("warn");
        let told = |line: &serde_json::Value| line.to_string().contains("no certificate in it");
        warned.iter().any(told).then_some(())
    })
    .await;
    certificate.renew();
    assert_ne!(certificate.der(), before);
    // It trusts what is in the file and nothing else.
    eventually("the new certificate is shown", || async {
        certificate.connect(port).await.ok()
    })
    .await;
    alice.listen("room-messages", "GENERAL").await;
    let mut bob = workspace.login("bob").await;
    bob.call(
        "sendMessage",
        json!([{"_id": "m1", "rid": "GENERAL", "msg": "hello"}]),
    )
    .await;
    assert_eq!(
        alice.hears("room-messages", "GENERAL").await[0]["_id"],
        "m1"
    );
}

/// How a client's handshake went that asks for `/health` after it, and so takes the tickets that follow it.
async fn handshake(client: &TlsClient, port: u16) -> HandshakeKind {
    let mut stream = client.connect(port).await.unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    stream.get_ref().1.handshake_kind().unwrap()
}

// contract: configuration/variable/TLS_TICKET_KEY_PATH
#[tokio::test]
async fn tickets_are_good_at_every_streamer_that_has_the_keys() {
    let folder = TempDir::new("tickets");
    let keys = folder.path().join("keys");
    let key = |byte: u8| base64::engine::general_purpose::STANDARD.encode([byte; 32]) + "\n";
    std::fs::write(&keys, key(1)).unwrap();
    let (workspace, port) = workspace(&[("TLS_TICKET_KEY_PATH", keys.to_str().unwrap())]).await;
    let mut env = workspace.env.clone();
    env.insert("PORT".into(), free_port().to_string());
    env.insert("NODE_ID".into(), "another".into());
    let another = Service::spawn(&env);
    another.ready().await;
    let certificate = certificate(&workspace);

    let client = certificate.client();
    assert_eq!(handshake(&client, port).await, HandshakeKind::Full);
    for port in [another.port, port] {
        assert_eq!(handshake(&client, port).await, HandshakeKind::Resumed);
    }
    // Other certificate, other key in front: who has a ticket of the old one comes back with it all the same.
    certificate.renew();
    std::fs::write(&keys, key(2) + &key(1)).unwrap();
    let other_keys = |service: &Service| {
        let told = "other keys for session tickets are used from now on";
        let lines = service.logged("info");
        lines.iter().any(|line| line["msg"] == told).then_some(())
    };
    for service in [&workspace.service, &another] {
        service.process.signal("HUP");
        eventually("the keys are taken", || async { other_keys(service) }).await;
    }
    assert_eq!(handshake(&client, port).await, HandshakeKind::Resumed);
    assert_eq!(
        handshake(&client, another.port).await,
        HandshakeKind::Resumed
    );
    // Without the keys that its tickets are of, it is a stranger, and trusts no new certificate.
    std::fs::write(&keys, key(3)).unwrap();
    another.process.signal("HUP");
    eventually("the old tickets are worth nothing", || async {
        client.connect(another.port).await.is_err().then_some(())
    })
    .await;
    // Keys that cannot be used leave the old ones where they are.
    std::fs::write(&keys, "nonsense").unwrap();
    another.process.signal("HUP");
    eventually("the log tells what is wrong", || async {
        let warned = another.logged("warn");
        let told = |line: &serde_json::Value| {
            line.to_string()
                .contains("line 1 is not 32 bytes in base64")
        };
        warned.iter().any(told).then_some(())
    })
    .await;
    let client = certificate.client();
    assert_eq!(handshake(&client, another.port).await, HandshakeKind::Full);
    assert_eq!(
        handshake(&client, another.port).await,
        HandshakeKind::Resumed
    );
}

// contract: configuration/sighup
#[tokio::test]
async fn sighup_looks_at_the_certificate() {
    let (workspace, port) = workspace(&[]).await;
    workspace.service.process.signal("HUP");
    eventually("it was looked at", || async {
        let told =
            |line: &serde_json::Value| line["msg"] == "the certificate's files are as they were";
        workspace
            .service
            .logged("info")
            .iter()
            .any(told)
            .then_some(())
    })
    .await;
    certificate(&workspace).renew();
    workspace.service.process.signal("HUP");
    eventually("the new certificate is shown", || async {
        certificate(&workspace).connect(port).await.ok()
    })
    .await;
}

// contract: configuration/variable/TLS_CERT_PATH, telemetry/metrics/certificate
#[tokio::test]
async fn a_certificate_whose_time_is_over_is_told_and_served() {
    let (expired, soon) = (Certificate::new(), Certificate::new());
    let day = |days: i64| time::UtcDateTime::now() + time::Duration::days(days);
    expired.renew_until(day(-2));
    soon.renew_until(day(3));
    for (certificate, said) in [(&expired, "has expired, on"), (&soon, "expires soon, on")] {
        let metrics = crate::support::free_port().to_string();
        let mut builder = Workspace::with()
            .env("MS_METRICS", "true")
            .env("MS_METRICS_PORT", &metrics);
        for (name, value) in certificate.env() {
            builder = builder.env(name, &value);
        }
        let workspace = builder.start().await;
        eventually("the log tells", || async {
            let warned = workspace.service.logged("warn");
            let told = |line: &serde_json::Value| {
                line["msg"].as_str().is_some_and(|msg| msg.contains(said))
            };
            warned.iter().any(told).then_some(())
        })
        .await;
        let text = http::get(metrics.parse().unwrap(), "/metrics")
            .await
            .unwrap()
            .body;
        let series = "tls_certificate_remaining_seconds{variable=\"TLS_CERT_PATH\"} ";
        let left = text.lines().find_map(|line| line.strip_prefix(series));
        let left: i64 = left.unwrap_or_else(|| panic!("{text}")).parse().unwrap();
        let expected = if std::ptr::eq(certificate, &expired) {
            -2
        } else {
            3
        };
        assert!((left - expected * 86_400).abs() < 3600, "{left}");
    }
}

// contract: configuration/variable/ENABLE_TLS
#[tokio::test]
async fn many_large_events_arrive_whole_and_in_order() {
    let (workspace, _) = workspace(&[("DDP_MAX_BUFFERED_BYTES", "64MiB")]).await;
    let mut alice = workspace.login("alice").await;
    alice.listen("notify-all", "updateCustomSound").await;
    let text = "x".repeat(LARGE);
    let sound = json!([{"soundData": {"_id": "$n", "name": text}}]);
    workspace
        .core
        .ask(
            "broadcast",
            json!({"event": "notify.updateCustomSound", "args": sound, "count": EVENTS}),
        )
        .await;
    for at in 0..EVENTS {
        let args = alice.hears("notify-all", "updateCustomSound").await;
        let sound = &args[0]["soundData"];
        assert_eq!(sound["_id"], at, "in order");
        assert_eq!(sound["name"], text, "event {at}");
    }
}

// contract: configuration/variable/DDP_HANDSHAKE_TIMEOUT
#[tokio::test]
async fn broken_and_missing_handshakes_end_and_harm_nobody() {
    let (workspace, port) = workspace(&[("DDP_HANDSHAKE_TIMEOUT", "1")]).await;
    let mut alice = workspace.login("alice").await;
    let stranger = Certificate::new();
    let refused = stranger.connect(port).await.map(drop);
    assert!(
        refused.is_err(),
        "who trusts another certificate does not come in"
    );
    for first in [
        &[][..],
        &[22],
        &[22, 3, 1, 255, 255],
        b"\x16\x03\x01\x00\x05hello",
    ] {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        socket.write_all(first).await.unwrap();
        let mut rest = Vec::new();
        // The alert of a broken handshake, or nothing.
        let ended = timeout(DEADLINE, socket.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{first:?} is given up");
    }
    assert_eq!(alice.call("echo", json!([1])).await["result"], json!([1]));
    assert_quiet(&workspace).await;
}

// contract: ddp/close/1001
#[tokio::test]
async fn a_stop_says_goodbye() {
    let (mut workspace, _) = workspace(&[("SHUTDOWN_GRACE", "2")]).await;
    let mut alice = workspace.login("alice").await;
    workspace.service.terminate();
    assert_eq!(alice.closed().await.code, Some(1001));
    assert_eq!(workspace.service.process.ended().await.code(), Some(0));
}
