//! The SDK as the configuration asks for it.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanProcessor};

use super::ids::Ids;
use crate::config::{SamplerConfig, TracingConfig};

pub(super) fn provider(
    config: &TracingConfig,
    node_id: &str,
    processor: impl SpanProcessor + 'static,
) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(sampler(config.sampler))
        .with_id_generator(Ids::default())
        .with_max_attributes_per_span(config.limits.attributes)
        .with_max_events_per_span(config.limits.events)
        .with_max_links_per_span(config.limits.links)
        .with_resource(resource(config, node_id))
        .build()
}

/// Built from nothing: the SDK's own builder reads the environment, which the config room has done.
fn resource(config: &TracingConfig, node_id: &str) -> Resource {
    let given = config.attributes.iter().cloned();
    let given = given.map(|(name, value)| KeyValue::new(name, value));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(given)
        .with_attributes([
            KeyValue::new("service.name", config.service_name.clone()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", node_id.to_owned()),
        ])
        .build()
}

pub(super) fn sampler(config: SamplerConfig) -> Sampler {
    let own = match config.ratio {
        ratio if ratio >= 1.0 => Sampler::AlwaysOn,
        ratio if ratio <= 0.0 => Sampler::AlwaysOff,
        ratio => Sampler::TraceIdRatioBased(ratio),
    };
    match config.parent_based {
        true => Sampler::ParentBased(Box::new(own)),
        false => own,
    }
}
