//! What a scraper reads (reference/telemetry.md, "Metrics"), line by line, after people did what people do.

use serde_json::json;

use crate::several::another;
use crate::support::service::Service;
use crate::support::{Client, DEADLINE, Workspace, eventually, free_port, http};

const NODE: &str = "streamer-1";

/// A workspace whose service counts, and where it is read.
async fn counted(env: &[(&str, &str)]) -> (Workspace, Metrics) {
    let port = free_port();
    let mut builder = Workspace::with()
        .env("MS_METRICS", "true")
        .env("MS_METRICS_PORT", &port.to_string())
        .env("NODE_ID", NODE);
    for (name, value) in env {
        builder = builder.env(name, value);
    }
    (builder.start().await, Metrics { port })
}

struct Metrics {
    port: u16,
}

impl Metrics {
    async fn text(&self) -> String {
        let answer = http::get(self.port, "/metrics").await.expect("metrics");
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .head
                .to_lowercase()
                .contains("content-type: text/plain; version=0.0.4"),
            "{}",
            answer.head
        );
        answer.body
    }

    /// Waits until all of these lines are there: what a client sees comes before what is counted of it.
    async fn say(&self, lines: &[&str]) {
        let missing = std::cell::RefCell::new(String::new());
        let search = eventually("the lines are there", || async {
            let text = self.text().await;
            let has = |line: &&&str| text.lines().any(|one| one == **line);
            let gone: Vec<_> = lines.iter().filter(|line| !has(line)).collect();
            *missing.borrow_mut() = format!("{gone:#?} not in\n{text}");
            gone.is_empty().then_some(())
        });
        let found = tokio::time::timeout(DEADLINE * 9 / 10, search).await;
        assert!(found.is_ok(), "{}", missing.borrow());
    }

    /// The value of the one line that begins so.
    async fn value(&self, series: &str) -> f64 {
        let text = self.text().await;
        let line = text.lines().find_map(|line| {
            line.strip_prefix(series)
                .and_then(|rest| rest.strip_prefix(' '))
        });
        line.and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("{series} is not in\n{text}"))
    }
}

