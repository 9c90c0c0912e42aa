//! What makes spans, once traces are on.

use std::sync::Arc;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

use super::courier::{Shared, SpanCounts};
use super::provider;
use crate::config::TracingConfig;

/// How the tracer is called in what it sends.
pub(super) const SCOPE: &str = "ddp-streamer";

pub(super) struct Tracing {
    pub(super) tracer: SdkTracer,
    /// The tracer's.
    pub(super) sampler: Sampler,
    /// What the sender decided holds.
    pub(super) parent_based: bool,
    pub(super) propagate: bool,
    pub(super) value_length: usize,
    shared: Arc<Shared>,
}

crate::telemetry::installed::installed!(Tracing);

/// `None` while traces are off.
pub(super) fn on() -> Option<&'static Tracing> {
    place::get()
}

/// Spans are made: worth a clock reading.
pub fn enabled() -> bool {
    on().is_some()
}

/// What became of spans so far; `None` while traces are off.
pub fn counts() -> Option<SpanCounts> {
    on().map(|on| on.shared.counts())
}

pub(super) fn install(config: &TracingConfig, provider: &SdkTracerProvider, shared: Arc<Shared>) {
    place::set(Tracing {
        tracer: provider.tracer(SCOPE),
        sampler: provider::sampler(config.sampler),
        parent_based: config.sampler.parent_based,
        propagate: config.propagate,
        value_length: config.limits.value_length.unwrap_or(usize::MAX),
        shared,
    });
}
