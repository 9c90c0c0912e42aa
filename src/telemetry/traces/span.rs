//! The spans: every name and every attribute stands here.

use std::time::SystemTime;

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{SdkTracerProvider, Span as SdkSpan};

use super::context::{Carried, TraceContext};
use super::ids;
use super::tracer::{SCOPE, Tracing, on};
use crate::ejson::well_formed;

/// What a client named and nobody here knows.
pub(super) const OTHER: &str = "_OTHER";
/// Sent by `ddp-streamer check`.
const TRIAL: &str = "ddp-streamer check";
/// As many as a span has, mostly.
const ATTRIBUTES: usize = 8;
/// Characters that are kept of what a client named.
const NAME_LENGTH: usize = 64;

/// Attributes (OpenTelemetry's semantic conventions, and ours).
pub(super) mod key {
    pub(in crate::telemetry) const RPC_SYSTEM: &str = "rpc.system.name";
    pub(in crate::telemetry) const RPC_METHOD: &str = "rpc.method";
    pub(in crate::telemetry) const RPC_METHOD_ORIGINAL: &str = "rpc.method_original";
    pub(in crate::telemetry) const SESSION: &str = "session.id";
    pub(in crate::telemetry) const USER: &str = "enduser.id";
    pub(in crate::telemetry) const ERROR: &str = "error.type";
    pub(in crate::telemetry) const STREAM_EVENT: &str = "ddp.stream.event";
    pub(in crate::telemetry) const MESSAGING_SYSTEM: &str = "messaging.system";
    pub(in crate::telemetry) const OPERATION_TYPE: &str = "messaging.operation.type";
    pub(in crate::telemetry) const OPERATION_NAME: &str = "messaging.operation.name";
    pub(in crate::telemetry) const DESTINATION: &str = "messaging.destination.template";
    pub(in crate::telemetry) const NODE: &str = "mesh.node";
    pub(in crate::telemetry) const DELIVERIES: &str = "mesh.event.deliveries";
    pub(in crate::telemetry) const REFUSED: &str = "mesh.event.refused";
    pub(in crate::telemetry) const ENCODINGS: &str = "mesh.event.encodings";
    pub(in crate::telemetry) const LATENESS: &str = "mesh.event.lateness";
    pub(in crate::telemetry) const SERVER: &str = "server.address";
    pub(in crate::telemetry) const SERVER_PORT: &str = "server.port";
    pub(in crate::telemetry) const DB_SYSTEM: &str = "db.system.name";
    pub(in crate::telemetry) const DB_COLLECTION: &str = "db.collection.name";
    pub(in crate::telemetry) const DB_OPERATION: &str = "db.operation.name";
}

/// Something that is being done. Dropped before [`Span::end`], it was cancelled.
#[derive(Debug)]
pub struct Span {
    context: TraceContext,
    /// What is recorded; `None` when it is not sampled. Boxed: most are not.
    recorded: Option<Box<SdkSpan>>,
    value_length: usize,
}

impl Span {
    /// Begins below `parent`, or a new trace. `name` is asked only if somebody may read it.
    pub(super) fn begin(
        on: &Tracing,
        kind: SpanKind,
        parent: Option<&TraceContext>,
        start: Option<SystemTime>,
        name: impl FnOnce() -> String,
    ) -> Self {
        if parent.is_none()
            && let Some(context) = ids::root(&on.sampler, &kind)
        {
            return Self::unrecorded(TraceContext(context));
        }
        // From here on it is mostly recorded.
        let mut builder = SpanBuilder::from_name(name()).with_kind(kind);
        builder.start_time = start;
        builder.attributes = Some(Vec::with_capacity(ATTRIBUTES));
        let above = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent.0.clone()),
            None => Context::new(),
        };
        let span = on.tracer.build_with_context(builder, &above);
        let context = TraceContext(span.span_context().clone());
        let recorded = span.is_recording().then(|| Box::new(span));
        Self {
            context,
            recorded,
            value_length: on.value_length,
        }
    }

    /// Not sampled: a root of its own, or a parent whose context goes on.
    pub(super) fn unrecorded(context: TraceContext) -> Self {
        Self {
            context,
            recorded: None,
            value_length: 0,
        }
    }

    /// Somebody is to read what it says.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// Where it stands, for what is done below it.
    #[must_use]
    pub fn context(&self) -> &TraceContext {
        &self.context
    }

    /// Its trace, 32 hexadecimal digits, where somebody is to read it.
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        self.is_recorded().then(|| self.context.ids().0)
    }

    /// Its context in two texts; `None` while contexts are not sent.
    #[must_use]
    pub fn carried(&self) -> Option<Carried> {
        self.context.carried()
    }

    /// Whose session it is for.
    pub fn set_user(&mut self, user: &str) {
        self.text(key::USER, user);
    }

    /// Which node was asked last.
    pub fn set_node(&mut self, node: &str) {
        self.text(key::NODE, node);
    }

    /// It is over. `error` is a code: what is not of the form of one is told as `_OTHER`.
    pub fn end(mut self, error: Option<&str>) {
        if let Some(error) = error {
            self.fail(error);
        }
        if let Some(mut recorded) = self.recorded.take() {
            recorded.end();
        }
    }

    fn fail(&mut self, error: &str) {
        if let Some(recorded) = &mut self.recorded {
            let error = if is_code(error) { error } else { OTHER };
            recorded.set_attribute(KeyValue::new(key::ERROR, error.to_owned()));
            recorded.set_status(Status::error(""));
        }
    }

    pub(super) fn text(&mut self, key: &'static str, value: &str) {
        if let Some(recorded) = &mut self.recorded {
            let value = cut(&well_formed(value), self.value_length).to_owned();
            recorded.set_attribute(KeyValue::new(key, value));
        }
    }

    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(recorded) = &mut self.recorded {
            recorded.set_attribute(KeyValue::new(key, value));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if self.recorded.is_none() {
            return;
        }
        let why = if std::thread::panicking() {
            "panic"
        } else {
            "cancelled"
        };
        self.fail(why);
    }
}

