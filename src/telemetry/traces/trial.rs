//! One span on its own, to see whether the collector takes it.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span as SdkSpan, SpanData, SpanExporter, SpanProcessor};
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::time::Instant;

use super::otlp::{self, OtlpError};
use super::{provider, span};
use crate::config::{SamplerConfig, TracingConfig};

/// A span that the collector took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its trace: 32 hexadecimal digits.
    pub trace_id: String,
    /// From the connection to the collector's answer.
    pub took: Duration,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Nothing can be sent with this configuration.
    #[error(transparent)]
    Unusable(#[from] OtlpError),
    /// The collector is away, or refuses; in its words, or the connection's.
    #[error("{0}")]
    NotTaken(String),
}

/// Sends one span as the service would, whatever the sampler says of others. To be called within the runtime that carries the connection.
///
/// # Errors
/// The collector's address or a header cannot be used; it does not take the span.
pub async fn trial(
    config: &TracingConfig,
    node_id: &str,
    tls: ClientConfig,
) -> Result<Taken, TrialError> {
    let mut exporter = otlp::exporter(config, tls)?;
    let kept = Kept::default();
    let every = TracingConfig {
        sampler: SamplerConfig {
            parent_based: false,
            ratio: 1.0,
        },
        ..config.clone()
    };
    let provider = provider::provider(&every, node_id, kept.clone());
    span::trial(&provider);
    let Some((resource, span)) = kept.take() else {
        return Err(TrialError::NotTaken("no span was made".to_owned()));
    };
    let trace_id = span.span_context.trace_id().to_string();
    exporter.set_resource(&resource);
    let begun = Instant::now();
    match exporter.export(vec![span]).await {
        Ok(()) => match exporter.rejected() {
            None => Ok(Taken {
                trace_id,
                took: begun.elapsed(),
            }),
            Some(rejected) => Err(TrialError::NotTaken(rejected.why)),
        },
        Err(OTelSdkError::InternalFailure(why)) => Err(TrialError::NotTaken(why)),
        Err(other) => Err(TrialError::NotTaken(other.to_string())),
    }
}

/// Keeps what is made instead of sending it.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<(Option<Resource>, Option<SpanData>)>>);

impl Kept {
    fn take(&self) -> Option<(Resource, SpanData)> {
        let (resource, span) = std::mem::take(&mut *self.0.lock());
        resource.zip(span)
    }
}

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().1 = Some(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.lock().0 = Some(resource.clone());
    }
}
