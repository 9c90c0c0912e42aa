//! Contexts in `meta.optl`, both ways, whatever the mesh's encoding.

use serde_json::{Value, json};

use super::{SENDER, SENDERS_TRACE, workspace};
use crate::support::collector::Span;

const STATE: &str = "vendor=value,other=1";

// contract: telemetry/traces/serializers, mesh/call/trace-context
#[tokio::test]
async fn every_encoding_carries_contexts_both_ways() {
    for serializer in ["EJSON", "JSON", "MsgPack", "Notepack", "CBOR", "ProtoBuf"] {
        both_ways(serializer).await;
    }
}

async fn both_ways(serializer: &str) {
    let (workspace, collector) = workspace(|builder| {
        builder
            .env("SERIALIZER", serializer)
            .core("--serializer", serializer)
    })
    .await;
    let sent = async |name: &str, kind: &str| {
        let one = json!({"match": {"name": name, "kind": kind}});
        workspace.core.ask("await", one).await[0]["meta"]["optl"].take()
    };

    // Ours: a call has its own, an event that of the request.
    let mut alice = workspace.login("alice").await;
    let call = collector
        .span("the call", |span| span.name == "mesh.call accounts.login")
        .await;
    let request = collector
        .span("the request", |span| span.name == "ddp.method login")
        .await;
    let own = |span: &Span| json!({"traceparent": format!("00-{}-{}-01", span.trace, span.id)});
    assert_eq!(
        sent("accounts.login", "call").await,
        own(&call),
        "{serializer}"
    );
    assert_eq!(
        sent("accounts.login", "event").await,
        own(&request),
        "{serializer}"
    );

    // Theirs: an event, and what we then ask on its behalf.
    alice.listen("room-messages", "__my_messages__").await;
    let message = json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "x"}}]);
    let meta = json!({"optl": {"traceparent": SENDER, "tracestate": STATE}});
    let event: Value = json!({"event": "watch.messages", "args": message, "meta": meta});
    workspace.core.ask("broadcast", event).await;
    alice.hears("room-messages", "__my_messages__").await;
    let of_theirs = async |name: &'static str| {
        let like = |span: &Span| span.trace == SENDERS_TRACE && span.name == name;
        collector.span(name, like).await
    };
    let event = of_theirs("mesh.event watch.messages").await;
    assert_eq!(
        (event.parent.as_str(), event.state.as_str()),
        ("00f067aa0ba902b7", STATE),
        "{serializer}"
    );
    let asked = of_theirs("mesh.call authorization.canAccessRoom").await;
    assert_eq!(asked.parent, event.id, "{serializer}");
    let mut with_state = own(&asked);
    with_state["tracestate"] = json!(STATE);
    assert_eq!(
        sent("authorization.canAccessRoom", "call").await,
        with_state,
        "{serializer}"
    );
}
