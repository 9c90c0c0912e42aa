//! The functions counted into an export that is read over HTTP, as a scraper does.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::config::{MeshSettings, MetricsConfig};
use crate::telemetry::work::{arrived, delivered, handling, written};

async fn get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

// contract: telemetry/metrics/known, telemetry/metrics/own, configuration/variable/MS_METRICS
#[tokio::test]
async fn what_is_counted_is_exported() {
    session_opened(Transport::Raw);
    assert!(!enabled(), "nothing is counted before an exporter starts");

    let mut mesh = MeshSettings {
        node_id: "host-1".into(),
        ..crate::config::defaults().mesh
    };
    mesh.node.namespace = "ns".into();
    let exporter = Exporter::start(&MetricsConfig { port: 0 }, &mesh)
        .await
        .unwrap();
    let port = exporter.local_addr().unwrap().port();
    assert!(matches!(
        Exporter::start(&MetricsConfig { port }, &mesh).await,
        Err(MetricsError::Bind { .. })
    ));
    let exporter = exporter.sampling(|| {
        queue_bytes(200);
        topics(12);
        tasks(13);
        mesh_waiting(3, 4, 5);
    });
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    tracker.spawn(exporter.run(stop.clone()));

    session_opened(Transport::Raw);
    session_opened(Transport::SockJs);
    session_closed(Transport::SockJs, 1013);
    session_closed(Transport::Raw, 4999);
    session_opened(Transport::Raw);
    logged_in();
    connection_refused(Refusal::Limit);
    accept_failed();
    request_refused();
    rate_limit_exceeded("User_By_Method", true, Some("login"));
    rate_limit_exceeded("IP", false, None);
    panicked(Panicked::Session, 1);
    certificate_left("TLS_CERT_PATH", -7);
    log_lines_lost(LogSink::File, 8);
    lookups_lost("events", 2);
    slow_consumer();
    message_received(Incoming::Ping);
    message_sent(br#"{"msg":"changed","collection":"x"}"#, 1000);
    bytes_received(10);
    bytes_sent(20);
    subscription_answered(Some("stream-notify-all"), None, Duration::from_millis(4));
    subscription_answered(None, Some("404"), Duration::from_millis(4));
    method_answered(Some("login"), None, Duration::from_millis(30));
    method_answered(None, Some("my-own-word"), Duration::from_millis(30));
    handling(arrived(), || drop(written()));
    lookups_waiting("events", 3);
    stream_event("room-messages", 1000, 2);
    fan_out(Duration::from_micros(70));
    handling(arrived(), || delivered(1, 0, 1));
    handling(arrived(), || delivered(0, 0, 0));
    spans(SpanFate::Queue, 2);
    access_cache(true);
    access_cache(false);
    mesh_call(
        "accounts.login",
        CallOutcome::Ok,
        None,
        Duration::from_millis(20),
    );
    mesh_call(
        "accounts.login",
        CallOutcome::TimedOut,
        Some("RequestTimeoutError"),
        Duration::from_secs(60),
    );
    mesh_event("watch.messages");
    mesh_broadcast("socket.connected");
    mesh_broadcast_local("$node.connected");
    mesh_event_ignored("watch.messages");
    mesh_call_retried("accounts.login");
    mesh_request_resent();
    mesh_orphans(1);
    mesh_lost(Loss::Queue, 3);
    mesh_unsent(1);
    packets_dropped(Dropped::Malformed, 1);
    packets_too_large(1);
    packet_published("REQ");
    packet_received("RES");
    registry(RegistryCounts {
        nodes: 3,
        online: 2,
        services: 20,
        actions: 100,
        events: 80,
    });
    service_nodes("meteor", 0);
    nats_connected(true);
    nats_reconnected(1);
    nats_connect_failed(1);
    store_read("room");
    mongodb_operation("find_one", true, Duration::from_millis(1));

    let (head, body) = get(port, "/metrics").await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let call = "namespace=\"ns\",nodeID=\"host-1\",service=\"accounts\",action=\"accounts.login\",type=\"remote\",caller=\"\"";
    for line in [
        "users_connected{nodeID=\"host-1\"} 1",
        "users_logged{nodeID=\"host-1\"} 1",
        "ddp_sessions{transport=\"raw\"} 1",
        "ddp_sessions_accepted_total{transport=\"sockjs\"} 1",
        "ddp_sessions_closed_total{code=\"1013\"} 1",
        "ddp_sessions_closed_total{code=\"other\"} 1",
        "ddp_connections_refused_total{reason=\"limit\"} 1",
        "ddp_accept_errors_total 1",
        "ddp_requests_refused_total 1",
        "rocketchat_ddp_rate_limit_exceeded{limit_name=\"User_By_Method\",type=\"method\",name=\"login\"} 1",
        "rocketchat_ddp_rate_limit_exceeded{limit_name=\"IP\",type=\"subscription\",name=\"_OTHER\"} 1",
        "panics_caught_total{place=\"session\"} 1",
        "tls_certificate_remaining_seconds{variable=\"TLS_CERT_PATH\"} -7",
        "log_lines_lost_total{sink=\"file\"} 8",
        "lookups_lost_total{queue=\"events\"} 2",
        "lookups_waiting{queue=\"events\"} 3",
        "ddp_errors_total{kind=\"sub\",code=\"404\"} 1",
        "ddp_errors_total{kind=\"method\",code=\"_OTHER\"} 1",
        "ddp_errors_total{kind=\"method\",code=\"500\"} 0",
        "stream_event_written_seconds_count 1",
        "ddp_slow_consumers_total 1",
        "ddp_messages_received_total{kind=\"ping\"} 1",
        "ddp_messages_sent_total{kind=\"changed\"} 1000",
        "ddp_received_bytes_total 10",
        "ddp_sent_bytes_total 20",
        "ddp_queue_bytes 200",
        "ddp_topics 12",
        "ddp_tasks 13",
        "rocketchat_subscription_count{subscription=\"stream-notify-all\"} 1",
        "rocketchat_subscription_count{subscription=\"_OTHER\"} 1",
        "ddp_method_duration_seconds_bucket{method=\"login\",outcome=\"ok\",le=\"0.05\"} 1",
        "stream_events_total{stream=\"room-messages\"} 1",
        "stream_deliveries_total{stream=\"room-messages\"} 1000",
        "stream_encodings_total{stream=\"room-messages\"} 2",
        "stream_fan_out_seconds_bucket{le=\"0.0001\"} 1",
        "stream_event_latency_seconds_count 1",
        "traces_spans_total{outcome=\"sent\"} 0",
        "traces_spans_total{outcome=\"dropped_queue\"} 2",
        "authorization_cache_total{result=\"hit\"} 1",
        "mesh_calls_total{action=\"accounts.login\",outcome=\"timeout\"} 1",
        "mesh_call_duration_seconds_count{action=\"accounts.login\"} 2",
        "mesh_service_nodes{service=\"meteor\"} 0",
        "mesh_events_received_total{event=\"watch.messages\"} 1",
        "mesh_messages_lost_total{place=\"queue\"} 3",
        "mesh_events_ignored_total{event=\"watch.messages\"} 1",
        "mesh_requests_resent_total 1",
        "mesh_packets_dropped_total{reason=\"malformed\"} 1",
        "mesh_packets_too_large_total 1",
        "mesh_calls_waiting 5",
        "mesh_inbox_bytes 3",
        "mesh_outbox_bytes 4",
        "nats_connect_failures_total 1",
        "moleculer_request_retry_attempts_total{namespace=\"ns\",nodeID=\"host-1\",action=\"accounts.login\"} 1",
        "moleculer_transit_orphan_response_total{namespace=\"ns\",nodeID=\"host-1\"} 1",
        "moleculer_transit_receive_total{namespace=\"ns\",nodeID=\"host-1\",type=\"RES\"} 1",
        "mesh_events_unsent_total 1",
        "nats_connected 1",
        "nats_reconnects_total 1",
        "store_reads_total{what=\"room\"} 1",
        "mongodb_operations_total{operation=\"find_one\",outcome=\"ok\"} 1",
        "moleculer_registry_nodes_total{namespace=\"ns\",nodeID=\"host-1\"} 3",
        "moleculer_event_broadcast_total{namespace=\"ns\",nodeID=\"host-1\",event=\"socket.connected\"} 1",
        "moleculer_transit_publish_total{namespace=\"ns\",nodeID=\"host-1\",type=\"REQ\"} 1",
        &format!("moleculer_request_total{{{call}}} 2"),
        &format!("moleculer_request_error_total{{{call},errorName=\"RequestTimeoutError\"}} 1"),
        &format!("moleculer_request_time_count{{{call}}} 2"),
    ] {
        assert!(
            body.lines().any(|one| one == line),
            "{line} is not in\n{body}"
        );
    }
    for quantile in ["0.5", "0.9", "0.95", "0.99", "0.999"] {
        let start = format!(
            "rocketchat_subscription{{subscription=\"stream-notify-all\",quantile=\"{quantile}\"}} "
        );
        assert!(body.lines().any(|line| line.starts_with(&start)), "{start}");
    }
    assert!(body.contains("# TYPE rocketchat_subscription summary"));
    assert!(body.contains("# TYPE moleculer_request_total_rate gauge"));
    assert!(body.contains("\nprocess_resident_memory_bytes "));

    assert!(get(port, "/").await.0.starts_with("HTTP/1.1 404"));
    stop.cancel();
    tracker.close();
    tracker.wait().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[test]
fn a_family_has_an_end() {
    let family = family::Family::new(|value: &str| value.to_owned());
    for number in 0..2000 {
        family.with(&number.to_string(), |_| {});
    }
    family.with("7", |value| assert_eq!(value, "7"));
    family.with("1999", |value| assert_eq!(value, family::OTHER));
    let mut count = 0;
    family.each(|_| count += 1);
    assert_eq!(count, 501);
}
