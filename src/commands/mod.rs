//! The commands besides `serve`: the sandbox, the DDP client in the terminal, and what helps to run the service.

mod check;
mod config;
mod health;
mod sandbox;

use std::io::{Write, stderr};
use std::process::ExitCode;

use anyhow::Context;
use clap::{ArgMatches, Command};
use ddp_streamer::sandbox::{args, terminal};
use tokio::runtime::Runtime;

/// All of them.
pub(crate) fn all() -> [Command; 6] {
    [
        args::command(),
        terminal::args::watch_command(),
        terminal::args::call_command(),
        check::command(),
        config::command(),
        health::command(),
    ]
}

/// Runs the command that was asked for; `None` when it is none of these.
pub(crate) fn run(matches: &ArgMatches) -> Option<ExitCode> {
    let (name, matches) = matches.subcommand()?;
    let ended = match name {
        "sandbox" => sandbox::run(matches),
        "watch" | "call" => sandbox::in_terminal(name, matches),
        "check" => check::run(),
        "config" => config::run(),
        "health" => health::run(),
        _ => return None,
    };
    Some(ended.unwrap_or_else(|error| {
        let _nobody_reads = writeln!(stderr(), "{error:#}");
        ExitCode::FAILURE
    }))
}

/// For a command that needs no second thread.
fn small_runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")
}

/// Decides who encrypts, before anybody does.
fn install_tls() -> anyhow::Result<()> {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("another TLS provider is installed already");
    }
    Ok(())
}

/// How a command that judges ends.
fn code(well: bool) -> ExitCode {
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
