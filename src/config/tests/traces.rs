//! What is said of traces.

use super::*;

/// With traces, and `env` over it.
fn tracing(env: &[(&str, &str)]) -> TracingConfig {
    let on = [&[("TRACING_ENABLED", "true")], env].concat();
    config(&on).tracing.expect("traces are on")
}

// contract: configuration/variable/TRACING_ENABLED, configuration/variable/OTEL_SDK_DISABLED
// contract: configuration/variable/OTEL_EXPORTER_OTLP_ENDPOINT, configuration/variable/OTEL_EXPORTER_OTLP_PROTOCOL
// contract: configuration/variable/OTEL_SERVICE_NAME, configuration/variable/OTEL_RESOURCE_ATTRIBUTES
// contract: configuration/variable/OTEL_EXPORTER_OTLP_TIMEOUT, configuration/variable/OTEL_BSP_EXPORT_TIMEOUT
#[test]
fn traces_without_a_word_more_are_the_specifications() {
    assert!(config(&[]).tracing.is_none());
    let disabled = [("TRACING_ENABLED", "true"), ("OTEL_SDK_DISABLED", "true")];
    assert!(config(&disabled).tracing.is_none());
    assert_eq!(
        notes(&disabled, NoteLevel::Warn),
        ["TRACING_ENABLED has no effect: OTEL_SDK_DISABLED is set"]
    );

    let plain = tracing(&[]);
    assert_eq!(
        (plain.protocol, plain.endpoint.expose()),
        (OtlpProtocol::Grpc, "http://localhost:4317")
    );
    assert!(plain.headers.is_empty() && plain.attributes.is_empty() && plain.trusted.is_empty());
    assert!(plain.client.is_none() && !plain.gzip && plain.propagate);
    assert_eq!(plain.timeout, Duration::from_secs(10));
    assert_eq!(plain.service_name, "ddp-streamer");
    assert_eq!(
        plain.sampler,
        SamplerConfig {
            parent_based: true,
            ratio: 1.0
        }
    );
    assert_eq!(
        plain.batch,
        BatchConfig {
            delay: Duration::from_secs(5),
            queue: 2048,
            size: 512
        }
    );
    assert_eq!(
        plain.limits,
        SpanLimits {
            attributes: 128,
            value_length: None,
            events: 128,
            links: 128
        }
    );
}

// contract: configuration/secrets
#[test]
fn a_password_in_the_collectors_address_is_for_the_collector_alone() {
    let address = "https://me:hunter2@collector:4317";
    let tracing = tracing(&[("OTEL_EXPORTER_OTLP_ENDPOINT", address)]);
    assert_eq!(tracing.endpoint.expose(), address);
    assert_eq!(tracing.shown_endpoint, "https://(hidden)");
    assert!(!format!("{tracing:?}").contains("hunter2"));
}

