//! A client chooses names as it likes: none of them is told as one.

use std::collections::BTreeSet;

use serde_json::json;

use super::workspace;
use crate::support::{eventually, free_port, http};

/// Different names: half of them methods, half publications.
const NAMES: usize = 10_000;
/// Asked before the first answer is awaited.
const AT_ONCE: usize = 50;

// contract: telemetry/traces/names, telemetry/metrics/labels
#[tokio::test]
async fn ten_thousand_names_of_a_client_s_are_one() {
    let port = free_port();
    let (workspace, collector) = workspace(|builder| {
        builder
            .env("MS_METRICS", "true")
            .env("MS_METRICS_PORT", &port.to_string())
            .env("LOG_LEVEL", "info")
            .env("OTEL_BSP_MAX_QUEUE_SIZE", "100000")
    })
    .await;
    let mut alice = workspace.login("alice").await;
    for first in (0..NAMES / 2).step_by(AT_ONCE) {
        let mut methods = Vec::new();
        for number in first..first + AT_ONCE {
            let publication = format!("chosen-{}", NAMES / 2 + number);
            alice
                .send(json!({"msg": "sub", "id": publication, "name": publication, "params": []}))
                .await;
            let method = format!("chosen-{number}");
            methods.push((alice.begin(&method, json!([])).await, publication));
        }
        for (id, publication) in methods {
            alice
                .expect(json!({"msg": "nosub", "id": publication}))
                .await;
            alice.expect(json!({"msg": "result", "id": id})).await;
            alice
                .expect(json!({"msg": "updated", "methods": [id]}))
                .await;
        }
    }
    let is_chosen = |name: &str| name.contains("chosen-");
    eventually("every span came", || async {
        let spans = collector.spans();
        let given = spans.iter().map(|span| span.text("rpc.method_original"));
        let given: BTreeSet<_> = given.filter(|name| is_chosen(name)).collect();
        (given.len() == NAMES).then_some(())
    })
    .await;
    let spans = collector.spans();
    let names: BTreeSet<_> = spans.iter().map(|span| span.name.as_str()).collect();
    // The service asks the core for this and that by itself: by names of its own.
    let (of_clients, own): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| name.starts_with("ddp."));
    assert_eq!(
        of_clients,
        ["ddp.method _OTHER", "ddp.method login", "ddp.sub _OTHER"]
    );
    assert!(!own.iter().any(|name| is_chosen(name)), "{own:?}");
    for span in &spans {
        let told = span
            .attributes
            .iter()
            .filter(|(name, _)| *name != "rpc.method_original");
        let told = told.map(|(_, value)| value.to_string());
        let resource = span.resource.values().map(ToString::to_string);
        for value in told.chain(resource) {
            assert!(!is_chosen(&value), "{value}");
        }
    }

    let scraped = http::get(port, "/metrics").await.expect("metrics").body;
    assert!(scraped.contains("_OTHER"));
    assert!(!is_chosen(&scraped));
    assert!(scraped.contains("traces_spans_total{outcome=\"dropped_queue\"} 0"));
}
