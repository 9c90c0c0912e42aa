//! Trace contexts as NATS headers.

use async_nats::HeaderMap;

use crate::telemetry::traces::{Carried, TraceContext};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// The headers of what is sent.
pub(super) fn write(carried: &Carried) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(TRACEPARENT, carried.traceparent.as_str());
    if !carried.tracestate.is_empty() {
        headers.insert(TRACESTATE, carried.tracestate.as_str());
    }
    headers
}

/// The context of what came.
pub(super) fn sender(headers: &HeaderMap) -> Option<TraceContext> {
    let state = headers.get(TRACESTATE).map(|value| value.as_str());
    TraceContext::read(headers.get(TRACEPARENT)?.as_str(), state)
}
