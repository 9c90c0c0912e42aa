//! What an operator sees of this deployment: the status page, metrics, readiness, `check` and `config`.

use serde_json::Value;

use super::{edge, edge_env, method, nobody, pair};
use crate::commands;
use crate::support::ddp_server::DdpServer;
use crate::support::peer::Peer;
use crate::support::service::Env;
use crate::support::{eventually, free_port, http};

// contract: relay/shown, configuration/variable/ADMIN_PORT, configuration/variable/MS_METRICS
#[tokio::test]
async fn the_status_page_and_metrics_know_the_server() {
    let mut server = DdpServer::start().await;
    let (page, metrics) = (free_port(), free_port());
    let edge = edge(
        &server,
        &[
            ("ADMIN_PORT", &page.to_string()),
            ("MS_METRICS", "true"),
            ("MS_METRICS_PORT", &metrics.to_string()),
            ("NODE_ID", "edge-1"),
        ],
    )
    .await;
    let figures = || async move {
        let answer = http::get(page, "/status.json").await.ok()?;
        serde_json::from_str::<Value>(&answer.body).ok()
    };
    let says = |lines: &'static [&'static str]| async move {
        eventually(&format!("metrics say {lines:?}"), || async {
            let text = http::get(metrics, "/metrics").await.ok()?.body;
            let has = |line: &&str| text.lines().any(|one| one == *line);
            lines.iter().all(has).then_some(())
        })
        .await;
    };
    let (mut client, mut leg) = pair(&edge, &mut server, "/websocket").await;
    for (id, answer) in [
        ("1", r#"{"msg":"result","id":"1","result":1}"#),
        (
            "2",
            r#"{"msg":"result","id":"2","error":{"error":403,"reason":"No"}}"#,
        ),
    ] {
        client.send(method(id, "login")).await;
        leg.hears(serde_json::json!({"id": id})).await;
        leg.says(answer).await;
        client.expect(serde_json::json!({"id": id})).await;
    }
    let shown = figures().await.expect("figures");
    assert_eq!(shown["process"]["ready"], "yes");
    assert_eq!(shown["clients"]["connected"], 1);
    assert_eq!(shown["server"]["state"], "there");
    let url = server.url();
    let of_it = shown["server"]["url"].as_str().expect("a URL");
    assert!(of_it.starts_with(&url), "{of_it}");
    assert!(shown.get("mesh").is_none() && shown.get("database").is_none());
    let html = http::get(page, "/").await.expect("a page").body;
    assert!(html.contains(&format!("<tr><td>url<td>{of_it}")), "{html}");
    says(&[
        "relay_server_up 1",
        "relay_connects_total{outcome=\"ok\"} 1",
        "users_connected{nodeID=\"edge-1\"} 1",
        "ddp_messages_received_total{kind=\"method\"} 2",
        "ddp_method_duration_seconds_count{method=\"login\",outcome=\"ok\"} 1",
        "ddp_method_duration_seconds_count{method=\"login\",outcome=\"error\"} 1",
        "ddp_errors_total{kind=\"method\",code=\"403\"} 1",
    ])
    .await;

    server.stop().await;
    leg.close().await;
    assert_eq!(client.closed().await.code, Some(1012));
    says(&[
        "relay_server_up 0",
        "relay_lost_total 1",
        "users_connected{nodeID=\"edge-1\"} 0",
        "ddp_sessions_closed_total{code=\"1012\"} 1",
    ])
    .await;
    let shown = figures().await.expect("figures");
    let (ready, state) = (&shown["process"]["ready"], &shown["server"]["state"]);
    let begins =
        |told: &Value, with: &str| told.as_str().is_some_and(|told| told.starts_with(with));
    assert!(begins(ready, "no: the server is away: "), "{ready}");
    assert!(begins(state, "away for "), "{state}");
    let answer = http::get(edge.port, "/readyz").await.expect("an answer");
    assert_eq!(answer.status, 503);
    assert!(
        answer.body.contains("the server is away"),
        "{}",
        answer.body
    );
}

// contract: relay/shown
#[tokio::test]
async fn check_asks_the_server_and_nobody_else() {
    let port = free_port();
    let server = Peer::start("servers/web.js", &["--port", &port.to_string()]).await;
    let url = format!("ws://127.0.0.1:{port}");
    let mut env = edge_env(&url);
    let (_, database) = nobody();
    env.insert("MONGO_URL".into(), database.replace("ws://", "mongodb://"));
    let checked = commands::run("check", &env).await;
    checked.has("warning  configuration  without effect with DDP_SERVER_URL: MONGO_URL");
    checked.has(&format!(
        "ok       server         {url}/websocket: DDP connected in _ ms"
    ));
    checked.has("ok       release        Rocket.Chat 7.5");
    checked.has("ok       clock          within _ ms of 1 other clock");
    // A session has two sockets.
    checked.has("warning  open files     at most 2000, for MAX_CONCURRENT_CONNECTIONS=1000");
    assert!(!checked.lines.concat().contains("MongoDB"));
    assert_eq!(
        (checked.code, checked.last()),
        (Some(0), "Nothing is wrong, 2 warnings.")
    );
    drop(server);
    let (_, url) = nobody();
    let checked = commands::run("check", &edge_env(&url)).await;
    checked.has(&format!(
        "wrong    server         {url}/websocket: cannot be reached: Connection refused (os error 111)"
    ));
    assert_eq!(
        (checked.code, checked.last()),
        (Some(1), "1 thing is wrong, 1 warning.")
    );
}

// contract: relay/shown
#[tokio::test]
async fn config_shows_no_default_that_has_no_effect() {
    let set = |pairs: &[(&str, &str)]| -> Env {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    };
    let url = ("DDP_SERVER_URL", "ws://rocketchat:3000/websocket");
    let printed = commands::run("config", &set(&[url, ("RETRY_DELAY", "200")])).await;
    assert_eq!(printed.code, Some(0));
    let row = |name: &str| {
        let named = |line: &&String| line.split(' ').next() == Some(name);
        let line = printed.lines.iter().find(named)?;
        Some(
            line.split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    for (name, shown) in [
        (
            "DDP_SERVER_URL",
            Some("environment ws://rocketchat:3000/websocket"),
        ),
        ("HEARTBEAT_INTERVAL", Some("default 30")),
        ("REQUEST_TIMEOUT", Some("default 60")),
        ("MONGO_URL", None),
        ("BROKER", None),
        ("SERIALIZER", None),
        ("BULKHEAD_ENABLED", None),
        // Somebody thinks that it has one.
        ("RETRY_DELAY", Some("environment 200")),
    ] {
        assert_eq!(row(name).as_deref(), shown, "{name}");
    }
    printed.has(
        "27 variables of mesh and database are left out: they have no effect with DDP_SERVER_URL",
    );
    printed.has("warning: without effect with DDP_SERVER_URL: RETRY_DELAY");

    let printed = commands::run("config", &set(&[("TRANSPORTER", "nats://nats:4222")])).await;
    let told = printed.lines.concat();
    assert!(
        told.contains("BROKER") && !told.contains("left out"),
        "{told}"
    );
}