// contract: configuration/variable/OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, configuration/variable/OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
// contract: configuration/variable/OTEL_EXPORTER_OTLP_TRACES_HEADERS, configuration/variable/OTEL_EXPORTER_OTLP_TRACES_TIMEOUT
// contract: configuration/variable/OTEL_EXPORTER_OTLP_TRACES_COMPRESSION, configuration/variable/OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE
// contract: configuration/variable/OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE
// contract: configuration/variable/OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY
// contract: configuration/variable/OTEL_EXPORTER_OTLP_HEADERS, configuration/variable/OTEL_TRACES_SAMPLER
// contract: configuration/variable/OTEL_TRACES_SAMPLER_ARG, configuration/variable/OTEL_PROPAGATORS
// contract: configuration/variable/OTEL_BSP_SCHEDULE_DELAY, configuration/variable/OTEL_BSP_MAX_QUEUE_SIZE
// contract: configuration/variable/OTEL_BSP_MAX_EXPORT_BATCH_SIZE, configuration/variable/OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT
// contract: configuration/variable/OTEL_SPAN_EVENT_COUNT_LIMIT, configuration/variable/OTEL_SPAN_LINK_COUNT_LIMIT
#[test]
fn what_is_said_of_traces_wins_over_what_is_said_of_all_signals() {
    let endpoint = |env: &[(&str, &str)]| {
        let tracing = tracing(env);
        // Nothing of it is secret.
        assert_eq!(tracing.shown_endpoint, tracing.endpoint.expose());
        tracing.shown_endpoint
    };
    const HTTP: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    const ALL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:1/base/");
    const TRACES: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:2/own");
    assert_eq!(endpoint(&[HTTP]), "http://localhost:4318/v1/traces");
    assert_eq!(endpoint(&[HTTP, ALL]), "https://c:1/base/v1/traces");
    assert_eq!(endpoint(&[HTTP, ALL, TRACES]), "http://t:2/own");
    assert_eq!(endpoint(&[ALL]), "https://c:1/base/");
    assert_eq!(endpoint(&[ALL, TRACES]), "http://t:2/own");
    let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc");
    assert_eq!(endpoint(&[HTTP, own]), "http://localhost:4317");

    let file = "/proc/self/stat";
    let all = tracing(&[
        ("TLS_CA_PATH", file),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=x%20y"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "40000"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", file),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/nowhere"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", file),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", file),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=named,team=a"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.01"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "3"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "0"),
        ("OTEL_PROPAGATORS", "baggage"),
    ]);
    let headers: Vec<_> = all
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(headers, [("b", "x y")]);
    assert!(all.gzip && !all.propagate);
    assert_eq!(
        all.timeout,
        Duration::from_secs(30),
        "OTEL_BSP_EXPORT_TIMEOUT"
    );
    let trusted = ["TLS_CA_PATH", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"];
    assert_eq!(all.trusted, trusted.map(|name| (name, PathBuf::from(file))));
    let client = all.client.expect("a certificate");
    assert_eq!((client.certificate, client.key), (file.into(), file.into()));
    assert_eq!(all.service_name, "named");
    assert_eq!(all.attributes, [("team".to_owned(), "a".to_owned())]);
    assert_eq!(
        all.sampler,
        SamplerConfig {
            parent_based: false,
            ratio: 0.01
        }
    );
    assert_eq!((all.batch.queue, all.batch.size), (10, 5));
    assert_eq!(all.batch.delay, Duration::from_millis(100));
    assert_eq!(
        all.limits,
        SpanLimits {
            attributes: 1,
            value_length: Some(0),
            events: 3,
            links: 0
        }
    );
    let small = tracing(&[("OTEL_BSP_MAX_QUEUE_SIZE", "256")]).batch;
    assert_eq!(
        (small.queue, small.size),
        (256, 256),
        "the default of 512 gives way"
    );
    let off = tracing(&[("OTEL_TRACES_SAMPLER", "parentbased_always_off")]);
    assert_eq!((off.sampler.parent_based, off.sampler.ratio), (true, 0.0));
    assert_eq!(
        notes(&[("OTEL_TRACES_SAMPLER_ARG", "0.1")], NoteLevel::Warn),
        ["OTEL_TRACES_SAMPLER_ARG has no effect with OTEL_TRACES_SAMPLER=parentbased_always_on"]
    );
}

// contract: configuration/variable/OTEL_EXPORTER_OTLP_CERTIFICATE, configuration/variable/OTEL_EXPORTER_OTLP_CLIENT_KEY
// contract: configuration/variable/OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE
#[test]
fn files_of_the_collector_are_there_once_traces_are_on() {
    let file = "/proc/self/stat";
    let refused = |env: &[(&str, &str)]| {
        let on = [&[("TRACING_ENABLED", "true")], env].concat();
        errors(&on).len()
    };
    for name in
        ["CERTIFICATE", "TRACES_CERTIFICATE"].map(|what| format!("OTEL_EXPORTER_OTLP_{what}"))
    {
        assert_eq!(refused(&[(&name, file)]), 0);
        assert_eq!(refused(&[(&name, "/nowhere")]), 1, "{name}");
        assert_eq!(errors(&[(&name, "/nowhere")]).len(), 0, "{name}");
    }
    let (certificate, key) = (
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    );
    assert_eq!(refused(&[(certificate, file), (key, file)]), 0);
    assert_eq!(refused(&[(certificate, file)]), 1);
    assert_eq!(refused(&[(key, file)]), 1);
    // That of traces needs a key too, and the general one is there.
    let own = "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE";
    assert_eq!(refused(&[(own, file), (key, file)]), 0);
}
