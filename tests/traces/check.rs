//! `ddp-streamer check` sends one span and says what became of it.

use serde_json::json;

use super::{client, workspace};
use crate::commands::{Ended, run};
use crate::support::{Collector, Service, eventually, free_port};

impl Ended {
    /// What is said of the collector, after the verdict.
    fn collector(&self, verdict: &str) -> (&str, Option<&str>) {
        let head = format!("{verdict:9}collector      ");
        let at = self.lines.iter().position(|line| line.starts_with(&head));
        let at = at.unwrap_or_else(|| panic!("no {head:?} in\n{}", self.lines.join("\n")));
        let advice = self.lines[at + 1].trim().strip_prefix("→ ");
        (&self.lines[at][head.len()..], advice)
    }
}

const LOST: &str = "traces are lost: start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL or _HEADERS";

// contract: telemetry/traces/check
#[tokio::test]
async fn check_sends_a_span_and_says_where_it_is() {
    let (workspace, mut collector) = workspace(|builder| {
        // Whatever the service itself would keep.
        builder.env("OTEL_TRACES_SAMPLER", "always_off")
    })
    .await;
    let mut env = workspace.env.clone();
    let by_http = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://127.0.0.1:{}", collector.http),
        ),
    ];
    let by_grpc = env.clone();
    env.extend(by_http.map(|(name, value)| (name.to_owned(), value)));
    let places = [
        (by_grpc, format!("http://127.0.0.1:{}", collector.grpc)),
        (
            env,
            format!("http://127.0.0.1:{}/v1/traces", collector.http),
        ),
    ];
    for (env, endpoint) in &places {
        let checked = run("check", env).await;
        let (found, advice) = checked.collector("ok");
        assert_eq!((checked.code, advice), (Some(0), None));
        let told = found
            .strip_prefix(&format!("{endpoint} took a span in _ ms: look for trace "))
            .unwrap_or_else(|| panic!("{found}"));
        let trace = told
            .strip_suffix(" of service ddp-streamer")
            .expect("its service");
        collector
            .tree(trace, "ddp-streamer: ddp-streamer check internal")
            .await;
        let spans = collector.spans();
        let span = spans
            .iter()
            .find(|span| span.trace == trace)
            .expect("it came");
        assert_eq!(span.resource["service.instance.id"], "streamer-1");
    }
    assert_eq!(collector.spans().len(), 2, "nothing else was sampled");

    collector.kill().await;
    for (env, endpoint) in &places {
        let checked = run("check", env).await;
        let (found, advice) = checked.collector("warning");
        assert!(
            found.starts_with(&format!("{endpoint} did not take a span: "))
                && found.contains("Connection refused"),
            "{found}"
        );
        // Clients are served all the same.
        assert_eq!((checked.code, advice), (Some(0), Some(LOST)));
    }
}

// contract: telemetry/traces/check
#[tokio::test]
async fn check_tells_a_collector_that_refuses_and_what_cannot_be_sent() {
    let collector = Collector::with().token("let-me-in").start().await;
    let mut env = crate::support::Service::usual_env("nats://127.0.0.1:1");
    let own = collector.env().into_iter();
    env.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let headers = "OTEL_EXPORTER_OTLP_HEADERS".to_owned();
    env.insert(headers.clone(), "Authorization=Bearer%20hunter2".to_owned());
    let checked = run("check", &env).await;
    let (found, advice) = checked.collector("warning");
    assert!(found.to_lowercase().contains("unauthenticated"), "{found}");
    assert_eq!(advice, Some(LOST));
    assert!(!checked.lines.join("\n").contains("hunter2"));

    env.insert(
        "OTEL_EXPORTER_OTLP_CERTIFICATE".to_owned(),
        crate::support::root()
            .join("Cargo.toml")
            .display()
            .to_string(),
    );
    let checked = run("check", &env).await;
    let (found, advice) = checked.collector("wrong");
    assert!(
        found.starts_with("OTEL_EXPORTER_OTLP_CERTIFICATE") && found.contains("Cargo.toml"),
        "{found}"
    );
    assert_eq!(
        advice,
        Some("correct it: the service does not start with it")
    );
    assert!(collector.spans().is_empty());
}

// contract: configuration/secrets, telemetry/logs/secrets
#[tokio::test]
async fn a_password_in_the_collectors_address_is_in_no_line() {
    let port = free_port();
    let endpoint = format!("http://me:hunter2@127.0.0.1:{port}");
    for protocol in ["grpc", "http/protobuf"] {
        let mut env = Service::usual_env("nats://127.0.0.1:1");
        let own = [
            ("TRACING_ENABLED", "true"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
            ("LOG_LEVEL", "trace"),
        ];
        env.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let checked = run("check", &env).await;
        let (found, _) = checked.collector("warning");
        let told = found.starts_with("http://(hidden) did not take a span: ");
        assert!(told && found.contains("Connection refused"), "{found}");
        assert!(!checked.lines.join("\n").contains("hunter2"));

        let address = "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned();
        let unusable = format!("http://me:hunter2<@127.0.0.1:{port}");
        let env_of_unusable = [env.clone(), [(address, unusable)].into()];
        let checked = run("check", &env_of_unusable.into_iter().flatten().collect()).await;
        let (found, _) = checked.collector("wrong");
        let told = "OTEL_EXPORTER_OTLP_ENDPOINT=http://(hidden): ";
        assert!(found.starts_with(told), "{found}");
        assert!(!checked.lines.join("\n").contains("hunter2"));

        let service = Service::spawn(&env);
        client(&service).await.call("echo", json!([1])).await;
        for msg in [
            "traces are sent",
            "traces are lost, and counted; clients do not notice",
        ] {
            let line = eventually(msg, || async {
                let log = service.log().into_iter();
                log.rev().find(|line| line["msg"] == msg)
            })
            .await;
            assert_eq!(line["endpoint"], "http://(hidden)");
        }
        let log = service.log.lock().expect("lines").join("\n");
        assert!(!log.contains("hunter2"), "{log}");
    }
}
