//! `ddp-streamer check`: what a deployment's environment reaches, what is wrong, and what to do about it.
//!
//! With `DDP_SERVER_URL` it is the server instead of mesh and database.
//!
//! The parts are looked at side by side, each with its own deadline, all in at most fifteen seconds. Nothing is
//! changed: the mesh is watched from outside ([`mesh::survey`](crate::mesh::survey)), the database is only read. A
//! collector of traces, where there is one, is sent one span.

mod certificate;
mod clock;
mod collector;
mod database;
mod files;
mod log_file;
mod mesh;
mod relay;
mod report;
mod settings;

use std::time::Duration;

use tokio::time::timeout;

pub use report::{Finding, Report, Verdict};

use crate::config::Config;

/// For one part, whatever it does inside; two more seconds are left for the process itself.
const PART: Duration = Duration::from_secs(13);

/// Looks at everything that `env` ([`process_environment`](crate::config::process_environment)) names.
pub async fn run(env: Vec<(String, String)>) -> Report {
    let mut findings = Vec::new();
    match settings::load(env, &mut findings) {
        Some(config) => look(&config, &mut findings).await,
        None => findings.push(Finding::warning(
            "the rest",
            "not looked at: without a configuration nobody knows where",
        )),
    }
    Report(findings)
}

async fn look(config: &Config, findings: &mut Vec<Finding>) {
    let mut clocks = Vec::new();
    let ((), collector) = tokio::join!(
        look_behind(config, findings, &mut clocks),
        collector::look(config),
    );
    findings.extend(collector);
    findings.extend(clock::judge(&clocks));
    let tls = config.gateway.tls.as_ref();
    findings.extend(tls.map(certificate::judge));
    let ticket_keys = tls.and_then(|tls| tls.ticket_keys.as_deref());
    findings.extend(ticket_keys.map(certificate::judge_tickets));
    findings.extend(config.logs.file.as_deref().map(log_file::judge));
    let sessions = config.gateway.max_connections;
    // The client's socket, and the one to the server.
    let files_each = if config.relay.is_some() { 2 } else { 1 };
    findings.push(files::judge(crate::app::open_files(), sessions, files_each));
}

/// Mesh and database, or the one server.
async fn look_behind(
    config: &Config,
    findings: &mut Vec<Finding>,
    clocks: &mut Vec<clock::Reading>,
) {
    let Some(server) = &config.relay else {
        return look_at_the_mesh(config, findings, clocks).await;
    };
    match timeout(PART, relay::look(server)).await {
        Ok(seen) => relay::judge(seen, server, findings, clocks),
        Err(_) => findings.push(too_slow("server")),
    }
}

async fn look_at_the_mesh(
    config: &Config,
    findings: &mut Vec<Finding>,
    clocks: &mut Vec<clock::Reading>,
) {
    let (around, database) = tokio::join!(
        timeout(PART, mesh::look(&config.mesh)),
        timeout(PART, database::look(&config.store)),
    );
    match around {
        Ok(seen) => mesh::judge(seen, &config.mesh, findings, clocks),
        Err(_) => findings.push(too_slow("NATS")),
    }
    match database {
        Ok(seen) => database::judge(seen, findings, clocks),
        Err(_) => findings.push(too_slow("MongoDB")),
    }
}

fn too_slow(about: &'static str) -> Finding {
    Finding::wrong(
        about,
        format!("no answer within {PART:?}"),
        "see whether it is overloaded or frozen",
    )
}
