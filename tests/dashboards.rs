//! What watches the service (deploy/): the lint of what is exported, the alerts, the dashboard. Each name and label that they query is in a real scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::relay::edge;
use crate::support::ddp_server::DdpServer;
use crate::support::tls::Certificate;
use crate::support::{Workspace, free_port, http, root};

/// What `promtool check metrics` says of names that reference/telemetry.md fixes, since dashboards read them.
const FIXED: &[(&str, &str)] = &[
    (
        "moleculer_",
        "non-counter metrics should not have \"_total\" suffix",
    ),
    (
        "moleculer_",
        "metric names should not contain abbreviated units",
    ),
    (
        "moleculer_",
        "label names should be written in 'snake_case'",
    ),
    ("users_", "label names should be written in 'snake_case'"),
];

/// Labels that Prometheus gives to whatever it scrapes, and the parts of histograms and summaries.
const GIVEN: &[&str] = &["instance", "job", "le", "quantile"];

async fn promtool(args: &[&str], stdin: &str) -> (bool, String) {
    let mut child = Command::new(root().join(".cache/bin/promtool"))
        .current_dir(root())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool (make fixtures)");
    let mut input = child.stdin.take().expect("stdin");
    input.write_all(stdin.as_bytes()).await.expect("it reads");
    drop(input);
    let output = child.wait_with_output().await.expect("it ends");
    let said = [output.stdout, output.stderr].map(|out| String::from_utf8_lossy(&out).into_owned());
    (output.status.success(), said.concat())
}

/// What Prometheus itself says of whatever it scrapes.
const UP: &str = "up";

/// What a scraper reads of a service whose database is a real one, after somebody did something.
async fn scrape() -> String {
    let port = free_port();
    let workspace = Workspace::with()
        .env("MS_METRICS", "true")
        .env("MS_METRICS_PORT", &port.to_string())
        .database()
        .start()
        .await;
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "GENERAL").await;
    alice.call("echo", json!([1])).await;
    let message = json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "hello"}}]);
    workspace.broadcast("watch.messages", message).await;
    alice.hears("room-messages", "GENERAL").await;
    http::get(port, "/metrics").await.expect("metrics").body
}

/// What it reads of one in front of a single server, with TLS.
async fn scrape_relay() -> String {
    let server = DdpServer::start().await;
    let port = free_port().to_string();
    let certificate = Certificate::new();
    let mut env = vec![("MS_METRICS", "true"), ("MS_METRICS_PORT", &*port)];
    let tls = certificate.env();
    env.extend(tls.iter().map(|(name, value)| (*name, &**value)));
    let _edge = edge(&server, &env).await;
    let port = port.parse().expect("a port");
    http::get(port, "/metrics").await.expect("metrics").body
}

/// Every metric that is there, with its labels.
fn exported(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a name"));
        let labels = all.entry(name.to_owned()).or_default();
        let inside = rest
            .strip_prefix('{')
            .and_then(|rest| rest.rsplit_once('}'));
        // Values hold no quotes and no commas before a name.
        for pair in inside.map_or("", |(inside, _)| inside).split("\",") {
            labels.extend(pair.split_once('=').map(|(label, _)| label.to_owned()));
        }
    }
    all
}

/// The metrics that a query names, with the labels that it asks of each by name, and those that it groups by.
fn queried(query: &str) -> (BTreeMap<String, BTreeSet<String>>, BTreeSet<String>) {
    let (mut metrics, mut grouped) = (BTreeMap::<String, BTreeSet<String>>::new(), BTreeSet::new());
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = query;
    while let Some(at) =
        rest.find(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '[' || c == '"')
    {
        rest = &rest[at..];
        // A duration, or a text.
        if let Some(inside) = rest.strip_prefix(['[', '"']) {
            rest = &inside[inside.find([']', '"']).expect("its end") + 1..];
            continue;
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after.trim_start();
        match word {
            "by" | "on" | "ignoring" | "without" => {
                let (list, after) = rest
                    .strip_prefix('(')
                    .and_then(|rest| rest.split_once(')'))
                    .expect("a list");
                grouped.extend(list.split(',').map(|label| label.trim().to_owned()));
                rest = after;
            }
            "and" | "or" | "unless" => {}
            // A function or an aggregation.
            _ if rest.starts_with('(') || rest.starts_with("by ") => {}
            _ => {
                let labels = metrics.entry(word.to_owned()).or_default();
                if let Some((inside, after)) =
                    rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
                {
                    let asked = inside
                        .split("\",")
                        .filter_map(|pair| pair.split_once(['=', '!']));
                    labels
                        .extend(asked.map(|(label, _)| label.trim_matches([' ', ',']).to_owned()));
                    rest = after;
                }
            }
        }
    }
    (metrics, grouped)
}

/// Every `expr` below.
fn queries(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(query) if name == "expr" => out.push(query.clone()),
                    other => queries(other, out),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|one| queries(one, out)),
        _ => {}
    }
}

