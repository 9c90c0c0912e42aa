//! Limits that an operator may ask for: rates as the workspace's settings name them, connections of one address,
//! sessions of one user, failed logins.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Client, DEADLINE, Workspace, eventually, free_port, http};

/// A client from an address that the trusted proxy tells.
async fn from(workspace: &Workspace, address: &str) -> Client {
    let headers = [("x-forwarded-for", address)];
    let port = workspace.service.port;
    let client = Client::open_with(port, "/websocket", &headers).await;
    let mut client = client.unwrap_or_else(|error| panic!("{address}: {error}"));
    client.handshake().await;
    client
}

/// An administrator changes a setting.
async fn set(workspace: &Workspace, limit: &str, what: &str, value: Value) {
    let id = format!("DDP_Rate_Limit_{limit}_{what}");
    let event = json!([{"clientAction": "updated", "setting": {"_id": id, "value": value}}]);
    workspace.broadcast("watch.settings", event).await;
}

// contract: configuration/variable/DDP_RATE_LIMIT, configuration/variable/RATE_LIMITER_EXEMPT, methods/rate-limit
#[tokio::test]
async fn the_workspaces_rate_limits_hold_where_they_are_asked_for() {
    let metrics = free_port();
    let workspace = Workspace::with()
        .env("DDP_RATE_LIMIT", "settings")
        .env("RATE_LIMITER_EXEMPT", "198.51.100.0/24")
        .env("HTTP_FORWARDED_COUNT", "1")
        .env("MS_METRICS", "true")
        .env("MS_METRICS_PORT", &metrics.to_string())
        .start()
        .await;
    let limit = "Connection_By_Method";
    set(&workspace, limit, "Enabled", json!(true)).await;
    set(&workspace, limit, "Requests_Allowed", json!(2)).await;
    set(&workspace, limit, "Interval_Time", json!(3_600_000)).await;
    let mut client = from(&workspace, "192.0.2.1").await;
    // The settings are read within a second or two.
    let refused = async {
        loop {
            let mut answer = client.call("echo", json!([1])).await;
            if let Some(error) = answer.get_mut("error") {
                return error.take();
            }
        }
    };
    let error = tokio::time::timeout(DEADLINE, refused).await;
    let error = error.expect("too many are refused");
    assert_eq!(error["error"], "too-many-requests");
    assert_eq!(error["errorType"], "Meteor.Error");
    let wait = error["details"]["timeToReset"].as_u64().unwrap();
    assert!((1..=3_600_000).contains(&wait), "{error}");
    let mut nosub = json!(null);
    for _ in 0..9 {
        let sub = client.try_sub("stream-notify-all", json!(["license", false]));
        nosub = sub.await.1;
    }
    assert_eq!(nosub["error"]["error"], "too-many-requests", "{nosub}");
    let mut office = from(&workspace, "198.51.100.7").await;
    let mut here = from(&workspace, "127.0.0.1").await;
    for client in [&mut office, &mut here] {
        for turn in 0..5 {
            assert_eq!(
                client.call("echo", json!([turn])).await["result"],
                json!([turn])
            );
        }
    }
    let text = http::get(metrics, "/metrics").await.unwrap().body;
    for (kind, name) in [("method", "_OTHER"), ("subscription", "stream-notify-all")] {
        let series = format!(
            "rocketchat_ddp_rate_limit_exceeded{{limit_name=\"{limit}\",type=\"{kind}\",name=\"{name}\"}} "
        );
        assert!(text.contains(&series), "{series} in\n{text}");
    }
}

// contract: configuration/variable/DDP_MAX_CONNECTIONS_PER_IP
#[tokio::test]
async fn one_address_holds_no_more_connections_than_allowed() {
    let workspace = Workspace::with()
        .env("DDP_MAX_CONNECTIONS_PER_IP", "2")
        .env("HTTP_FORWARDED_COUNT", "1")
        .start()
        .await;
    let first = from(&workspace, "192.0.2.1").await;
    let _second = from(&workspace, "192.0.2.1").await;
    let _another = from(&workspace, "192.0.2.2").await;
    let port = workspace.service.port;
    let headers = [("x-forwarded-for", "192.0.2.1")];
    let refused = Client::open_with(port, "/websocket", &headers).await;
    match refused.map(drop).map_err(|error| *error) {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 429);
            assert!(response.headers().contains_key("retry-after"));
        }
        other => panic!("not refused: {other:?}"),
    }
    // Those whose address nobody tells are not counted.
    let mut unknown = Vec::new();
    for _ in 0..5 {
        unknown.push(workspace.client().await);
    }
    first.leave().await;
    eventually("there is room again", || async {
        let headers = [("x-forwarded-for", "192.0.2.1")];
        Client::open_with(port, "/websocket", &headers).await.ok()
    })
    .await;
}

// contract: configuration/variable/DDP_MAX_CONNECTIONS_PER_IP, ddp/client-address
#[tokio::test]
async fn what_a_client_says_of_its_way_does_not_get_it_past_the_limit_of_its_address() {
    let workspace = Workspace::with()
        .env("DDP_MAX_CONNECTIONS_PER_IP", "1")
        .env("HTTP_FORWARDED_COUNT", "1")
        .start()
        .await;
    let _first = from(&workspace, "192.0.2.1").await;
    for forwarded in ["é, 192.0.2.1", "192.0.2.1:51544"] {
        let request = format!(
            "GET /websocket HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: {forwarded}\r\n\r\n"
        );
        let refused = http::request(workspace.service.port, &request).await;
        assert_eq!(refused.unwrap().status, 429, "{forwarded}");
    }
}

// contract: configuration/variable/DDP_MAX_SESSIONS_PER_USER
#[tokio::test]
async fn sessions_of_a_user_beside_a_bound_of_failed_logins() {
    let workspace = Workspace::with()
        .env("DDP_MAX_SESSIONS_PER_USER", "5")
        .env("DDP_LOGIN_RATE", "3/600")
        .start()
        .await;
    // At once, as a client with many tabs after a restart of the network.
    let logins = (0..12).map(|_| async {
        let mut client = workspace.client().await;
        let answer = client
            .call("login", json!([{"resume": "alice-token"}]))
            .await;
        (client, answer)
    });
    let all = futures_util::future::join_all(logins).await;
    let (inside, refused): (Vec<_>, Vec<_>) = all
        .iter()
        .map(|(_, answer)| answer)
        .partition(|answer| answer.get("error").is_none());
    assert_eq!(inside.len(), 5, "{refused:?}");
    for answer in refused {
        assert_eq!(answer["error"]["error"], 429, "{answer}");
        assert_eq!(answer["error"]["reason"], "too-many-sessions", "{answer}");
    }
}
