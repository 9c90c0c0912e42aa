//! `record` and `replay`.

use std::io::stderr;
use std::process::ExitCode;

use clap::ArgMatches;
use ddp_streamer::config::{self, Errors, MeshSettings};
use ddp_streamer::record::{self, RecordError, ReplayError, args};

use super::process;

pub(super) fn record(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    process::install_tls()?;
    let asked = args::read_record(matches);
    let settings = mesh()?.ok_or(RecordError::NoMesh)?;
    let runtime = process::small_runtime()?;
    let ended = runtime.block_on(async {
        // Standard output may be the file.
        record::record(&asked, &settings, process::stopped()?, &mut stderr()).await?;
        Ok(ExitCode::SUCCESS)
    });
    runtime.shutdown_background();
    ended
}

pub(super) fn replay(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    process::install_tls()?;
    let asked = args::read_replay(matches);
    // A sandbox needs no environment.
    let settings = || {
        let settings = mesh().map_err(|errors| ReplayError::Settings(errors.to_string()))?;
        settings.ok_or(ReplayError::NoMesh)
    };
    let runtime = process::large_runtime(Some(1))?;
    let ended = runtime.block_on(async {
        record::replay(&asked, settings, process::stopped()?, &mut stderr()).await?;
        Ok(ExitCode::SUCCESS)
    });
    runtime.shutdown_background();
    ended
}

/// The mesh of this environment; none with a single server.
fn mesh() -> Result<Option<MeshSettings>, Errors> {
    let loaded = config::load(config::process_environment())?;
    Ok(loaded.config.relay.is_none().then_some(loaded.config.mesh))
}
