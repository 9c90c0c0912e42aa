//! What commands begin and end with.

use std::num::NonZero;
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// For whoever serves; one thread a core by default. The runtime is told in any case: it would read the variable itself,
/// and panic at an empty one.
pub(crate) fn large_runtime(workers: Option<usize>) -> anyhow::Result<Runtime> {
    let cores = || available_parallelism().map_or(1, NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.unwrap_or_else(cores))
        .enable_all()
        .build()
        .context("the runtime does not start")
}

/// For a command that needs no second thread.
pub(super) fn small_runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")
}

/// Decides who encrypts, before anybody does.
pub(super) fn install_tls() -> anyhow::Result<()> {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("another TLS provider is installed already");
    }
    Ok(())
}

/// An error with its causes, but for those that whoever met them has told already.
pub(crate) fn said(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.ends_with(&cause) {
            let between = if said.is_empty() { "" } else { ": " };
            said.extend([between, &cause]);
        }
    }
    said
}

/// How a command that judges ends.
pub(super) fn code(well: bool) -> ExitCode {
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Ready at Ctrl-C or SIGTERM.
pub(super) fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
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
