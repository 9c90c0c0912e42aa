//! Whole trees of spans: what was asked on behalf of what.

use serde_json::json;

use super::{trace_of, workspace};
use crate::support::{eventually, free_port, http};

// contract: telemetry/traces/subscription
#[tokio::test]
async fn a_subscription_has_its_rules_calls_and_its_database_read() {
    let (workspace, collector) = workspace(|builder| builder.database()).await;
    let mut alice = workspace.login("alice").await;
    alice
        .listen("notify-room", "private-id/deleteMessage")
        .await;
    let granted = trace_of(&collector, "ddp.sub stream-notify-room").await;
    collector
        .tree(
            &granted,
            "ddp-streamer: ddp.sub stream-notify-room server ddp.stream.event=private-id/deleteMessage enduser.id=alice-id rpc.method=stream-notify-room rpc.system.name=ddp session.id=*
               ddp-streamer: mongodb.find_one client db.collection.name=rocketchat_room db.operation.name=find_one db.system.name=mongodb
               ddp-streamer: mesh.call authorization.canAccessRoomId client mesh.node=core-1 messaging.system=nats rpc.method=authorization/canAccessRoomId rpc.system.name=moleculer",
        )
        .await;

    // One that is refused says so, and so does the span that led to it.
    let (_, refused) = alice
        .try_sub("stream-room-messages", json!(["secret-id", false]))
        .await;
    assert_eq!(refused["msg"], "nosub");
    let refused = trace_of(&collector, "ddp.sub stream-room-messages").await;
    collector
        .tree(
            &refused,
            "ddp-streamer: ddp.sub stream-room-messages server failed ddp.stream.event=secret-id enduser.id=alice-id error.type=not-allowed rpc.method=stream-room-messages rpc.system.name=ddp session.id=*
               ddp-streamer: mongodb.find_one client db.collection.name=rocketchat_room db.operation.name=find_one db.system.name=mongodb
               ddp-streamer: mesh.call authorization.canAccessRoom client mesh.node=core-1 messaging.system=nats rpc.method=authorization/canAccessRoom rpc.system.name=moleculer",
        )
        .await;
}

// contract: telemetry/traces/method
#[tokio::test]
async fn a_logout_is_of_the_user_that_it_logs_out() {
    let (workspace, collector) = workspace(|builder| builder).await;
    let mut alice = workspace.login("alice").await;
    alice.call("logout", json!([])).await;
    let trace = trace_of(&collector, "ddp.method logout").await;
    collector
        .tree(
            &trace,
            "ddp-streamer: ddp.method logout server enduser.id=alice-id rpc.method=logout rpc.system.name=ddp session.id=*
               ddp-streamer: mesh.call accounts.logout client mesh.node=core-1 messaging.system=nats rpc.method=accounts/logout rpc.system.name=moleculer
               ddp-streamer: mesh.call presence.removeConnection client mesh.node=core-1 messaging.system=nats rpc.method=presence/removeConnection rpc.system.name=moleculer",
        )
        .await;
}

// contract: telemetry/traces/errors
#[tokio::test]
async fn an_error_is_told_by_its_code_wherever_it_was_seen() {
    let (workspace, collector) = workspace(|builder| builder).await;
    let mut alice = workspace.login("alice").await;
    for method in ["peer.meteorError", "peer.error"] {
        alice.call(method, json!(["a secret text"])).await;
    }
    let expected = [
        ("peer.meteorError", "error-not-allowed"),
        ("peer.error", "500"),
    ];
    for (method, code) in expected {
        let trace = collector
            .span(method, |span| span.text("rpc.method_original") == method)
            .await
            .trace;
        let tree = format!(
            "ddp-streamer: ddp.method _OTHER server failed enduser.id=alice-id error.type={code} rpc.method=_OTHER rpc.method_original={method} rpc.system.name=ddp session.id=*
               ddp-streamer: mesh.call meteor.callMethodWithToken client failed error.type=RemoteError mesh.node=core-1 messaging.system=nats rpc.method=meteor/callMethodWithToken rpc.system.name=moleculer"
        );
        collector.tree(&trace, &tree).await;
    }
    // Its words are not told.
    let text = collector.text();
    for words in ["plain boom", "Not allowed", "a secret text"] {
        assert!(!text.contains(words), "{words}");
    }
}

// contract: telemetry/traces/cancelled
#[tokio::test]
async fn what_a_client_left_behind_is_told_to_its_end() {
    let admin = free_port();
    let (workspace, collector) =
        workspace(|builder| builder.env("ADMIN_PORT", &admin.to_string())).await;
    // What a client said before it left is done.
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "GENERAL").await;
    let held =
        json!({"action": "meteor.callMethodWithToken", "params": ["*", "*", "echo"], "hold": true});
    workspace.core.ask("behave", held).await;
    alice.begin("echo", json!([1])).await;
    alice.begin("whoami", json!([])).await;
    workspace
        .core_hears("meteor.callMethodWithToken", json!(["*", "*", "echo"]))
        .await;
    alice.shut().await;
    eventually("the client has left", || async {
        let status = http::get(admin, "/status.json").await.ok()?.body;
        let status: serde_json::Value = serde_json::from_str(&status).ok()?;
        (status["clients"]["topicsListenedTo"] == 0).then_some(())
    })
    .await;
    let nothing = |name: &str| {
        let spans = collector.spans();
        let ended = spans
            .iter()
            .any(|span| span.text("rpc.method_original") == name);
        assert!(!ended, "{name}");
    };
    nothing("echo");
    workspace.core.ask("release", json!({})).await;
    let done = |name: &'static str| {
        collector.span(name, move |span| span.text("rpc.method_original") == name)
    };
    assert!(!done("echo").await.failed);
    assert!(!done("whoami").await.failed);

    // Nobody waits for an answer when the service stops.
    let mut bob = workspace.login("bob").await;
    bob.begin("peer.never", json!([])).await;
    workspace
        .core_hears(
            "meteor.callMethodWithToken",
            json!(["*", "*", "peer.never"]),
        )
        .await;
    drop(bob);
    workspace.service.terminate();
    let never = done("peer.never").await;
    collector
        .tree(
            &never.trace,
            "ddp-streamer: ddp.method _OTHER server failed error.type=cancelled rpc.method=_OTHER rpc.method_original=peer.never rpc.system.name=ddp session.id=*
               ddp-streamer: mesh.call meteor.callMethodWithToken client failed error.type=cancelled mesh.node=core-1 messaging.system=nats rpc.method=meteor/callMethodWithToken rpc.system.name=moleculer",
        )
        .await;
    eventually("it ends", || async {
        let stopped = workspace.service.log();
        let said = stopped.iter().any(|line| line["msg"] == "stopped");
        said.then_some(())
    })
    .await;
}

// contract: telemetry/traces/broadcast
#[tokio::test]
async fn what_is_asked_again_is_below_the_event_that_took_something_away() {
    let (workspace, collector) = workspace(|builder| builder).await;
    let mut bob = workspace.login("bob").await;
    bob.listen("notify-room", "private-id/deleteMessage").await;
    let removed = json!([{"clientAction": "removed", "subscription": {"_id": "private-id:bob", "rid": "private-id", "u": {"_id": "bob-id"}}}]);
    workspace.broadcast("watch.subscriptions", removed).await;
    let event = collector
        .span("the event", |span| {
            span.name == "mesh.event watch.subscriptions"
        })
        .await;
    let question = "mesh.call authorization.canAccessRoomId";
    let asked = collector
        .span(question, |span| {
            span.name == question && span.parent == event.id
        })
        .await;
    assert_eq!(asked.trace, event.trace);
}