// contract: telemetry/metrics/known, telemetry/metrics/labels, configuration/variable/MS_METRICS
// contract: configuration/variable/MS_METRICS_PORT
#[tokio::test]
async fn what_people_do_is_counted() {
    let (mut workspace, metrics) = counted(&[("MAX_CONCURRENT_CONNECTIONS", "2")]).await;
    metrics
        .say(&[
            "users_connected{nodeID=\"streamer-1\"} 0",
            "users_logged{nodeID=\"streamer-1\"} 0",
            "nats_connected 1",
            "moleculer_registry_nodes_total{namespace=\"\",nodeID=\"streamer-1\"} 2",
            "moleculer_registry_nodes_online_total{namespace=\"\",nodeID=\"streamer-1\"} 2",
            "moleculer_event_broadcast_local_total{namespace=\"\",nodeID=\"streamer-1\",event=\"$node.connected\"} 1",
        ])
        .await;

    let mut alice = workspace.login("alice").await;
    let mut bob = workspace.sockjs().await;
    bob.login("bob").await;
    for client in [&mut alice, &mut bob] {
        client.listen("room-messages", "GENERAL").await;
    }
    let refused = Client::open_with(workspace.service.port, "/websocket", &[]).await;
    assert!(refused.is_err(), "two are the limit");
    assert_eq!(
        alice.try_sub("a-name-of-mine", json!([])).await.1["msg"],
        "nosub"
    );
    alice.call("echo", json!([1])).await;
    alice.call("peer.meteorError", json!([])).await;
    workspace
        .broadcast(
            "watch.messages",
            json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "hello"}}]),
        )
        .await;
    for client in [&mut alice, &mut bob] {
        client.hears("room-messages", "GENERAL").await;
    }
    // Not of the documented form.
    workspace
        .broadcast("watch.messages", json!([{"message": 7}]))
        .await;

    let login = "namespace=\"\",nodeID=\"streamer-1\",service=\"accounts\",action=\"accounts.login\",type=\"remote\",caller=\"\"";
    let method = "namespace=\"\",nodeID=\"streamer-1\",service=\"meteor\",action=\"meteor.callMethodWithToken\",type=\"remote\",caller=\"\"";
    metrics
        .say(&[
            // What dashboards for Rocket.Chat read.
            "users_connected{nodeID=\"streamer-1\"} 2",
            "users_logged{nodeID=\"streamer-1\"} 2",
            "rocketchat_subscription_count{subscription=\"stream-room-messages\"} 2",
            "rocketchat_subscription_count{subscription=\"_OTHER\"} 1",
            "# TYPE rocketchat_subscription summary",
            // What dashboards for Moleculer read.
            &format!("moleculer_request_total{{{login}}} 2"),
            &format!("moleculer_request_time_count{{{login}}} 2"),
            &format!("moleculer_request_total{{{method}}} 2"),
            &format!("moleculer_request_error_total{{{method},errorName=\"RemoteError\"}} 1"),
            "moleculer_event_broadcast_total{namespace=\"\",nodeID=\"streamer-1\",event=\"socket.connected\"} 2",
            "moleculer_event_broadcast_total{namespace=\"\",nodeID=\"streamer-1\",event=\"accounts.login\"} 2",
            // Sessions.
            "ddp_sessions{transport=\"raw\"} 1",
            "ddp_sessions{transport=\"sockjs\"} 1",
            "ddp_sessions_accepted_total{transport=\"raw\"} 1",
            "ddp_sessions_accepted_total{transport=\"sockjs\"} 1",
            "ddp_connections_refused_total{reason=\"limit\"} 1",
            "ddp_connections_refused_total{reason=\"origin\"} 0",
            "ddp_slow_consumers_total 0",
            "ddp_accept_errors_total 0",
            "ddp_queue_bytes 0",
            "ddp_topics 1",
            // Messages.
            "ddp_messages_received_total{kind=\"connect\"} 2",
            "ddp_messages_received_total{kind=\"method\"} 4",
            "ddp_messages_received_total{kind=\"sub\"} 3",
            "ddp_messages_received_total{kind=\"malformed\"} 0",
            "ddp_messages_sent_total{kind=\"connected\"} 2",
            "ddp_messages_sent_total{kind=\"result\"} 4",
            "ddp_messages_sent_total{kind=\"updated\"} 4",
            "ddp_messages_sent_total{kind=\"added\"} 2",
            "ddp_messages_sent_total{kind=\"ready\"} 2",
            "ddp_messages_sent_total{kind=\"nosub\"} 1",
            "ddp_messages_sent_total{kind=\"changed\"} 2",
            "ddp_requests_refused_total 0",
            "ddp_method_duration_seconds_count{method=\"login\",outcome=\"ok\"} 2",
            "ddp_method_duration_seconds_count{method=\"_OTHER\",outcome=\"ok\"} 1",
            "ddp_method_duration_seconds_count{method=\"_OTHER\",outcome=\"error\"} 1",
            // Streams: one event, two listeners, a frame for each framing.
            "stream_events_total{stream=\"room-messages\"} 1",
            "stream_deliveries_total{stream=\"room-messages\"} 2",
            "stream_encodings_total{stream=\"room-messages\"} 2",
            "stream_event_latency_seconds_count 1",
            // The mesh.
            "mesh_calls_total{action=\"accounts.login\",outcome=\"ok\"} 2",
            "mesh_calls_total{action=\"meteor.callMethodWithToken\",outcome=\"ok\"} 1",
            "mesh_calls_total{action=\"meteor.callMethodWithToken\",outcome=\"refused\"} 1",
            "mesh_call_duration_seconds_count{action=\"accounts.login\"} 2",
            "mesh_calls_waiting 0",
            "mesh_service_nodes{service=\"accounts\"} 1",
            "mesh_service_nodes{service=\"authorization\"} 1",
            "mesh_service_nodes{service=\"license\"} 1",
            "mesh_service_nodes{service=\"meteor\"} 1",
            "mesh_service_nodes{service=\"presence\"} 1",
            "mesh_events_received_total{event=\"watch.messages\"} 2",
            "mesh_events_ignored_total{event=\"watch.messages\"} 1",
            "mesh_messages_lost_total{place=\"queue\"} 0",
            "mesh_messages_lost_total{place=\"subscription\"} 0",
            "mesh_events_unsent_total 0",
            "mesh_packets_dropped_total{reason=\"malformed\"} 0",
            "panics_caught_total{place=\"session\"} 0",
            "panics_caught_total{place=\"mesh\"} 0",
            "nats_reconnects_total 0",
        ])
        .await;
    let text = metrics.text().await;
    for quantile in ["0.5", "0.9", "0.95", "0.99", "0.999"] {
        let series = format!("moleculer_request_time{{{login},quantile=\"{quantile}\"}} ");
        assert!(text.contains(&series), "{series} is not in\n{text}");
    }
    for (series, at_least) in [
        ("ddp_received_bytes_total", 100.0),
        ("ddp_sent_bytes_total", 100.0),
        ("stream_fan_out_seconds_count", 1.0),
        ("authorization_cache_total{result=\"miss\"}", 1.0),
        (
            "moleculer_transit_publish_total{namespace=\"\",nodeID=\"streamer-1\",type=\"REQ\"}",
            4.0,
        ),
        (
            "moleculer_transit_receive_total{namespace=\"\",nodeID=\"streamer-1\",type=\"RES\"}",
            4.0,
        ),
        (
            "moleculer_registry_services_total{namespace=\"\",nodeID=\"streamer-1\"}",
            5.0,
        ),
        (
            "moleculer_registry_actions_total{namespace=\"\",nodeID=\"streamer-1\"}",
            5.0,
        ),
        (
            "moleculer_registry_events_total{namespace=\"\",nodeID=\"streamer-1\"}",
            5.0,
        ),
        ("process_cpu_seconds_total", 0.0),
        ("process_resident_memory_bytes", 1e6),
        ("process_open_fds", 5.0),
        ("process_max_fds", 5.0),
    ] {
        let value = metrics.value(series).await;
        assert!(value >= at_least, "{series} {value}");
    }

    bob.leave().await;
    metrics
        .say(&[
            "users_connected{nodeID=\"streamer-1\"} 1",
            "users_logged{nodeID=\"streamer-1\"} 1",
            "ddp_sessions{transport=\"sockjs\"} 0",
            "ddp_sessions_closed_total{code=\"1005\"} 1",
        ])
        .await;
    alice.call("logout", json!([])).await;
    assert_eq!(alice.closed().await.code, Some(1002));
    metrics
        .say(&[
            "users_connected{nodeID=\"streamer-1\"} 0",
            "users_logged{nodeID=\"streamer-1\"} 0",
            "ddp_sessions_closed_total{code=\"1002\"} 1",
            "moleculer_event_broadcast_total{namespace=\"\",nodeID=\"streamer-1\",event=\"socket.disconnected\"} 2",
        ])
        .await;

    workspace.nats.kill().await;
    metrics.say(&["nats_connected 0"]).await;
    eventually("the attempts are counted", || async {
        (metrics.value("nats_connect_failures_total").await >= 1.0).then_some(())
    })
    .await;
    workspace.nats.restart().await;
    metrics
        .say(&["nats_connected 1", "nats_reconnects_total 1"])
        .await;
}

