//! The status page of operators, on a port of its own.

use serde_json::{Value, json};

use crate::support::{Workspace, eventually, free_port, http};

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
