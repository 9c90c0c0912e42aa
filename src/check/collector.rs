//! The collector of traces (`TRACING_ENABLED`).

use tokio::time::timeout;

use super::PART;
use super::report::{Finding, millis};
use crate::app;
use crate::config::Config;
use crate::telemetry::traces::{Taken, TrialError, trial};

const ABOUT: &str = "collector";

/// Sends it one span, with the service's own settings; nothing where no traces are sent.
pub(super) async fn look(config: &Config) -> Option<Finding> {
    let tracing = config.tracing.as_ref()?;
    let tls = match app::collector_tls(tracing) {
        Ok(tls) => tls,
        Err(error) => return Some(unusable(&error)),
    };
    let (endpoint, service) = (&tracing.shown_endpoint, &tracing.service_name);
    let sent = timeout(PART, trial(tracing, &config.mesh.node_id, tls)).await;
    Some(match sent {
        Ok(Ok(Taken { trace_id, took })) => {
            let took = millis(took);
            let found = format!(
                "{endpoint} took a span in {took}: look for trace {trace_id} of service {service}"
            );
            Finding::ok(ABOUT, found)
        }
        Ok(Err(TrialError::NotTaken(why))) => not_taken(endpoint, &why),
        Ok(Err(TrialError::Unusable(error))) => unusable(&error),
        Err(_) => not_taken(endpoint, &format!("no answer within {PART:?}")),
    })
}

/// Clients are served all the same.
fn not_taken(endpoint: &str, why: &str) -> Finding {
    Finding::warning(ABOUT, format!("{endpoint} did not take a span: {why}")).advised(
        "traces are lost: start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL or _HEADERS",
    )
}

fn unusable(error: &dyn std::fmt::Display) -> Finding {
    Finding::wrong(
        ABOUT,
        error.to_string(),
        "correct it: the service does not start with it",
    )
}
