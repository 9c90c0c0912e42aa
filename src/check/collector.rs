//! The collector of traces (`TRACING_ENABLED`).

use tokio::time::timeout;

use super::PART;
use super::report::{Finding, millis};
use crate::app;
use crate::config::{Config, OtlpVariables, TracingConfig};
use crate::telemetry::traces::{Taken, TrialError, trial};

const ABOUT: &str = "collector";

/// Sends it one span, with the service's own settings; nothing where no traces are sent.
pub(super) async fn look(config: &Config) -> Option<Finding> {
    let tracing = config.tracing.as_ref()?;
    let tls = match app::collector_tls(tracing) {
        Ok(tls) => tls,
        Err(error) => return Some(unusable(&error)),
    };
    let (endpoint, service) = (&tracing.endpoint, &tracing.service_name);
    let sent = timeout(PART, trial(tracing, &config.mesh.node_id, tls)).await;
    Some(match sent {
        Ok(Ok(Taken { trace_id, took })) => {
            let took = millis(took);
            let found = format!(
                "{endpoint} took a span in {took}: look for trace {trace_id} of service {service}"
            );
            Finding::ok(ABOUT, found)
        }
        Ok(Err(TrialError::NotTaken(why))) => not_taken(tracing, &why),
        Ok(Err(TrialError::Unusable(error))) => unusable(&error),
        Err(_) => not_taken(tracing, &format!("no answer within {PART:?}")),
    })
}

/// Clients are served all the same.
fn not_taken(tracing: &TracingConfig, why: &str) -> Finding {
    let OtlpVariables {
        endpoint,
        protocol,
        headers,
    } = tracing.variables;
    let found = format!("{} did not take a span: {why}", tracing.endpoint);
    Finding::warning(ABOUT, found).advised(format!(
        "traces are lost: start the collector, or correct {endpoint}, {protocol} or {headers}"
    ))
}

fn unusable(error: &dyn std::fmt::Display) -> Finding {
    Finding::wrong(
        ABOUT,
        error.to_string(),
        "correct it: the service does not start with it",
    )
}
