//! The commands besides `serve`: the sandbox, and the DDP client in the terminal.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use anyhow::Context;
use clap::{ArgMatches, Command};
use ddp_streamer::config;
use ddp_streamer::sandbox::args::Asked;
use ddp_streamer::sandbox::{self, terminal};
use ddp_streamer::telemetry::logs::{self, LogSettings};
use tokio::signal::unix::{SignalKind, signal};

/// All of them.
pub(crate) fn all() -> [Command; 3] {
    [
        sandbox::args::command(),
        terminal::args::watch_command(),
        terminal::args::call_command(),
    ]
}

/// Runs the command that was asked for; `None` when it is none of these.
pub(crate) fn run(matches: &ArgMatches) -> Option<ExitCode> {
    let (name, matches) = matches.subcommand()?;
    let ended = match name {
        "sandbox" => in_sandbox(matches),
        "watch" | "call" => in_terminal(name, matches),
        _ => return None,
    };
    Some(match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_reads = writeln!(stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    })
}

fn in_sandbox(matches: &ArgMatches) -> anyhow::Result<()> {
    let filter = config::process_environment().find(|(name, _)| name == "RUST_LOG");
    // Only what is wrong: the terminal is for what the sandbox says at its start.
    let _guard = logs::init(&LogSettings {
        level: logs::Level::Warn,
        filter: filter.map(|(_, filter)| filter),
        json: false,
        file: None,
        node_id: "sandbox".to_owned(),
    })?;
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("another TLS provider is installed already");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("the runtime does not start")?;
    let asked = sandbox::args::read(matches);
    let ended = runtime.block_on(async {
        match asked {
            Asked::Run(options) => sandbox::run(options, stopped()?, &mut stdout()).await?,
            Asked::Broadcast(target, event, args) => {
                sandbox::inject(&target, &event, &args).await?
            }
        }
        Ok(())
    });
    runtime.shutdown_background();
    ended
}

fn in_terminal(name: &str, matches: &ArgMatches) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("the runtime does not start")?;
    let ended = runtime.block_on(async {
        if name == "watch" {
            let asked = terminal::args::read_watch(matches);
            terminal::watch(
                &asked.url,
                &asked.login,
                &asked.listen,
                stopped()?,
                &mut stdout(),
            )
            .await?;
        } else {
            let asked = terminal::args::read_call(matches);
            terminal::call(
                &asked.url,
                &asked.login,
                &asked.method,
                &asked.params,
                &mut stdout(),
            )
            .await?;
        }
        Ok(())
    });
    runtime.shutdown_background();
    ended
}

/// Ready at Ctrl-C or SIGTERM.
fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate =
        signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
