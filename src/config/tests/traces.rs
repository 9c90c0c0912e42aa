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
        (plain.protocol, &*plain.endpoint),
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
fn a_password_in_the_collectors_address_stops_the_start_and_is_not_shown() {
    let on = ("TRACING_ENABLED", "true");
    for (name, headers, address) in [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "https://me:hunter2@collector:4317",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "https://hunter2@collector/v1/traces",
        ),
    ] {
        assert_eq!(
            errors(&[on, (name, address)]),
            [format!(
                "{name}=https://(hidden): not accepted; expected no user or password: what the collector asks for stands in {headers}"
            )]
        );
        // It may be another service's.
        assert!(errors(&[(name, address)]).is_empty());
    }
    let path = (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://collector:4318/of/me@home",
    );
    assert!(errors(&[on, path]).is_empty());
}

#[test]
fn words_that_others_know_stop_no_start_while_traces_are_off() {
    let on = ("TRACING_ENABLED", "true");
    for (name, given, foreign) in [
        ("OTEL_PROPAGATORS", "tracecontext,b3,B3multi", "b3,B3multi"),
        (
            "OTEL_PROPAGATORS",
            "jaeger,xray,ottrace",
            "jaeger,xray,ottrace",
        ),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "jaeger_remote"),
        (
            "OTEL_TRACES_SAMPLER",
            "parentbased_jaeger_remote",
            "parentbased_jaeger_remote",
        ),
        ("OTEL_TRACES_SAMPLER", "xray", "xray"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/json"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "http/json",
            "http/json",
        ),
    ] {
        assert_eq!(
            notes(&[(name, given)], NoteLevel::Warn),
            [format!("{name}={foreign}: without effect, traces are off")]
        );
        assert_eq!(errors(&[on, (name, given)]).len(), 1, "{name}={given}");
    }
    assert_eq!(errors(&[("OTEL_PROPAGATORS", "b3,b4")]).len(), 1);
    let remote = [
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "endpoint=http://j:14250"),
    ];
    assert!(errors(&remote).is_empty());
    let none = [on, ("OTEL_TRACES_EXPORTER", "none")];
    assert!(errors(&[&none[..], &remote[..]].concat()).is_empty());
}

// contract: configuration/variable/OTEL_TRACES_EXPORTER
#[test]
fn traces_go_by_otlp_or_not_at_all() {
    let on = ("TRACING_ENABLED", "true");
    let by = |exporter| [on, ("OTEL_TRACES_EXPORTER", exporter)];
    for (exporter, sent, told) in [
        ("otlp", true, None),
        (
            "none",
            false,
            Some("TRACING_ENABLED has no effect: OTEL_TRACES_EXPORTER=none"),
        ),
        (
            "console",
            true,
            Some("OTEL_TRACES_EXPORTER=console: without effect, traces are sent by OTLP"),
        ),
        (
            "otlp,zipkin",
            true,
            Some("OTEL_TRACES_EXPORTER=zipkin: without effect, traces are sent by OTLP"),
        ),
    ] {
        assert_eq!(config(&by(exporter)).tracing.is_some(), sent, "{exporter}");
        let told: Vec<_> = told.into_iter().collect();
        assert_eq!(notes(&by(exporter), NoteLevel::Warn), told, "{exporter}");
    }
}

// contract: configuration/variable/OTEL_ATTRIBUTE_COUNT_LIMIT
// contract: configuration/variable/OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT
#[test]
fn numbers_are_the_specifications() {
    let all = tracing(&[
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "7"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "8"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2147483647"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2147483647"),
    ]);
    assert_eq!(
        (all.limits.attributes, all.limits.value_length),
        (7, Some(8))
    );
    assert_eq!(
        all.timeout,
        Duration::from_secs(30),
        "OTEL_BSP_EXPORT_TIMEOUT"
    );
    assert_eq!((all.batch.queue, all.batch.size), (1_000_000, 1_000_000));
    let own = tracing(&[
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "7"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "9"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "8"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
    ]);
    assert_eq!(
        (own.limits.attributes, own.limits.value_length),
        (9, Some(0))
    );
    assert_eq!(own.timeout, Duration::from_secs(10));
    let unlimited = tracing(&[
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
    ]);
    assert!(unlimited.timeout > Duration::from_secs(86_400));
}

#[test]
fn a_compression_that_the_exporter_would_undo_is_refused() {
    let file = TomlFile::new(
        "compression",
        "otel_exporter_otlp_traces_compression = 'none'",
    );
    let env = [
        ("TRACING_ENABLED", "true"),
        ("CONFIG_FILE", file.path()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ];
    assert_eq!(
        errors(&env),
        [
            "OTEL_EXPORTER_OTLP_COMPRESSION=gzip: not accepted; expected none, as OTEL_EXPORTER_OTLP_TRACES_COMPRESSION in the file says"
        ]
    );
    let own = [("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none")];
    assert!(errors(&[&env[..], &own[..]].concat()).is_empty());
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
    let endpoint = |env: &[(&str, &str)]| tracing(env).endpoint;
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
    let own = |what| (what, PathBuf::from(file));
    assert_eq!(
        (client.certificate, client.key),
        (
            own("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE"),
            own("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY")
        )
    );
    let from = all.variables;
    assert_eq!(
        (from.endpoint, from.headers),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
        )
    );
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
