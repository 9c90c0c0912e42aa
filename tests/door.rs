//! Who is let in, and as whom: limits, origins, proxies, time-outs, heartbeats.

use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Client, Workspace, eventually, http};

/// The status with which an upgrade is refused, and its head.
async fn refused(port: u16, headers: &[(&'static str, &str)]) -> (u16, String) {
    match Client::open_with(port, "/websocket", headers)
        .await
        .map(drop)
        .map_err(|error| *error)
    {
        Err(Error::Http(response)) => (
            response.status().as_u16(),
            format!("{:?}", response.headers()),
        ),
        other => panic!("not refused: {other:?}"),
    }
}

// contract: configuration/variable/MAX_CONCURRENT_CONNECTIONS, ddp/http/readyz
#[tokio::test]
async fn over_the_limit_an_upgrade_is_refused_and_the_log_names_the_variable() {
    let workspace = Workspace::with()
        .env("MAX_CONCURRENT_CONNECTIONS", "2")
        .start()
        .await;
    let port = workspace.service.port;
    let first = workspace.client().await;
    let _second = workspace.client().await;
    let (status, head) = refused(port, &[]).await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after"), "{head}");
    let ready = http::get(port, "/readyz").await.unwrap();
    assert_eq!(
        ready.status, 503,
        "no new client can be served: {}",
        ready.body
    );
    assert_eq!(http::get(port, "/health").await.unwrap().status, 200);
    // The log is written by a thread of its own.
    for said in [
        "80 % of MAX_CONCURRENT_CONNECTIONS are taken",
        "MAX_CONCURRENT_CONNECTIONS is reached",
    ] {
        eventually("the log names the variable", || async {
            let lines = workspace.service.logged("warn");
            let is_said = |line: &serde_json::Value| line["msg"].to_string().contains(said);
            lines.iter().any(is_said).then_some(())
        })
        .await;
    }
    first.leave().await;
    workspace.service.ready().await;
    let _third = workspace.client().await;
}

// contract: configuration/variable/DDP_ALLOWED_ORIGINS
#[tokio::test]
async fn other_origins_are_refused_where_origins_are_named() {
    let workspace = Workspace::with()
        .env(
            "DDP_ALLOWED_ORIGINS",
            "https://*.example.org,https://chat.example.com",
        )
        .start()
        .await;
    let port = workspace.service.port;
    for (origin, allowed) in [
        ("https://a.example.org", true),
        ("https://chat.example.com", true),
        ("https://evil.example.com", false),
        ("null", false),
    ] {
        if allowed {
            assert!(
                Client::open_with(port, "/websocket", &[("origin", origin)])
                    .await
                    .is_ok(),
                "{origin}"
            );
        } else {
            assert_eq!(
                refused(port, &[("origin", origin)]).await.0,
                403,
                "{origin}"
            );
        }
    }
    // Mobile clients and bots send none.
    let _none = workspace.client().await;
}

// contract: ddp/client-address, configuration/variable/HTTP_FORWARDED_COUNT
#[tokio::test]
async fn the_client_behind_trusted_proxies() {
    let workspace = Workspace::with()
        .env("HTTP_FORWARDED_COUNT", "2")
        .start()
        .await;
    let port = workspace.service.port;
    for (forwarded, expected) in [
        (
            Some("203.0.113.9, 198.51.100.1, 198.51.100.2"),
            json!("198.51.100.1"),
        ),
        (Some("203.0.113.9, 198.51.100.1"), json!("203.0.113.9")),
        (Some("203.0.113.9"), json!(null)),
        (None, json!(null)),
    ] {
        let headers: Vec<_> = forwarded
            .map(|list| ("x-forwarded-for", list))
            .into_iter()
            .collect();
        let mut client = Client::open_with(port, "/websocket", &headers)
            .await
            .unwrap();
        client.handshake().await;
        let connected = workspace
            .core_hears("socket.connected", json!([{"id": client.session}]))
            .await;
        assert_eq!(
            connected[0]
                .get("clientAddress")
                .cloned()
                .unwrap_or_default(),
            expected,
            "{forwarded:?}"
        );
    }
}

// contract: ddp/heartbeat/handshake, ddp/close/4000, configuration/variable/DDP_HANDSHAKE_TIMEOUT
#[tokio::test]
async fn who_says_nothing_is_closed_by_the_clock_of_the_handshake() {
    let workspace = Workspace::with()
        .env("DDP_HANDSHAKE_TIMEOUT", "1")
        .start()
        .await;
    let mut silent = Client::open(workspace.service.port, "/websocket").await;
    let closed = silent.closed().await;
    assert_eq!((closed.code, &*closed.reason), (Some(4000), "TIMEOUT"));
    assert_eq!(
        http::get(workspace.service.port, "/livez")
            .await
            .unwrap()
            .status,
        200
    );
}
