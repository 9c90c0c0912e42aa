//! Contexts in `meta.optl`, both ways, whatever the mesh's encoding.

use serde_json::{Value, json};

use super::{SENDER, SENDERS_TRACE, workspace};

const STATE: &str = "vendor=value,other=1";

// contract: telemetry/traces/serializers
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
    let own = |span: &crate::support::collector::Span| json!({"traceparent": format!("00-{}-{}-01", span.trace, span.id)});
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
    alice.listen("room-messages", "GENERAL").await;
    let message = json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "x"}}]);
    let meta = json!({"optl": {"traceparent": SENDER, "tracestate": STATE}});
    let event: Value = json!({"event": "watch.messages", "args": message, "meta": meta});
    workspace.core.ask("broadcast", event).await;
    alice.hears("room-messages", "GENERAL").await;
    let event = collector
        .span("the event", |span| span.trace == SENDERS_TRACE)
        .await;
    assert_eq!(
        (
            event.name.as_str(),
            event.parent.as_str(),
            event.state.as_str()
        ),
        ("mesh.event watch.messages", "00f067aa0ba902b7", STATE),
        "{serializer}"
    );
}
