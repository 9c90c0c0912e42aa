//! A core with OpenTelemetry's own SDK in it: traces that both processes have spans of.

use serde_json::json;

use super::{sending, trace_of};
use crate::support::{Collector, Workspace};

/// Core and service send to the same collector.
async fn traced() -> (Workspace, Collector) {
    let collector = Collector::start().await;
    let url = format!("http://127.0.0.1:{}/v1/traces", collector.http);
    let workspace = sending(&collector).core("--otlp", &url).start().await;
    (workspace, collector)
}

const CALL: &str = "client mesh.node=core-1 messaging.system=nats";
const EVENT: &str = "mesh.event.refused=0 messaging.destination.template=watch.messages messaging.operation.name=mesh.event \
                     messaging.operation.type=process messaging.system=nats";

// contract: telemetry/traces/whole
#[tokio::test]
async fn one_trace_from_the_click_to_the_frame() {
    let (workspace, collector) = traced().await;
    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.sockjs().await;
    bob.login("bob").await;
    for client in [&mut alice, &mut bob] {
        client.listen("room-messages", "GENERAL").await;
    }
    let message = json!([{"rid": "GENERAL", "msg": "a secret text"}]);
    alice.call("sendMessage", message).await;
    for client in [&mut alice, &mut bob] {
        client.hears("room-messages", "GENERAL").await;
    }
    let sent = collector
        .span("the method", |span| {
            span.text("rpc.method_original") == "sendMessage"
        })
        .await;
    let tree = format!(
        "ddp-streamer: ddp.method _OTHER server enduser.id=alice-id rpc.method=_OTHER rpc.method_original=sendMessage rpc.system.name=ddp session.id=*
           ddp-streamer: mesh.call meteor.callMethodWithToken {CALL} rpc.method=meteor/callMethodWithToken rpc.system.name=moleculer
             core: meteor.callMethodWithToken server
               core: broadcast watch.messages producer
                 ddp-streamer: mesh.event watch.messages consumer mesh.event.deliveries=2 mesh.event.encodings=2 mesh.event.lateness=* {EVENT}"
    );
    collector.tree(&sent.trace, &tree).await;
    assert!(!collector.text().contains("a secret text"));
}

// contract: telemetry/traces/whole
#[tokio::test]
async fn what_an_event_makes_the_service_ask_is_below_it() {
    let (workspace, collector) = traced().await;
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "__my_messages__").await;
    let message = json!({"_id": "m", "rid": "GENERAL", "msg": "x"});
    workspace
        .broadcast("watch.messages", json!([{"message": message}]))
        .await;
    alice.hears("room-messages", "__my_messages__").await;
    let trace = trace_of(&collector, "broadcast watch.messages").await;
    let tree = format!(
        "core: broadcast watch.messages producer
           ddp-streamer: mesh.event watch.messages consumer mesh.event.deliveries=1 mesh.event.encodings=1 mesh.event.lateness=* {EVENT}
             ddp-streamer: mesh.call authorization.canAccessRoom {CALL} rpc.method=authorization/canAccessRoom rpc.system.name=moleculer
               core: authorization.canAccessRoom server"
    );
    collector.tree(&trace, &tree).await;
}

// contract: telemetry/traces/whole, telemetry/traces/errors
#[tokio::test]
async fn an_error_of_the_core_s_is_one_in_every_span_above_it() {
    let (workspace, collector) = traced().await;
    let mut alice = workspace.login("alice").await;
    alice.call("peer.meteorError", json!([])).await;
    let refused = collector
        .span("the method", |span| {
            span.text("rpc.method_original") == "peer.meteorError"
        })
        .await;
    let tree = format!(
        "ddp-streamer: ddp.method _OTHER server failed enduser.id=alice-id error.type=error-not-allowed rpc.method=_OTHER rpc.method_original=peer.meteorError rpc.system.name=ddp session.id=*
           ddp-streamer: mesh.call meteor.callMethodWithToken {} rpc.method=meteor/callMethodWithToken rpc.system.name=moleculer
             core: meteor.callMethodWithToken server failed",
        CALL.replacen("client", "client failed error.type=RemoteError", 1)
    );
    collector.tree(&refused.trace, &tree).await;
}
