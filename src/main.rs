//! The command line: `ddp-streamer` serves, configured by its environment (reference/configuration.md).

mod commands;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Command;
use ddp_streamer::app::{App, Parts, RelayApp};
use ddp_streamer::config::{self, Loaded, NoteLevel};
use ddp_streamer::telemetry::logs;
use tokio::signal::unix::{SignalKind, signal};
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
    let ended = run(loaded);
    let code = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(target: logs::FATAL, "{error:#}");
            let _nobody_reads = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    };
    // Writes what is still queued.
    drop(guard);
    code
}

fn run(loaded: Loaded) -> anyhow::Result<()> {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("another TLS provider is installed already");
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = loaded.config.worker_threads {
        runtime.worker_threads(workers);
    }
    let runtime = runtime
        .enable_all()
        .build()
        .context("the runtime does not start")?;
    let ended = runtime.block_on(async {
        let mut terminate =
            signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
        let mut interrupt =
            signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        match &loaded.config.relay {
            Some(_) => RelayApp::build(loaded.config).await?.run(stop).await?,
            None => {
                let app = App::build(loaded.config, Parts::default()).await?;
                app.run(stop).await?;
            }
        }
        anyhow::Ok(())
    });
    // What still runs in a blocking thread (a name look-up, say) is not waited for.
    runtime.shutdown_background();
    ended
}
