//! What commands begin and end with.

use std::process::ExitCode;

use anyhow::Context;
use tokio::runtime::Runtime;

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

/// How a command that judges ends.
pub(super) fn code(well: bool) -> ExitCode {
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
