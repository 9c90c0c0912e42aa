//! `check`: what the environment reaches and what is wrong with it.

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Command;
use ddp_streamer::{check, config};

use super::process;

pub(super) fn command() -> Command {
    Command::new("check")
        .about("Tells what the service would reach with this environment, and what is wrong")
        .after_help("Nothing is changed: the mesh is only watched, the database only read. With TRACING_ENABLED the collector is sent one span. It takes a few seconds, 15 at most. The exit code is 0 when nothing is wrong, warnings or not.")
}

pub(super) fn run() -> anyhow::Result<ExitCode> {
    process::install_tls()?;
    let env = config::process_environment().collect();
    let runtime = process::small_runtime()?;
    let report = runtime.block_on(check::run(env));
    // A name look-up that hangs is not waited for.
    runtime.shutdown_background();
    writeln!(stdout().lock(), "{report}")?;
    Ok(process::code(report.is_well()))
}
