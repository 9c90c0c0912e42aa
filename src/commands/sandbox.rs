//! `sandbox`, and the DDP client in the terminal: `watch` and `call`.

use std::io::{stderr, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clap::ArgMatches;
use ddp_streamer::config::{self, LogConfig, LogFormat, LogLevel};
use ddp_streamer::sandbox::args::Asked;
use ddp_streamer::sandbox::{self, terminal};
use ddp_streamer::telemetry::logs;

use super::process;

/// How long what is logged at the end is written at most.
const LOGS_END: Duration = Duration::from_secs(1);

pub(super) fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let variable = |wanted: &str| {
        let mut all = config::process_environment();
        let (_, value) = all.find(|(name, value)| name == wanted && !value.trim().is_empty())?;
        Some(value)
    };
    // Only what is wrong: the terminal is for what the sandbox says at its start.
    let config = LogConfig {
        level: LogLevel::Warn,
        format: LogFormat::Pretty,
        file: None,
        filter: variable("RUST_LOG"),
    };
    let guard = logs::init(&config, "sandbox")?;
    process::install_tls()?;
    let workers = variable("TOKIO_WORKER_THREADS");
    let workers = workers.and_then(|workers| workers.trim().parse().ok());
    let runtime = process::large_runtime(workers.filter(|workers| *workers > 0))?;
    let asked = sandbox::args::read(matches);
    let ended = runtime.block_on(async {
        match asked {
            Asked::Run(options) => {
                Box::pin(sandbox::run(options, process::stopped()?, &mut stdout())).await?;
            }
            Asked::Broadcast(target, event, args) => {
                sandbox::broadcast(&target, &event, &args, &mut stdout()).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    });
    runtime.shutdown_background();
    guard.finish(LOGS_END);
    ended
}

pub(super) fn in_terminal(name: &str, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let runtime = process::small_runtime()?;
    let ended = runtime.block_on(async {
        if name == "watch" {
            let asked = terminal::args::read_watch(matches);
            terminal::watch(
                &asked.url,
                &asked.login,
                &asked.listen,
                process::stopped()?,
                &mut stdout(),
                &mut stderr(),
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
        Ok(ExitCode::SUCCESS)
    });
    runtime.shutdown_background();
    ended
}
