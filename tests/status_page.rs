//! The status page of operators, on a port of its own.

use serde_json::{Value, json};

use crate::support::{Service, Workspace, eventually, free_port, http};

async fn figures(port: u16) -> Option<Value> {
    let answer = http::get(port, "/status.json").await.ok()?;
    assert!(
        answer
            .head
            .to_lowercase()
            .contains("content-type: application/json"),
        "{}",
        answer.head
    );
    serde_json::from_str(&answer.body).ok()
}

// contract: configuration/variable/ADMIN_PORT
#[tokio::test]
async fn an_operator_sees_what_the_process_is_doing() {
    let port = free_port();
    let mut workspace = Workspace::with()
        .env("ADMIN_PORT", &port.to_string())
        .env("NODE_ID", "streamer-1")
        .start()
        .await;
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "GENERAL").await;

    let shown = figures(port).await.expect("figures");
    assert_eq!(shown["process"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(shown["process"]["ready"], "yes");
    assert_eq!(
        [
            &shown["clients"]["connected"],
            &shown["clients"]["loggedIn"]
        ],
        [1, 1]
    );
    assert_eq!(shown["clients"]["topicsListenedTo"], 1);
    assert_eq!(shown["mesh"]["state"], "joined");
    assert!(shown["services"]["accounts"].is_array(), "{shown}");
    assert_eq!(shown["database"], json!({ "state": "ready" }));

    let page = http::get(port, "/").await.expect("a page");
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("<tr><td>connected<td>1"),
        "{}",
        page.body
    );
    assert!(page.body.contains("<tr><td>node<td>streamer-1"));
    assert_eq!(http::get(port, "/other").await.unwrap().status, 404);

    workspace.nats.kill().await;
    eventually("the outage is seen", || async {
        let shown = figures(port).await?;
        let away = shown["mesh"]["state"].as_str()?.starts_with("away for ");
        (away && shown["process"]["ready"] == "no: NATS is away").then_some(())
    })
    .await;
}

async fn ask(port: u16, request: &str) -> http::Response {
    let request = format!("{request}\r\nConnection: close\r\n\r\n");
    http::request(port, &request).await.expect("an answer")
}

// contract: configuration/variable/ADMIN_PORT, configuration/variable/ADMIN_HOSTS
#[tokio::test]
async fn only_its_own_names_are_answered() {
    let port = free_port();
    let _workspace = Workspace::with()
        .env("ADMIN_PORT", &port.to_string())
        .env("ADMIN_HOSTS", "status.example.com")
        .start()
        .await;
    let get = |host: &str, more: &str| format!("GET /status.json HTTP/1.1\r\nHost: {host}{more}");
    for host in [
        "localhost",
        "127.0.0.1",
        "status.example.com",
        &format!("localhost:{port}"),
    ] {
        assert_eq!(ask(port, &get(host, "")).await.status, 200, "{host}");
    }
    for host in [
        "rebound.example.net",
        "10.0.0.1",
        "",
        "localhost.example.net",
    ] {
        let answer = ask(port, &get(host, "")).await;
        assert_eq!(answer.status, 403, "{host}");
        assert!(!answer.body.contains("mesh"), "{}", answer.body);
    }
    assert_eq!(
        ask(port, "GET / HTTP/1.0").await.status,
        403,
        "nobody's name"
    );
    let foreign = "\r\nOrigin: https://evil.example.net";
    assert_eq!(ask(port, &get("localhost", foreign)).await.status, 403);
    let own = format!("\r\nOrigin: http://localhost:{port}");
    assert_eq!(ask(port, &get("localhost", &own)).await.status, 200);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0");
        let answer = ask(port, &request).await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(
            answer.head.to_lowercase().contains("\r\nallow: get, head"),
            "{}",
            answer.head
        );
    }
    let head = ask(port, "HEAD / HTTP/1.1\r\nHost: localhost").await;
    assert_eq!((head.status, &*head.body), (200, ""));
}

// contract: configuration/variable/ADMIN_TOKEN, configuration/variable/ADMIN_BIND_IP
#[tokio::test]
async fn a_token_opens_it_and_is_needed_elsewhere() {
    let (port, token) = (free_port(), "0123456789abcdef");
    let workspace = Workspace::with()
        .env("ADMIN_PORT", &port.to_string())
        .env("ADMIN_BIND_IP", "0.0.0.0")
        .env("ADMIN_TOKEN", token)
        .start()
        .await;
    // base64 of operator:0123456789abcdef
    let basic = "Basic b3BlcmF0b3I6MDEyMzQ1Njc4OWFiY2RlZg==";
    for (shown, status) in [
        (None, 401),
        (Some("Bearer 0123456789abcdeF".to_owned()), 401),
        (Some(format!("Bearer {token}")), 200),
        (Some(basic.to_owned()), 200),
    ] {
        let field = shown.map(|shown| format!("\r\nAuthorization: {shown}"));
        let field = field.unwrap_or_default();
        let request = format!("GET /status.json HTTP/1.1\r\nHost: 127.0.0.1{field}");
        let answer = ask(port, &request).await;
        assert_eq!(answer.status, status, "{field}");
        let asks = answer
            .head
            .to_lowercase()
            .contains("\r\nwww-authenticate: basic realm=");
        assert_eq!(asks, status == 401, "{}", answer.head);
    }
    let log = workspace.service.log.lock().unwrap().join("\n");
    assert!(!log.contains(token), "a secret");

    let mut env = workspace.env.clone();
    env.remove("ADMIN_TOKEN");
    let mut other = Service::spawn(&env);
    assert_eq!(other.process.ended().await.code(), Some(1));
    let told = || async {
        let lines = other.process.stderr.lock().unwrap().clone();
        let told = |line: &String| {
            line.starts_with("ADMIN_BIND_IP=0.0.0.0: ") && line.contains("ADMIN_TOKEN")
        };
        lines.iter().any(told).then_some(())
    };
    eventually("what is missing is told", told).await;
}
