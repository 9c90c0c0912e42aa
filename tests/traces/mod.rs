//! Traces (reference/telemetry.md): what a real collector is sent, span by span.

mod check;
mod contexts;
mod core;
mod names;
mod privacy;
mod trees;
mod trouble;

use serde_json::json;

use crate::support::collector::Builder;
use crate::support::process::TempDir;
use crate::support::service::Service;
use crate::support::tls::{Certificate, HOST};
use crate::support::workspace::Builder as WorkspaceBuilder;
use crate::support::{Client, Collector, Workspace};

/// A service without a mesh, whose traces go to this collector.
fn traced(collector: &Collector, env: &[(&str, &str)]) -> Service {
    let mut all = Service::usual_env("nats://127.0.0.1:1");
    let own = collector.env().into_iter();
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let more = env.iter();
    all.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Service::spawn(&all)
}

/// Once it listens: a client that shook hands.
async fn client(service: &Service) -> Client {
    let port = service.port;
    crate::support::eventually("the service listens", || async move {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .ok()
    })
    .await;
    Client::connect_to(port, "/websocket").await
}

/// A way to a collector, and what the service is told of it.
struct Way {
    collector: Builder,
    http: bool,
    env: Vec<(&'static str, String)>,
}

async fn a_span_arrives(way: Way) {
    let collector = way.collector.start().await;
    let scheme = if collector.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let port = if way.http {
        collector.http
    } else {
        collector.grpc
    };
    let endpoint = format!("{scheme}://{HOST}:{port}");
    let mut env: Vec<_> = way
        .env
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    env.push(("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint));
    if way.http {
        env.push(("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"));
    }
    let service = traced(&collector, &env);
    let mut client = client(&service).await;
    client.call("echo", json!([1])).await;
    let span = collector
        .span("the method's span", |span| {
            span.text("rpc.method_original") == "echo"
        })
        .await;
    assert_eq!(span.name, "ddp.method _OTHER");
    assert_eq!(span.resource["service.version"], env!("CARGO_PKG_VERSION"));
}

// contract: telemetry/traces/transport, configuration/variable/OTEL_EXPORTER_OTLP_ENDPOINT
// contract: configuration/variable/OTEL_EXPORTER_OTLP_PROTOCOL, configuration/variable/OTEL_EXPORTER_OTLP_HEADERS
// contract: configuration/variable/OTEL_EXPORTER_OTLP_COMPRESSION, configuration/variable/OTEL_EXPORTER_OTLP_CERTIFICATE
// contract: configuration/variable/OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE
// contract: configuration/variable/OTEL_EXPORTER_OTLP_CLIENT_KEY, configuration/variable/TLS_CA_PATH
#[tokio::test]
async fn by_grpc_and_by_http_with_tls_headers_and_compression() {
    let (own, mutual, client) = (Certificate::new(), Certificate::new(), Certificate::new());
    let path = |path: std::path::PathBuf| path.display().to_string();
    let (own_chain, mutual_chain) = (path(own.chain()), path(mutual.chain()));
    let headers = (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "Authorization=Bearer%20let-me-in".to_owned(),
    );
    let ways = [
        Way {
            collector: Collector::with(),
            http: false,
            env: vec![],
        },
        Way {
            collector: Collector::with(),
            http: true,
            env: vec![],
        },
        Way {
            collector: Collector::with().token("let-me-in"),
            http: false,
            env: vec![
                headers.clone(),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".into()),
            ],
        },
        Way {
            collector: Collector::with().tls(own).token("let-me-in"),
            http: true,
            env: vec![
                headers,
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".into()),
                ("TLS_CA_PATH", own_chain),
            ],
        },
        Way {
            collector: Collector::with().tls(mutual).client(client.chain()),
            http: false,
            env: vec![
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", mutual_chain),
                (
                    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                    path(client.chain()),
                ),
                ("OTEL_EXPORTER_OTLP_CLIENT_KEY", path(client.key())),
            ],
        },
    ];
    for way in ways {
        a_span_arrives(way).await;
    }
}

/// The exporter reads the environment too, and would lay it over what holds.
// contract: configuration/variable/OTEL_EXPORTER_OTLP_TRACES_HEADERS
#[tokio::test]
async fn headers_of_the_environment_give_way_to_those_of_traces_in_the_file() {
    let file = TempDir::new("config");
    let path = file.path().join("config.toml");
    let own = "otel_exporter_otlp_traces_headers = 'Authorization=Bearer%20let-me-in'";
    std::fs::write(&path, own).expect("a file");
    for http in [false, true] {
        a_span_arrives(Way {
            collector: Collector::with().token("let-me-in"),
            http,
            env: vec![
                ("CONFIG_FILE", path.display().to_string()),
                (
                    "OTEL_EXPORTER_OTLP_HEADERS",
                    "authorization=Bearer%20stale,Authorization=stale".into(),
                ),
            ],
        })
        .await;
    }
}

/// A workspace whose service sends what it does to a collector.
async fn workspace(
    configure: impl FnOnce(WorkspaceBuilder) -> WorkspaceBuilder,
) -> (Workspace, Collector) {
    let collector = Collector::start().await;
    let workspace = configure(sending(&collector)).start().await;
    (workspace, collector)
}

/// Such a workspace, not yet started.
fn sending(collector: &Collector) -> WorkspaceBuilder {
    let builder = Workspace::with().env("NODE_ID", "streamer-1");
    let env = collector.env().into_iter();
    env.fold(builder, |builder, (name, value)| builder.env(name, &value))
}

const SENDER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SENDERS_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The trace of the first span that is so called.
async fn trace_of(collector: &Collector, name: &str) -> String {
    collector.span(name, |span| span.name == name).await.trace
}

// contract: telemetry/traces/method, telemetry/traces/secrets, configuration/variable/TRACING_ENABLED
#[tokio::test]
async fn a_method_is_followed_to_the_core_and_no_secret_leaves() {
    let (workspace, collector) = workspace(|builder| builder).await;
    let mut alice = workspace.login("alice").await;
    alice.call("echo", json!(["a secret text"])).await;
    alice.call("peer.meteorError", json!([])).await;

    let login = trace_of(&collector, "ddp.method login").await;
    collector
        .tree(
            &login,
            "ddp-streamer: ddp.method login server enduser.id=alice-id rpc.method=login rpc.system.name=ddp session.id=*
               ddp-streamer: mesh.call accounts.login client mesh.node=core-1 messaging.system=nats rpc.method=accounts/login rpc.system.name=moleculer
               ddp-streamer: mesh.call presence.newConnection client mesh.node=core-1 messaging.system=nats rpc.method=presence/newConnection rpc.system.name=moleculer",
        )
        .await;
    let echo = collector
        .span("echo", |span| span.text("rpc.method_original") == "echo")
        .await;
    collector
        .tree(
            &echo.trace,
            "ddp-streamer: ddp.method _OTHER server enduser.id=alice-id rpc.method=_OTHER rpc.method_original=echo rpc.system.name=ddp session.id=*
               ddp-streamer: mesh.call meteor.callMethodWithToken client mesh.node=core-1 messaging.system=nats rpc.method=meteor/callMethodWithToken rpc.system.name=moleculer",
        )
        .await;
    let refused = collector
        .span("the error", |span| {
            span.text("rpc.method_original") == "peer.meteorError"
        })
        .await;
    assert!(refused.failed);
    assert_eq!(refused.text("error.type"), "error-not-allowed");

    // The core was told where it stands.
    let spans = collector.spans();
    let of_core = |action: &str| {
        let name = format!("mesh.call {action}");
        let span = spans
            .iter()
            .find(|span| span.name == name)
            .expect("its span");
        format!("00-{}-{}-01", span.trace, span.id)
    };
    let heard = workspace.core_heard("accounts.login").await;
    let call = heard
        .iter()
        .find(|one| one["kind"] == "call")
        .expect("a call");
    assert_eq!(
        call["meta"]["optl"]["traceparent"],
        of_core("accounts.login")
    );
    // The event of the same name went along with the method itself.
    let event = heard
        .iter()
        .find(|one| one["kind"] == "event")
        .expect("an event");
    let whole = spans
        .iter()
        .find(|span| span.name == "ddp.method login")
        .expect("its span");
    assert_eq!(
        event["meta"]["optl"]["traceparent"],
        format!("00-{}-{}-01", whole.trace, whole.id)
    );

    let text = collector.text();
    for secret in ["alice-token", "a secret text", "hashedToken", "password"] {
        assert!(!text.contains(secret), "{secret}");
    }
    // A line of the log says where it belongs.
    let traced = workspace
        .service
        .log()
        .into_iter()
        .filter(|line| line["trace_id"].is_string());
    assert!(
        traced
            .into_iter()
            .all(|line| line["span_id"].as_str().is_some_and(|id| id.len() == 16))
    );
}

// contract: telemetry/traces/broadcast
#[tokio::test]
async fn a_broadcast_is_one_span_below_its_sender() {
    let (workspace, collector) = workspace(|builder| builder).await;
    let mut listeners = Vec::new();
    for name in ["alice", "bob"] {
        let mut client = workspace.login(name).await;
        client.listen("room-messages", "GENERAL").await;
        listeners.push(client);
    }
    let broadcast = |room: &str, traceparent: &str| {
        let args = json!([{"message": {"_id": "m", "rid": room, "msg": "a secret text"}}]);
        let meta = json!({"optl": {"traceparent": traceparent}});
        json!({"event": "watch.messages", "args": args, "meta": meta})
    };
    // Nobody hears the first, and its sender is not sampled.
    let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4735-00f067aa0ba902b7-00";
    workspace
        .core
        .ask("broadcast", broadcast("nobody", unsampled))
        .await;
    workspace
        .core
        .ask("broadcast", broadcast("GENERAL", unsampled))
        .await;
    workspace
        .core
        .ask("broadcast", broadcast("GENERAL", SENDER))
        .await;
    workspace
        .core
        .ask("broadcast", broadcast("nobody", SENDER))
        .await;
    for client in &mut listeners {
        client.hears("room-messages", "GENERAL").await;
        client.hears("room-messages", "GENERAL").await;
    }
    let event = |deliveries: u8, encodings: u8| {
        format!(
            "ddp-streamer: mesh.event watch.messages consumer mesh.event.deliveries={deliveries} mesh.event.encodings={encodings} mesh.event.lateness=* \
             mesh.event.refused=0 messaging.destination.template=watch.messages messaging.operation.name=mesh.event messaging.operation.type=process messaging.system=nats"
        )
    };
    let tree = format!("{}\n  {}", event(2, 1), event(0, 0));
    // Both are below a span that the collector does not have: beside each other.
    let tree = tree.replace("\n  ", "\n");
    collector.tree(SENDERS_TRACE, &tree).await;
    let text = collector.text();
    assert!(
        !text.contains("4bf92f3577b34da6a3ce929d0e0e4735"),
        "the sender's decision holds"
    );
    assert!(!text.contains("a secret text"));
}

// contract: telemetry/traces/plain
#[tokio::test]
async fn contexts_are_headers_on_the_plain_broker() {
    let (workspace, collector) = workspace(|builder| builder.plain()).await;
    let nats = workspace.nats.connect().await;
    let mut calls = crate::support::nats::listening(&nats, "rpc.>").await;
    let mut alice = workspace.login("alice").await;
    // The core calls as well, and carries nothing.
    let call = loop {
        let call = futures_util::StreamExt::next(&mut calls)
            .await
            .expect("a call");
        if call.subject.as_str() == "rpc.accounts.login" {
            break call;
        }
    };
    let name = format!(
        "mesh.call {}",
        call.subject.strip_prefix("rpc.").expect("its subject")
    );
    let header = |name: &str| call.headers.as_ref()?.get(name).map(ToString::to_string);
    let traceparent = header("traceparent").expect("the context");
    let span = collector
        .span("the call", |span| {
            span.name == name && traceparent.contains(&span.id)
        })
        .await;
    assert_eq!(traceparent, format!("00-{}-{}-01", span.trace, span.id));

    alice.listen("room-messages", "GENERAL").await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("traceparent", SENDER);
    let args = json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "x"}}]).to_string();
    nats.publish_with_headers("event.watch.messages", headers, args.into())
        .await
        .unwrap();
    alice.hears("room-messages", "GENERAL").await;
    let event = collector
        .span("the event", |span| span.trace == SENDERS_TRACE)
        .await;
    assert_eq!(event.parent, "00f067aa0ba902b7");
    assert_eq!(event.attributes["mesh.event.deliveries"], 1);
}