/// `value` up to so many characters.
fn cut(value: &str, length: usize) -> &str {
    match value.char_indices().nth(length) {
        Some((at, _)) => &value[..at],
        None => value,
    }
}

/// Of the form of an error's code: no sentence, nothing that says more.
fn is_code(error: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    !error.is_empty() && error.len() <= NAME_LENGTH && error.bytes().all(good)
}

/// A client calls `given`, which is `known` where the service knows it by that name.
#[must_use]
pub fn method(known: Option<&str>, given: &str, session: &str) -> Option<Span> {
    Some(of_client(on()?, "ddp.method", known, given, session))
}

/// A client asks for the publication `given`, `known` as with [`method`]; of a stream, for the events of `event`.
#[must_use]
pub fn publication(
    known: Option<&str>,
    given: &str,
    session: &str,
    event: impl FnOnce() -> Option<String>,
) -> Option<Span> {
    let mut span = of_client(on()?, "ddp.sub", known, given, session);
    if span.is_recorded()
        && let Some(event) = event()
    {
        span.text(key::STREAM_EVENT, cut(&event, NAME_LENGTH));
    }
    Some(span)
}

fn of_client(
    on: &Tracing,
    what: &'static str,
    known: Option<&str>,
    given: &str,
    session: &str,
) -> Span {
    let name = known.unwrap_or(OTHER);
    let mut span = Span::begin(on, SpanKind::Server, None, None, || {
        format!("{what} {name}")
    });
    if span.is_recorded() {
        span.set(key::RPC_SYSTEM, "ddp");
        span.text(key::RPC_METHOD, name);
        if known.is_none() {
            span.text(key::RPC_METHOD_ORIGINAL, cut(given, NAME_LENGTH));
        }
        span.text(key::SESSION, session);
    }
    span
}

/// A core in this process broadcasts `event`, on behalf of a call from there or of nobody.
#[must_use]
pub fn told(event: &str, caller: Option<&TraceContext>) -> Option<Span> {
    let name = || format!("core.event {event}");
    let mut span = Span::begin(on()?, SpanKind::Producer, caller, None, name);
    span.set(key::MESSAGING_SYSTEM, "nats");
    span.text(key::DESTINATION, event);
    Some(span)
}

/// A span that says nothing but that it was sent.
pub(super) fn trial(provider: &SdkTracerProvider) {
    let mut span = provider.tracer(SCOPE).start(TRIAL);
    span.end();
}

/// What became of a broadcast.
#[derive(Debug, Clone, Copy)]
pub(in crate::telemetry) struct Outcome {
    pub(in crate::telemetry) deliveries: u64,
    pub(in crate::telemetry) refused: u64,
    pub(in crate::telemetry) encodings: u64,
    /// From its arrival to the last listener's queue, in seconds.
    pub(in crate::telemetry) lateness: f64,
}

/// A broadcast that arrived then, below its sender's context.
pub(in crate::telemetry) fn broadcast(
    event: &str,
    sender: Option<&TraceContext>,
    arrived: SystemTime,
) -> Option<Span> {
    let on = on()?;
    if on.parent_based
        && let Some(sender) = sender
        && !sender.is_sampled()
    {
        return Some(Span::unrecorded(sender.clone()));
    }
    let name = || format!("mesh.event {event}");
    let mut span = Span::begin(on, SpanKind::Consumer, sender, Some(arrived), name);
    if span.is_recorded() {
        span.set(key::MESSAGING_SYSTEM, "nats");
        span.set(key::OPERATION_TYPE, "process");
        span.set(key::OPERATION_NAME, "mesh.event");
        span.text(key::DESTINATION, event);
    }
    Some(span)
}

impl Span {
    /// What became of the broadcast that it is of.
    pub(in crate::telemetry) fn set_outcome(&mut self, outcome: Outcome) {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.set(key::DELIVERIES, count(outcome.deliveries));
        self.set(key::REFUSED, count(outcome.refused));
        self.set(key::ENCODINGS, count(outcome.encodings));
        self.set(key::LATENESS, outcome.lateness);
    }
}
