//! Traces (reference/telemetry.md): spans of what is done for a client and for a broadcast, sent to an OpenTelemetry collector.
//!
//! Without `TRACING_ENABLED` every function is one load and a branch. Spans are made with OpenTelemetry's own API and not of `tracing`'s: a request
//! that is not sampled costs its ids and nothing else, where each layer of a subscriber would put its fields together first. Names and attributes
//! stand in [`span`] alone; what is worked on, and with it the parent of whatever is asked meanwhile, is known to [`work`](super::work).
//!
//! What a span says is bounded and chosen here: names from tables, ids, counts, codes. Nothing that a client wrote is among it but the name of a
//! method or of an event, and nothing of what the mesh carries.

mod asked;
pub(super) mod context;
mod courier;
mod ids;
mod otlp;
mod provider;
pub(super) mod span;
#[cfg(test)]
mod tests;
pub(super) mod tracer;
mod trial;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use rustls::ClientConfig;
use tracing::{info, warn};

pub use asked::{call, mongodb, relayed};
pub use context::{Carried, TraceContext};
use courier::Shared;
pub use courier::SpanCounts;
pub use otlp::OtlpError;
pub use span::{Span, method, publication, told};
pub use tracer::{counts, enabled};
pub use trial::{Taken, TrialError, trial};

use crate::config::TracingConfig;

/// Traces are sent, until it is shut down.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Spans are made and sent from now on. Nothing is connected yet; where it is `https`, `tls` says whom it trusts. In one process only the
    /// first one counts.
    ///
    /// # Errors
    /// The collector's address or a header cannot be used.
    pub fn start(
        config: &TracingConfig,
        node_id: &str,
        tls: ClientConfig,
    ) -> Result<Self, OtlpError> {
        let shared = Arc::new(Shared::new(&config.endpoint));
        let exporter = otlp::exporter(config, tls)?;
        let batch = courier::batch(exporter, config.batch, shared.clone());
        let provider = provider::provider(config, node_id, batch);
        tracer::install(config, &provider, shared);
        info!(endpoint = config.endpoint, "traces are sent");
        Ok(Self { provider })
    }

    /// Sends what waits, for so long at most.
    pub async fn shut_down(self, within: Duration) {
        let provider = self.provider;
        // It waits for a thread.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(within));
        if !matches!(ended.await, Ok(Ok(()))) {
            warn!("the last spans were not sent: the collector does not take them");
        }
    }
}
