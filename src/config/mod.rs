//! Defaults, file and environment, checked and typed: each room gets its own struct.
//!
//! The way of a value: [`VARIABLES`] has one row for each; `raw` lays defaults, `CONFIG_FILE` and environment over each other as text; `check`
//! reads every row by its [`Shape`]; `rules` looks at what holds between rows; `build` makes [`Config`] of it. All problems are gathered, none
//! stops the search for more. A value that is wrong stops the start before anything is bound (reference/configuration.md).
//!
//! This room knows no other. What the operator should read goes out as [`Note`]s, which `main` logs once logging is up.

mod build;
mod check;
mod error;
mod foreign;
mod heartbeat;
mod host;
mod listening;
mod mesh;
mod mongo;
mod nats;
mod origin;
mod parse;
mod raw;
mod rules;
mod secret;
mod server_url;
mod shape;
#[cfg(test)]
mod tests;
mod tracing;
mod types;
mod variables;

pub use error::{Errors, Note, NoteLevel, Problem};
pub use host::{host_name, process_environment};
pub use listening::{Listening, listening};
pub use mesh::{
    Broker, Bulkhead, MeshSettings, NodeSettings, Protocols, RetryPolicy, SerializerKind, Strategy,
};
pub(crate) use mongo::connection_string;
pub use nats::{NatsCredentials, NatsServers};
pub use origin::Origin;
pub(crate) use parse::bytes as parse_bytes;
pub use secret::{HIDDEN, Secret};
pub use server_url::ServerUrl;
pub(crate) use shape::MEMORY;
pub use shape::Shape;
pub use tracing::{
    BatchConfig, ClientCertificate, OtlpProtocol, OtlpVariables, SamplerConfig, SpanLimits,
    TracingConfig,
};
pub use types::{
    Config, GatewayConfig, LicenseConfig, LogConfig, LogFormat, LogLevel, LoginRateConfig,
    MethodsConfig, MetricsConfig, RateLimitConfig, RelayConfig, SessionConfig, StatusPageConfig,
    StoreConfig, TlsConfig,
};
pub use variables::{CONFIG_FILE, VARIABLES, Variable};

/// Reads `TRANSPORTER` where it is an URL of NATS: [`crate::internals`].
#[cfg(feature = "internals")]
pub(crate) fn nats_servers(text: &str) -> Option<NatsServers> {
    NatsServers::parse(text)
}

/// A configuration that holds, and what is to be said about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the rooms are given.
    pub config: Config,
    /// To be logged once logging is up.
    pub notes: Vec<Note>,
    /// Every variable that has a value, in the order of [`VARIABLES`].
    pub values: Vec<Value>,
    /// What holds of traces, or would hold if they were on.
    pub traces: TracingConfig,
    /// The variables that have no effect where sessions are relayed to a server, set or not; none in a mesh.
    pub idle: &'static [&'static str],
}

/// One variable's value, as it may be shown, and where it is from.
#[derive(Debug, Clone)]
pub struct Value {
    /// The variable's row.
    pub variable: &'static Variable,
    /// The value; hidden when it is a secret.
    pub shown: String,
    /// Where it is from.
    pub origin: Origin,
}

/// What a process has that was told nothing.
#[cfg(test)]
pub(crate) fn defaults() -> Config {
    let nothing = [("TRANSPORTER".to_owned(), "nats://nats".to_owned())];
    load(nothing.into_iter()).expect("defaults hold").config
}

/// Reads the configuration of `env` ([`process_environment`], or what a test likes) and of the file that it names.
///
/// # Errors
/// All problems at once.
pub fn load(env: impl Iterator<Item = (String, String)>) -> Result<Loaded, Errors> {
    let mut raw = raw::read(env);
    let mut problems = std::mem::take(&mut raw.problems);
    let mut notes = std::mem::take(&mut raw.notes);

    foreign::leave_out(&mut raw, &mut notes);
    let checked = check::check(&raw, &mut problems);
    let relays = rules::relays(&raw, &checked);
    let beats = heartbeat::read(&raw, &checked, relays, &mut notes);
    rules::pairs(&raw, &checked, &beats, &mut problems);
    tracing::pairs(&raw, &checked, &mut problems);
    if !problems.is_empty() {
        return Err(Errors(problems));
    }

    rules::notes(&raw, &checked, &mut notes);
    tracing::notes(&raw, &checked, &mut notes);
    let values = raw.entries.iter();
    let mut values: Vec<_> = values
        .filter_map(|(name, entry)| {
            let index = VARIABLES
                .iter()
                .position(|variable| variable.name == *name)?;
            let variable = &VARIABLES[index];
            Some((
                index,
                Value {
                    variable,
                    shown: raw.shown(name),
                    origin: entry.origin,
                },
            ))
        })
        .collect();
    values.sort_by_key(|(index, _)| *index);
    Ok(Loaded {
        config: build::config(&checked, &beats, relays),
        notes,
        traces: tracing::settings(&checked),
        idle: rules::idle(&raw, &checked),
        values: values.into_iter().map(|(_, value)| value).collect(),
    })
}
