//! A collector that is away, slow, or refuses: no client notices, what is lost is told once and counted, and nothing piles up.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{trace_of, workspace};
use crate::support::{Client, Service, Workspace, eventually, free_port, http};

const QUEUE: u64 = 10;
const BATCH: u64 = 5;
const CALLS: u64 = 100;

/// What a full queue is told as; it may come before what the collector says.
const FULL: &str = "OTEL_BSP_MAX_QUEUE_SIZE spans wait already";

/// Why traces are lost, a warning each.
fn warnings(service: &Service) -> Vec<String> {
    let all = service.logged("warn").into_iter();
    let of_it = |line: &Value| {
        let text = line["msg"].as_str();
        text.is_some_and(|text| text.starts_with("traces are lost"))
    };
    let why = |line: Value| line["error"].as_str().expect("a reason").to_owned();
    all.filter(of_it).map(why).collect()
}

/// The figures of the status page about spans.
async fn told(port: u16) -> Value {
    let answer = http::get(port, "/status.json").await.expect("figures");
    let mut page: Value = serde_json::from_str(&answer.body).expect("JSON");
    page["traces"].take()
}

/// A client that calls and calls, and is answered each time; what waits stays within its bound.
async fn nobody_notices(alice: &mut Client, port: u16) {
    for number in 0..CALLS {
        let result = alice.call("echo", json!([number])).await;
        assert_eq!(result["result"], json!([number]));
        let waiting = told(port).await["spansWaiting"].as_u64().expect("a number");
        assert!(waiting <= QUEUE, "{waiting}");
    }
}

/// Status page and metrics say the same once nothing is under way: of so many spans at least.
async fn all_is_counted(admin: u16, metrics: u16, at_least: u64) -> Value {
    eventually("both say the same", || async {
        let page = told(admin).await;
        let scraped = http::get(metrics, "/metrics").await.ok()?.body;
        let count = |outcome: &str| {
            let series = format!("traces_spans_total{{outcome=\"{outcome}\"}} ");
            let value = scraped.lines().find_map(|line| line.strip_prefix(&series));
            value.and_then(|value| value.parse::<u64>().ok())
        };
        let counted = [
            ("spansSent", count("sent")?),
            ("spansDroppedQueueFull", count("dropped_queue")?),
            ("spansDroppedByCollector", count("dropped_collector")?),
        ];
        let same = counted.iter().all(|(name, value)| page[*name] == *value);
        let sum: u64 = counted.iter().map(|(_, value)| value).sum();
        (same && page["spansWaiting"] == 0 && sum >= at_least).then_some(page)
    })
    .await
}

struct Traced {
    workspace: Workspace,
    admin: u16,
    metrics: u16,
}

/// A workspace with a short queue, whose collector is at this port and speaks HTTP.
async fn traced(port: u16) -> Traced {
    traced_with(port, QUEUE).await
}

async fn traced_with(port: u16, queue: u64) -> Traced {
    let (admin, metrics) = (free_port(), free_port());
    let workspace = Workspace::with()
        .env("TRACING_ENABLED", "true")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            &format!("http://127.0.0.1:{port}"),
        )
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .env("OTEL_BSP_MAX_QUEUE_SIZE", &queue.to_string())
        .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &BATCH.to_string())
        .env("ADMIN_PORT", &admin.to_string())
        .env("MS_METRICS", "true")
        .env("MS_METRICS_PORT", &metrics.to_string())
        .start()
        .await;
    Traced {
        workspace,
        admin,
        metrics,
    }
}

const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// One span of the batch is not taken, in an `ExportTraceServiceResponse`.
const PARTLY: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n\x0a\x0b\x08\x01\x12\x07too old";

