//! SIGTERM: every client gets a close frame, open calls their answer, and the exit code is 0.

use std::time::Duration;

use serde_json::json;

use crate::support::Workspace;

// contract: ddp/close/1001, configuration/variable/SHUTDOWN_GRACE, mesh/leaving
#[tokio::test]
async fn sigterm_under_load() {
    let mut workspace = Workspace::with().env("SHUTDOWN_GRACE", "4").start().await;
    let node = workspace.node_id();
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(workspace.login("alice").await);
    }
    let mut quick = workspace.login("bob").await;
    let mut stuck = workspace.login("carol").await;
    workspace.core.ask("behave", json!({"action": "meteor.callMethodWithToken", "params": ["*", "*", "echo"], "hold": true})).await;
    let answered = quick.begin("echo", json!([1])).await;
    let open = stuck.begin("peer.never", json!([])).await;
    workspace
        .core
        .ask(
            "await",
            json!({"match": {"name": "meteor.callMethodWithToken"}, "count": 2}),
        )
        .await;

    let start = tokio::time::Instant::now();
    workspace.service.terminate();
    // An answer that arrives while the service drains is delivered.
    workspace.core.ask("release", json!({})).await;
    let result = quick.expect(json!({"msg": "result", "id": answered})).await;
    assert_eq!(result["result"], json!([1]));
    for client in &mut idle {
        let closed = client.closed().await;
        assert_eq!((closed.code, &*closed.reason), (Some(1001), "GOING_AWAY"));
    }
    assert_eq!(quick.closed().await.code, Some(1001));
    let refused = stuck.expect(json!({"msg": "result", "id": open})).await;
    assert_eq!(refused["error"]["error"], 503, "{refused}");
    assert_eq!(stuck.closed().await.code, Some(1001));
    let status = workspace.service.process.ended().await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(
        start.elapsed() < Duration::from_secs(4 + 10),
        "SHUTDOWN_GRACE, and not the minute that the call has: {:?}",
        start.elapsed()
    );
    workspace
        .core_hears("presence.removeConnection", json!(["bob-id"]))
        .await;
    workspace
        .core
        .ask("awaitNode", json!({"nodeID": node, "available": false}))
        .await;
}

// contract: mesh/leaving, configuration/variable/SHUTDOWN_GRACE
/// One call of a logout, or what presence is told of a session's end; with traces that nobody takes.
#[tokio::test]
async fn the_mesh_is_told_goodbye_though_somebody_never_answers() {
    let cases = [
        ("accounts.logout", "4", "no"),
        ("presence.removeConnection", "8", "yes"),
    ];
    let stops = cases.map(|(action, grace, traced)| async move {
        let mut workspace = Workspace::with()
            .env("SHUTDOWN_GRACE", grace)
            .env("TRACING_ENABLED", traced)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
            .start()
            .await;
        let node = workspace.node_id();
        let never = json!({"action": action, "never": true});
        workspace.core.ask("behave", never).await;
        let mut alice = workspace.login("alice").await;
        if action == "accounts.logout" {
            alice.begin("logout", json!([])).await;
            workspace
                .core
                .ask("await", json!({"match": {"name": action}}))
                .await;
        }
        workspace.service.terminate();
        assert_eq!(alice.closed().await.code, Some(1001));
        let status = workspace.service.process.ended().await;
        assert_eq!(status.code(), Some(0), "{status}");
        // Who is not told takes it for gone after 30 s without a heartbeat.
        let gone = json!({"nodeID": node, "available": false, "timeout": 5000});
        workspace.core.ask("awaitNode", gone).await;
    });
    futures_util::future::join_all(stops).await;
}