/// The queries of the alerts: `expr: …`, or `expr: >-` with what is indented below it.
fn alert_queries(yaml: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = yaml.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(query) = line.trim().strip_prefix("expr: ") else {
            continue;
        };
        let mut query = query.trim_start_matches(">-").to_owned();
        let deep = |line: &str| line.len() - line.trim_start().len();
        while lines.peek().is_some_and(|next| deep(next) > deep(line)) {
            query.push(' ');
            query.push_str(lines.next().unwrap_or_default().trim());
        }
        found.push(query);
    }
    found
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

// contract: telemetry/metrics/lint
#[tokio::test]
async fn what_is_exported_is_clean_and_has_all_that_is_queried() {
    let text = scrape().await;
    let (_, said) = promtool(&["check", "metrics"], &text).await;
    let fixed = |line: &str| {
        let known =
            |(prefix, words): &(&str, &str)| line.starts_with(prefix) && line.contains(words);
        FIXED.iter().any(known)
    };
    let complaints: Vec<_> = said
        .lines()
        .filter(|line| !line.is_empty() && !fixed(line))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");

    let mut exported = exported(&text);
    let of_relay = self::exported(&scrape_relay().await);
    // What a deployment does not have does not look as if it were away, and what it has is there from the start.
    let only_in_a_mesh = [
        "nats_connected",
        "moleculer_registry_nodes_online_total",
        "mesh_service_nodes",
        "users_logged",
    ];
    for (metric, in_a_mesh) in only_in_a_mesh
        .map(|metric| (metric, true))
        .into_iter()
        .chain([("relay_server_up", false)])
    {
        assert_eq!(exported.contains_key(metric), in_a_mesh, "{metric}");
        assert_eq!(of_relay.contains_key(metric), !in_a_mesh, "{metric}");
    }
    assert!(of_relay.contains_key("ddp_sessions_closed_total"));
    for (metric, labels) in of_relay {
        exported.entry(metric).or_default().extend(labels);
    }
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/ddp-streamer.json")).unwrap();
    let mut all = alert_queries(&read("deploy/prometheus/alerts.yml"));
    assert!(all.len() > 10, "{all:#?}");
    queries(&dashboard, &mut all);
    assert!(all.len() > 50, "{all:#?}");
    for query in &all {
        let (metrics, grouped) = queried(query);
        assert!(!metrics.is_empty(), "{query}");
        let mut known: BTreeSet<&str> = GIVEN.iter().copied().collect();
        for (metric, labels) in metrics.iter().filter(|(metric, _)| *metric != UP) {
            let there = exported
                .get(metric)
                .unwrap_or_else(|| panic!("{metric} of {query} is not in\n{text}"));
            known.extend(there.iter().map(String::as_str));
            for label in labels {
                let given = GIVEN.contains(&label.as_str());
                assert!(
                    given || there.contains(label),
                    "{metric} has no {label}: {query}"
                );
            }
        }
        for label in &grouped {
            assert!(
                known.contains(label.as_str()),
                "nothing has {label}: {query}"
            );
        }
    }
}

// contract: telemetry/metrics/alerts
#[tokio::test]
async fn alerts_are_what_they_say_and_each_has_its_runbook() {
    let (well, said) = promtool(&["check", "rules", "deploy/prometheus/alerts.yml"], "").await;
    assert!(well, "{said}");
    let (well, said) = promtool(&["test", "rules", "tests/prometheus/alerts_test.yml"], "").await;
    assert!(well, "{said}");

    let (rules, tests) = (
        read("deploy/prometheus/alerts.yml"),
        read("tests/prometheus/alerts_test.yml"),
    );
    let page = read("docs/operate.md");
    let names = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let names: Vec<_> = names.collect();
    assert!(names.len() > 10);
    for name in names {
        assert!(
            rules.contains(&format!("runbook: docs/operate.md#{}", name.to_lowercase())),
            "{name}"
        );
        assert!(
            page.contains(&format!("### {name}\n")),
            "{name} is not on the page"
        );
        assert!(
            tests.contains(&format!("alertname: {name}\n")),
            "{name} is not tested"
        );
    }
}

#[test]
fn queries_are_read_as_prometheus_reads_them() {
    let (metrics, grouped) = queried(
        "histogram_quantile(0.95, sum by (action, le) (rate(a_bucket{x=\"1,y=2\", z!=\"3\"}[$__rate_interval]))) > 2 and on (job) b",
    );
    let names: Vec<_> = metrics.keys().map(String::as_str).collect();
    assert_eq!(names, ["a_bucket", "b"]);
    let labels: Vec<_> = metrics["a_bucket"].iter().map(String::as_str).collect();
    assert_eq!(labels, ["x", "z"]);
    let grouped: Vec<_> = grouped.iter().map(String::as_str).collect();
    assert_eq!(grouped, ["action", "job", "le"]);
}