/// Answers every request with this.
async fn answer(listener: TcpListener, with: &'static [u8]) {
    while let Ok((mut socket, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut some = [0; 65536];
            // Batches here are smaller than that, and come whole or in two parts.
            while socket.read(&mut some).await.is_ok_and(|read| read > 0) {
                if socket.write_all(with).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Takes connections and says nothing.
async fn say_nothing(listener: TcpListener) {
    let mut held: Vec<TcpStream> = Vec::new();
    while let Ok((socket, _)) = listener.accept().await {
        held.push(socket);
    }
}

async fn none_is_sent(stub: impl Future<Output = ()> + Send + 'static, port: u16) {
    tokio::spawn(stub);
    let Traced {
        workspace,
        admin,
        metrics,
    } = traced(port).await;
    let mut alice = workspace.login("alice").await;
    nobody_notices(&mut alice, admin).await;
    // A method and its call.
    let page = all_is_counted(admin, metrics, 2 * CALLS).await;
    assert_eq!(page["spansSent"], 0, "{page}");
    let told = warnings(&workspace.service);
    let (full, others): (Vec<_>, Vec<_>) = told.iter().partition(|why| *why == FULL);
    assert!(full.len() <= 1 && others.len() == 1, "{told:?}");
    assert!(others[0].contains("HTTP export failed"), "{told:?}");
}

// contract: telemetry/traces/collector-rejects
#[tokio::test]
async fn spans_that_a_collector_rejects_are_counted_and_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(answer(listener, PARTLY));
    let Traced {
        workspace,
        admin,
        metrics,
    } = traced_with(port, 1000).await;
    let mut alice = workspace.login("alice").await;
    alice.call("echo", json!([1])).await;
    let page = all_is_counted(admin, metrics, 2).await;
    assert!(page["spansDroppedByCollector"].as_u64() > Some(0), "{page}");
    assert_eq!(
        warnings(&workspace.service),
        ["the collector rejects spans: too old"]
    );
}

// contract: telemetry/traces/collector-refuses
#[tokio::test]
async fn a_collector_that_refuses_costs_one_warning() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    none_is_sent(answer(listener, REFUSAL), port).await;
}

// contract: telemetry/traces/collector-slow
#[tokio::test]
async fn a_collector_that_says_nothing_costs_one_warning() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    none_is_sent(say_nothing(listener), port).await;
}

// contract: telemetry/traces/collector-away
#[tokio::test]
async fn a_collector_that_comes_back_is_sent_spans_again() {
    let (admin, metrics) = (free_port(), free_port());
    let (workspace, mut collector) = workspace(|builder| {
        builder
            .env("OTEL_BSP_MAX_QUEUE_SIZE", &QUEUE.to_string())
            .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &BATCH.to_string())
            .env("ADMIN_PORT", &admin.to_string())
            .env("MS_METRICS", "true")
            .env("MS_METRICS_PORT", &metrics.to_string())
    })
    .await;
    let mut alice = workspace.login("alice").await;
    trace_of(&collector, "ddp.method login").await;
    collector.kill().await;
    alice.call("echo", json!([0])).await;
    eventually("the loss is told", || {
        let said = warnings(&workspace.service);
        async move { (!said.is_empty()).then_some(()) }
    })
    .await;
    nobody_notices(&mut alice, admin).await;
    assert_eq!(warnings(&workspace.service).len(), 1);
    let page = all_is_counted(admin, metrics, 2 * CALLS).await;
    assert_ne!(page["spansDroppedByCollector"], 0, "{page}");

    collector.restart().await;
    let back = "the collector takes traces again";
    // Each answer is a span more: one of them goes out on a connection that is there.
    let alice = tokio::sync::Mutex::new(alice);
    eventually(back, || async {
        alice.lock().await.call("echo", json!([0])).await;
        let said = workspace.service.logged("info");
        said.iter().any(|line| line["msg"] == back).then_some(())
    })
    .await;
    let mut alice = alice.into_inner();
    alice.call("peer.true", json!([])).await;
    let span = collector
        .span("spans arrive again", |span| {
            span.text("rpc.method_original") == "peer.true"
        })
        .await;
    assert!(!span.failed);
    // One a trouble: a batch that was on its way when the collector came may be lost after another was taken.
    assert!((1..=2).contains(&warnings(&workspace.service).len()));
    let after = all_is_counted(admin, metrics, 2 * CALLS).await;
    assert!(
        after["spansSent"].as_u64() > page["spansSent"].as_u64(),
        "{after}"
    );
}
