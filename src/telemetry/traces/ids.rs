//! Ids, and what they decide: a root that is not sampled costs no span.

use std::cell::Cell;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample,
};

thread_local! {
    /// The trace of the next root on this thread, where it is drawn already.
    static DRAWN: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Draws the ids of spans; a root has the trace that was drawn for it.
#[derive(Debug, Default)]
pub(super) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        DRAWN.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Draws a trace for the root that begins now. Where `sampler` leaves it out, its context is all there is of it; else the
/// span that begins next on this thread has it.
pub(super) fn root(sampler: &Sampler, kind: &SpanKind) -> Option<SpanContext> {
    let ids = RandomIdGenerator::default();
    let trace = ids.new_trace_id();
    let sampled = sampler.should_sample(None, trace, "", kind, &[], &[]);
    if sampled.decision != SamplingDecision::Drop {
        DRAWN.set(Some(trace));
        return None;
    }
    let (flags, state) = (TraceFlags::default(), TraceState::default());
    Some(SpanContext::new(
        trace,
        ids.new_span_id(),
        flags,
        false,
        state,
    ))
}