/// Another streamer is a node as well: how many there are does not tell.
// contract: telemetry/metrics/services
#[tokio::test]
async fn a_core_that_leaves_is_seen_beside_another_streamer() {
    let (mut workspace, metrics) = counted(&[]).await;
    workspace.env.remove("MS_METRICS");
    let _second = another(&workspace, "streamer-2").await;
    workspace.core.tell("leave").await;
    workspace.core.process.ended().await;
    metrics
        .say(&[
            "mesh_service_nodes{service=\"meteor\"} 0",
            "mesh_service_nodes{service=\"accounts\"} 0",
            "moleculer_registry_nodes_online_total{namespace=\"\",nodeID=\"streamer-1\"} 2",
        ])
        .await;
}

// contract: telemetry/metrics/services
#[tokio::test]
async fn the_services_of_the_plain_broker_are_counted() {
    let port = free_port();
    let _workspace = Workspace::with()
        .plain()
        .env("MS_METRICS", "true")
        .env("MS_METRICS_PORT", &port.to_string())
        .start()
        .await;
    let metrics = Metrics { port };
    metrics
        .say(&["mesh_service_nodes{service=\"meteor\"} 1"])
        .await;
}

#[tokio::test]
async fn one_who_does_not_read_is_counted() {
    let (workspace, metrics) = counted(&[("DDP_MAX_BUFFERED_BYTES", "20000")]).await;
    let mut alice = workspace.login("alice").await;
    alice.listen("room-messages", "GENERAL").await;
    let message = json!([{"message": {"_id": "m", "rid": "GENERAL", "msg": "x".repeat(30_000)}}]);
    workspace.broadcast("watch.messages", message).await;
    assert_eq!(alice.closed().await.code, Some(1013));
    metrics
        .say(&[
            "ddp_slow_consumers_total 1",
            "ddp_sessions_closed_total{code=\"1013\"} 1",
            "stream_deliveries_total{stream=\"room-messages\"} 0",
            "ddp_messages_sent_total{kind=\"changed\"} 0",
        ])
        .await;
}

#[tokio::test]
async fn the_database_is_counted() {
    let port = free_port();
    let workspace = Workspace::with()
        .env("MS_METRICS", "yes")
        .env("MS_METRICS_PORT", &port.to_string())
        .database()
        .start()
        .await;
    let metrics = Metrics { port };
    // The user's own document is read.
    workspace.login("alice").await;
    let operation = "mongodb_operations_total{operation=\"find_one\",outcome=\"ok\"}";
    assert!(metrics.value(operation).await >= 1.0);
    let seconds = "mongodb_operation_duration_seconds_count{operation=\"find_one\"}";
    assert!(metrics.value(seconds).await >= 1.0);
}

#[tokio::test]
async fn nobody_counts_unless_asked() {
    let port = free_port();
    let workspace = Workspace::with()
        .env("MS_METRICS", "false")
        .env("MS_METRICS_PORT", &port.to_string())
        .start()
        .await;
    workspace.login("alice").await;
    assert!(
        http::get(port, "/metrics").await.is_err(),
        "nothing listens"
    );
    let on_the_clients_port = http::get(workspace.service.port, "/metrics").await;
    let body = on_the_clients_port.expect("an answer").body;
    assert!(!body.contains("users_connected"), "{body}");
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_start() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut env = Service::usual_env("nats://127.0.0.1:1");
    env.insert("MS_METRICS".into(), "true".into());
    env.insert("MS_METRICS_PORT".into(), port.to_string());
    let mut service = Service::spawn(&env);
    assert_eq!(service.process.ended().await.code(), Some(1));
    let line = eventually("the reason is said", || async {
        service.process.stderr.lock().unwrap().first().cloned()
    })
    .await;
    assert!(line.contains(&format!("MS_METRICS_PORT={port}")), "{line}");
}
