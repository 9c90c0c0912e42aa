//! `ddp-streamer check` sends one span and says what became of it.

use super::workspace;
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

const LOST: &str = "traces are lost: start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL or OTEL_EXPORTER_OTLP_HEADERS";

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
async fn a_password_in_the_collectors_address_stops_the_start_and_is_in_no_line() {
    let mut env = Service::usual_env("nats://127.0.0.1:1");
    let own = [
        ("TRACING_ENABLED", "true"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://me:hunter2@127.0.0.1:1",
        ),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b"),
        ("LOG_LEVEL", "trace"),
    ];
    env.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let line = "OTEL_EXPORTER_OTLP_ENDPOINT=http://(hidden): not accepted; expected no user or password: \
        what the collector asks for stands in OTEL_EXPORTER_OTLP_TRACES_HEADERS";
    let mut service = Service::spawn(&env);
    assert_eq!(service.process.ended().await.code(), Some(1));
    let said = eventually("the reason is said", || async {
        service.process.stderr.lock().unwrap().first().cloned()
    })
    .await;
    assert_eq!(said, line);
    let checked = run("check", &env).await;
    let told = [checked.lines, checked.errors].concat().join("\n");
    assert!(told.contains(line) && !told.contains("hunter2"), "{told}");
}

/// The variable that holds, whichever that is.
#[tokio::test]
async fn check_names_the_variables_of_traces_where_they_hold() {
    let port = free_port();
    let mut env = Service::usual_env("nats://127.0.0.1:1");
    let own = [
        ("TRACING_ENABLED", "true".to_owned()),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            format!("http://127.0.0.1:{port}"),
        ),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc".to_owned()),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b".to_owned()),
    ];
    env.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let checked = run("check", &env).await;
    let (_, advice) = checked.collector("warning");
    assert_eq!(
        advice,
        Some(
            "traces are lost: start the collector, or correct OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, \
             OTEL_EXPORTER_OTLP_TRACES_PROTOCOL or OTEL_EXPORTER_OTLP_TRACES_HEADERS"
        )
    );

    env.insert(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT".to_owned(),
        "http://127.0.0.1:1/<".to_owned(),
    );
    let checked = run("check", &env).await;
    let (found, _) = checked.collector("wrong");
    let told = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/<: ";
    assert!(found.starts_with(told), "{found}");

    let file = crate::support::root().join("Cargo.toml");
    for what in ["CERTIFICATE", "KEY"] {
        let name = format!("OTEL_EXPORTER_OTLP_TRACES_CLIENT_{what}");
        env.insert(name, file.display().to_string());
    }
    let checked = run("check", &env).await;
    let (found, _) = checked.collector("wrong");
    let told = "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE";
    assert!(found.starts_with(told), "{found}");
}
