//! What others are asked on behalf of what is worked on: spans below it.

use std::borrow::Cow;

use opentelemetry::trace::SpanKind;

use super::context::TraceContext;
use super::span::{OTHER, Span, key};
use super::tracer::on;
use crate::telemetry::work;

/// The core is asked, by way of `system`: `moleculer`, or `nats` where there is none.
#[must_use]
pub fn call(action: &str, system: &'static str) -> Option<Span> {
    let on = on()?;
    let parent = match work::context() {
        Some(parent) if !parent.is_sampled() => return Some(Span::unrecorded(parent)),
        parent => parent,
    };
    let name = || format!("mesh.call {action}");
    let mut span = Span::begin(on, SpanKind::Client, parent.as_ref(), None, name);
    if span.is_recorded() {
        span.set(key::RPC_SYSTEM, system);
        let method = match action.rsplit_once('.') {
            Some((service, action)) => Cow::Owned(format!("{service}/{action}")),
            None => Cow::Borrowed(action),
        };
        span.text(key::RPC_METHOD, &method);
        span.set(key::MESSAGING_SYSTEM, "nats");
    }
    Some(span)
}

/// The database is asked on behalf of something that is sampled.
#[must_use]
pub fn mongodb(operation: &'static str, collection: Option<&'static str>) -> Option<Span> {
    let on = on()?;
    let parent = work::context().filter(TraceContext::is_sampled)?;
    let name = || format!("mongodb.{operation}");
    let mut span = Span::begin(on, SpanKind::Client, Some(&parent), None, name);
    span.set(key::DB_SYSTEM, "mongodb");
    if let Some(collection) = collection {
        span.set(key::DB_COLLECTION, collection);
    }
    span.set(key::DB_OPERATION, operation);
    Some(span)
}

/// The server that sessions are relayed to is asked on behalf of `above`, where that is sampled, for what is `known` by its name.
#[must_use]
pub fn relayed(above: &Span, known: Option<&str>, host: &str, port: u16) -> Option<Span> {
    let on = on()?;
    if !above.is_recorded() {
        return None;
    }
    let name = known.unwrap_or(OTHER);
    let parent = Some(above.context());
    let mut span = Span::begin(on, SpanKind::Client, parent, None, || {
        format!("relay.call {name}")
    });
    span.set(key::RPC_SYSTEM, "ddp");
    span.text(key::RPC_METHOD, name);
    span.text(key::SERVER, host);
    span.set(key::SERVER_PORT, i64::from(port));
    Some(span)
}
