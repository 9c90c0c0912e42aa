//! The mesh of `--transporter`, read as the service reads it: whoever gives both the same finds both on one mesh.

use super::error::SandboxError;
use crate::app;
use crate::config;
use crate::mesh::MeshConfig;

/// What else belongs to a mesh is taken from where the service takes it.
const OF_THE_ENVIRONMENT: [&str; 3] = ["SERIALIZER", "TLS_CA_PATH", "MOLECULER_PROTOCOL"];

/// What a node of ours is told; its name is to be replaced.
pub(super) fn config(transporter: &str, namespace: &str) -> Result<MeshConfig, SandboxError> {
    let wrong = |problem: String| SandboxError::Setting(problem);
    let rest = config::process_environment()
        .filter(|(name, _)| OF_THE_ENVIRONMENT.contains(&name.as_str()));
    let given = [("TRANSPORTER", transporter), ("MS_NAMESPACE", namespace)];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = config::load(rest.chain(given)).map_err(|errors| wrong(errors.to_string()))?;
    app::mesh_config(&loaded.config.mesh).map_err(|error| wrong(error.to_string()))
}
