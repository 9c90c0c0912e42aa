//! The command line: `ddp-streamer` serves, configured by its environment (reference/configuration.md).

mod commands;

use std::io::Write;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use clap::Command;
use ddp_streamer::app::{self, App, Parts, RelayApp, Shown};
use ddp_streamer::config::{self, Loaded, NoteLevel};
use ddp_streamer::telemetry::logs;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

/// Thousands of sessions come and go: what they held goes back to the system (settings: `.cargo/config.toml`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Command::new("ddp-streamer")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The DDP streamer of a Rocket.Chat workspace in microservices, configured by its environment")
        .subcommand(Command::new("serve").about("Joins the mesh and serves clients (what happens without a command)"))
        .subcommands(commands::all());
    commands::run(&arguments.get_matches()).unwrap_or_else(serve)
}

fn serve() -> ExitCode {
    let loaded = match config::load(config::process_environment()) {
        Ok(loaded) => loaded,
        Err(errors) => {
            // One line a problem: there is no log yet.
            let _nobody_reads = writeln!(std::io::stderr(), "{errors}");
            return ExitCode::FAILURE;
        }
    };
    let guard = match logs::init(&loaded.config.logs, &loaded.config.mesh.node_id) {
        Ok(guard) => guard,
        Err(error) => {
            let _nobody_reads = writeln!(std::io::stderr(), "{error}");
            return ExitCode::FAILURE;
        }
    };
    for note in &loaded.notes {
        match note.level {
            NoteLevel::Debug => debug!("{}", note.text),
            NoteLevel::Info => info!("{}", note.text),
            NoteLevel::Warn => warn!("{}", note.text),
        }
    }
    let grace = loaded.config.shutdown_grace;
    let stopping = OnceLock::new();
    let ended = run(loaded, &stopping);
    let code = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let said = commands::process::said(&error);
            for line in said.lines() {
                error!(target: logs::FATAL, "{line}");
            }
            let _nobody_reads = writeln!(std::io::stderr(), "{said}");
            ExitCode::FAILURE
        }
    };
    let left = stopping
        .get()
        .map(|began: &Instant| (*began + grace).saturating_duration_since(Instant::now()));
    guard.finish(left.map_or(LOGS_END, |left| left.clamp(LOGS_LEAST, LOGS_END)));
    code
}

/// How long what is logged at the end is written at most, and at least, whatever the stop has left of its grace.
const LOGS_END: Duration = Duration::from_secs(2);
const LOGS_LEAST: Duration = Duration::from_millis(100);

fn run(loaded: Loaded, stopping: &OnceLock<Instant>) -> anyhow::Result<()> {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("another TLS provider is installed already");
    }
    app::remark(&loaded.config);
    let runtime = commands::process::large_runtime(loaded.config.worker_threads)?;
    let ended = runtime.block_on(async {
        // A file that may not grow any more is an error of whoever writes it: lines are lost, never the service.
        let too_large = SignalKind::from_raw(Signal::XFSZ.as_raw());
        let _never_read = signal(too_large).context("SIGXFSZ cannot be listened for")?;
        let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be listened for")?;
        let mut terminate =
            signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
        let mut interrupt =
            signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
        let mut stop = async |certificate: Option<Shown>| {
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = hangup.recv() => {
                        logs::reopen();
                        info!("SIGHUP: the log file is opened anew, the certificate's files are looked at");
                        if let Some(certificate) = &certificate {
                            certificate.look();
                        }
                    }
                }
            }
            let _first = stopping.set(Instant::now());
        };
        match &loaded.config.relay {
            Some(_) => {
                let app = RelayApp::build(loaded.config).await?;
                let certificate = app.certificate();
                app.run(stop(certificate)).await?;
            }
            None => {
                let app = App::build(loaded.config, Parts::default()).await?;
                let certificate = app.certificate();
                app.run(stop(certificate)).await?;
            }
        }
        anyhow::Ok(())
    });
    // What still runs in a blocking thread (a name look-up, say) is not waited for.
    runtime.shutdown_background();
    ended
}
