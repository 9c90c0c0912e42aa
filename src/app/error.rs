//! Why the service does not start, or stops by itself.

use thiserror::Error;

use crate::gateway::GatewayError;
use crate::mesh::MeshError;
use crate::store::StoreError;
use crate::telemetry::metrics::MetricsError;
use crate::telemetry::status::StatusError;
use crate::telemetry::traces::OtlpError;

/// Why the service does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting that was checked in form cannot be used.
    #[error("{name}: {problem}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The mesh's settings cannot be used.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The port cannot be bound.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Metrics cannot be served.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The status page cannot be served.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// Traces cannot be sent.
    #[error(transparent)]
    Traces(#[from] OtlpError),
    /// Several of these; a line each.
    #[error("{}", lines(.0))]
    Several(Vec<StartError>),
}

fn lines(problems: &[StartError]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for problem in problems {
        let line = problem.to_string();
        // A file may be read for more than one purpose.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Why the service stopped by itself.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Failure {
    /// The mesh cannot go on, for the reason given.
    #[error("{0}")]
    Mesh(String),
    /// The scalability rule.
    #[error("Enterprise license not found. Shutting down...")]
    Licence,
}
