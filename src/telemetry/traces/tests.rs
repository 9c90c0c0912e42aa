//! What is told of what, without a collector.

use std::pin::pin;
use std::sync::Arc;

use opentelemetry::trace::{Link, Span as _, Tracer};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SimpleSpanProcessor, SpanData, SpanExporter};
use parking_lot::Mutex;

use super::*;
use crate::config;
use crate::telemetry::work;

const SENDER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Keeps what is exported.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().extend(batch);
        Ok(())
    }
}

impl Kept {
    /// What has come since the last time.
    fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut *self.0.lock())
    }

    fn names(&self) -> Vec<String> {
        let spans = self.take().into_iter();
        spans.map(|span| span.name.into_owned()).collect()
    }
}

fn settings(ratio: f64) -> TracingConfig {
    let on = [
        ("TRANSPORTER", "nats://nats"),
        ("TRACING_ENABLED", "true"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
    ];
    let on = on.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut config = config::load(on.into_iter())
        .unwrap()
        .config
        .tracing
        .unwrap();
    config.sampler.ratio = ratio;
    config
}

/// Traces of this thread from now on.
fn traced(config: &TracingConfig) -> Kept {
    let kept = Kept::default();
    let processor = SimpleSpanProcessor::new(kept.clone());
    let provider = provider::provider(config, "n", processor);
    tracer::install(config, &provider, Arc::new(Shared::new("")));
    kept
}

fn attributes(span: &SpanData) -> Vec<(String, String)> {
    let all = span.attributes.iter();
    all.map(|one| (one.key.to_string(), one.value.to_string()))
        .collect()
}

fn with(span: &SpanData, expected: &[(&str, &str)]) {
    let expected = expected.iter();
    let expected: Vec<_> = expected
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    assert_eq!(attributes(span), expected, "{}", span.name);
}

#[test]
fn nothing_is_made_while_traces_are_off() {
    assert!(method(Some("login"), "login", "s").is_none());
    assert!(call("accounts.login", "moleculer").is_none());
    assert!(mongodb("find", None).is_none());
    assert!(work::arrived().is_none() && work::carried().is_none());
    assert!(TraceContext::read(SENDER, None).is_none());
    assert!(counts().is_none());
}

#[test]
fn what_a_request_leads_to_is_below_it() {
    let kept = traced(&settings(1.0));
    let mut span = method(Some("login"), "login", "s1").unwrap();
    let job = pin!(async {
        call("accounts.login", "moleculer")
            .unwrap()
            .end(Some("RequestTimeoutError"));
        mongodb("find_one", Some("users")).unwrap().end(None);
    });
    futures_util::FutureExt::now_or_never(work::within(Some(&span), job)).unwrap();
    span.set_user("u1");
    let whole = span.context().clone();
    span.end(Some("totp-required"));
    assert!(mongodb("ping", None).is_none(), "on behalf of nobody");

    let spans = kept.take();
    let [call, read, login] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!(login.name, "ddp.method login");
    with(
        login,
        &[
            ("rpc.system.name", "ddp"),
            ("rpc.method", "login"),
            ("session.id", "s1"),
            ("enduser.id", "u1"),
            ("error.type", "totp-required"),
        ],
    );
    assert_eq!(call.name, "mesh.call accounts.login");
    with(
        call,
        &[
            ("rpc.system.name", "moleculer"),
            ("rpc.method", "accounts/login"),
            ("messaging.system", "nats"),
            ("error.type", "RequestTimeoutError"),
        ],
    );
    assert_eq!(read.name, "mongodb.find_one");
    with(
        read,
        &[
            ("db.system.name", "mongodb"),
            ("db.collection.name", "users"),
            ("db.operation.name", "find_one"),
        ],
    );
    for below in [call, read] {
        assert_eq!(below.parent_span_id, login.span_context.span_id());
        assert_eq!(below.span_context.trace_id(), whole.0.trace_id());
    }
}

// contract: telemetry/traces/names
#[test]
fn ten_thousand_names_of_clients_are_one() {
    let kept = traced(&settings(1.0));
    for number in 0..10_000 {
        let name = format!("{number}-{}", "é".repeat(100));
        method(None, &name, "s").unwrap().end(None);
        publication(None, &name, "s", || None).unwrap().end(None);
    }
    let spans = kept.take();
    assert_eq!(spans.len(), 20_000);
    for (at, span) in spans.iter().enumerate() {
        let name = ["ddp.method _OTHER", "ddp.sub _OTHER"][at % 2];
        assert_eq!(span.name, name);
        let attributes = attributes(span);
        assert_eq!(attributes[1], ("rpc.method".into(), "_OTHER".into()));
        let (key, original) = &attributes[2];
        assert_eq!(key, "rpc.method_original");
        assert!(original.starts_with(&format!("{}-é", at / 2)));
        assert_eq!(original.chars().count(), 64);
    }
}

#[test]
fn codes_are_told_and_no_sentences() {
    let kept = traced(&settings(1.0));
    let told = |error: &str| {
        method(Some("login"), "login", "s")
            .unwrap()
            .end(Some(error));
        let span = kept.take().remove(0);
        attributes(&span).pop().unwrap().1
    };
    assert_eq!(told("403"), "403");
    assert_eq!(told("error-not-allowed"), "error-not-allowed");
    for sentence in ["", "User alice not found", "a\nb", &"x".repeat(65)] {
        assert_eq!(told(sentence), "_OTHER");
    }
    // Whoever leaves in mid-call.
    drop(method(Some("login"), "login", "s"));
    let span = kept.take().remove(0);
    assert_eq!(attributes(&span).pop().unwrap().1, "cancelled");
}

// contract: telemetry/traces/limits, configuration/variable/OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT
// contract: configuration/variable/OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT
#[test]
fn limits_hold() {
    let mut settings = settings(1.0);
    settings.limits.attributes = 3;
    settings.limits.value_length = Some(2);
    let kept = traced(&settings);
    method(Some("login"), "login", "session").unwrap().end(None);
    let span = kept.take().remove(0);
    with(
        &span,
        &[
            ("rpc.system.name", "ddp"),
            ("rpc.method", "lo"),
            ("session.id", "se"),
        ],
    );
}

/// Spans of ours have neither; whoever gives them some is held to it.
// contract: configuration/variable/OTEL_SPAN_EVENT_COUNT_LIMIT, configuration/variable/OTEL_SPAN_LINK_COUNT_LIMIT
#[test]
fn events_and_links_have_their_limits_too() {
    let mut settings = settings(1.0);
    (settings.limits.events, settings.limits.links) = (2, 1);
    let kept = traced(&settings);
    let link = || Link::with_context(TraceContext::read(SENDER, None).unwrap().0);
    let tracer = &tracer::on().unwrap().tracer;
    let builder = tracer.span_builder("x").with_links(vec![link(), link()]);
    let mut span = builder.start(tracer);
    for _ in 0..3 {
        span.add_event("e", Vec::new());
    }
    span.end();
    let span = kept.take().remove(0);
    assert_eq!((span.events.len(), span.links.len()), (2, 1));
}

// contract: configuration/variable/OTEL_PROPAGATORS
#[test]
fn without_propagators_contexts_are_neither_taken_nor_sent() {
    let mut settings = settings(1.0);
    settings.propagate = false;
    let kept = traced(&settings);
    assert!(TraceContext::read(SENDER, None).is_none());
    let span = method(Some("login"), "login", "s").unwrap();
    assert!(span.carried().is_none());
    span.end(None);
    event(Some(SENDER), 1);
    let spans = kept.take();
    assert_eq!(spans.len(), 2, "they are made all the same");
    assert!(spans.iter().all(|span| !span.parent_span_is_remote));
}

#[test]
fn what_is_not_sampled_goes_on_and_is_told_nobody() {
    let kept = traced(&settings(0.0));
    let span = method(Some("login"), "login", "s").unwrap();
    let carried = span.carried().unwrap();
    assert!(carried.traceparent.ends_with("-00"), "{carried:?}");
    let job = pin!(async {
        let call = call("accounts.login", "moleculer").unwrap();
        assert_eq!(call.carried(), Some(carried.clone()));
        assert!(mongodb("find", None).is_none());
    });
    futures_util::FutureExt::now_or_never(work::within(Some(&span), job)).unwrap();
    drop(span);
    assert_eq!(kept.names(), [""; 0]);
}

fn event(sender: Option<&str>, deliveries: usize) {
    work::handling(work::arrived(), || {
        work::named("watch.messages", || TraceContext::read(sender?, None));
        work::delivered(deliveries, 0, 1);
    });
}

// contract: telemetry/traces/broadcast
#[test]
fn a_broadcast_is_one_span_where_it_is_heard_or_its_sender_is_sampled() {
    let kept = traced(&settings(1.0));
    let unsampled = SENDER.replace("-01", "-00");
    event(None, 0);
    event(Some(&unsampled), 7);
    event(Some("nonsense"), 0);
    assert_eq!(kept.names(), [""; 0]);
    event(None, 1000);
    event(Some(SENDER), 0);
    event(Some(SENDER), 2);
    let spans = kept.take();
    assert_eq!(spans.len(), 3);
    let deliveries = ["1000", "0", "2"];
    for (span, deliveries) in spans.iter().zip(deliveries) {
        assert_eq!(span.name, "mesh.event watch.messages");
        let all = attributes(span);
        assert!(all.contains(&("mesh.event.deliveries".into(), deliveries.into())));
    }
    assert!(!spans[0].parent_span_is_remote);
    assert_eq!(spans[1].parent_span_id.to_string(), "00f067aa0ba902b7");
    // With one in none: the senders decide.
    let kept = traced(&settings(0.0));
    event(None, 1000);
    event(Some(SENDER), 0);
    assert_eq!(kept.names(), ["mesh.event watch.messages"]);
}

#[tokio::test]
async fn what_a_broadcast_needs_later_is_below_it_too() {
    let kept = traced(&settings(1.0));
    let job = work::handling(work::arrived(), || {
        work::named("watch.settings", || TraceContext::read(SENDER, None));
        work::carry(async {
            call("ee-settings.get", "moleculer").unwrap().end(None);
            work::delivered(2, 1, 2);
        })
    });
    assert_eq!(kept.names(), [""; 0], "not over yet");
    job.await;
    let spans = kept.take();
    let [call, event] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!(call.parent_span_id, event.span_context.span_id());
    let all = attributes(event);
    let expected = [
        ("messaging.system", "nats"),
        ("messaging.operation.type", "process"),
        ("messaging.operation.name", "mesh.event"),
        ("messaging.destination.template", "watch.settings"),
        ("mesh.event.deliveries", "2"),
        ("mesh.event.refused", "1"),
        ("mesh.event.encodings", "2"),
    ];
    for (at, (name, value)) in expected.into_iter().enumerate() {
        assert_eq!(all[at], (name.to_owned(), value.to_owned()));
    }
    assert_eq!(all[7].0, "mesh.event.lateness");
    assert_eq!(all.len(), 8);
}
