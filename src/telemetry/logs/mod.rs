//! One event a line, on standard output and in a file.
//!
//! Lines are put together where they are logged and written by a thread of their own, so that a full pipe or a slow disk stops nobody; what its
//! queue cannot hold is counted and told. `RUST_LOG` decides where it is set; else our own rooms log at `LOG_LEVEL`, and the crates below us only
//! what is a warning, since many of them describe each connection.

mod date;
mod file;
mod layer;
mod line;

use std::io::IsTerminal;
use std::path::PathBuf;

use tracing::error;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat, LogLevel};
pub(crate) use date::timestamp;
use file::LogFile;
use layer::Lines;
use line::Look;

/// The target of what ends the process: `error!(target: FATAL, …)` is written with the level `fatal`, which `tracing` does not have.
pub const FATAL: &str = "ddp_streamer::fatal";

/// Lines that may wait for the writing thread.
const WAITING_LINES: usize = 16_384;

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened.
    #[error("LOG_FILE_PATH={}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// `RUST_LOG` is no filter.
    #[error("RUST_LOG: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something in this process logs already.
    #[error("logging is set up already")]
    Twice,
}

/// Dropped last, it writes what still waits.
#[derive(Debug)]
#[must_use = "lines that wait are written when it is dropped"]
pub struct LogGuard(#[allow(dead_code, reason = "held to be dropped")] Vec<WorkerGuard>);

/// Logs from now on, panics among it. `node_id` is the field `nodeID` of each line in JSON.
///
/// # Errors
/// The file cannot be opened, the filter cannot be read, or this was called before.
pub fn init(config: &LogConfig, node_id: &str) -> Result<LogGuard, LogError> {
    let filter = EnvFilter::builder().parse(directives(config))?;
    let (stdout, guard) = writer(std::io::stdout());
    let mut guards = vec![guard];
    let file = match &config.file {
        Some(path) => {
            let file = LogFile::open(path).map_err(|error| LogError::File {
                path: path.clone(),
                error,
            })?;
            let (file, guard) = writer(file);
            guards.push(guard);
            Some(file)
        }
        None => None,
    };
    let look = match config.format {
        LogFormat::Json => Look::Json {
            node_id: node_id.to_owned(),
        },
        LogFormat::Pretty => Look::Pretty {
            colours: std::io::stdout().is_terminal(),
        },
    };
    let lines = Lines::new(look, stdout, file);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .map_err(|_| LogError::Twice)?;
    log_panics();
    Ok(LogGuard(guards))
}

fn writer(to: impl std::io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES)
        .lossy(true)
        .thread_name("logs")
        .finish(to)
}

/// rustls calls a client's broken handshake a warning; a client's mistake is none of ours. async-nats logs each attempt
/// of an outage as an error; the mesh says once what is wrong.
fn directives(config: &LogConfig) -> String {
    if let Some(filter) = &config.filter {
        return filter.clone();
    }
    let ours = |level| format!("warn,rustls=error,async_nats=off,ddp_streamer={level}");
    match config.level {
        LogLevel::Trace => ours("trace"),
        LogLevel::Debug => ours("debug"),
        LogLevel::Info => ours("info"),
        LogLevel::Warn => ours("warn"),
        LogLevel::Error => "error,async_nats=off".to_owned(),
        LogLevel::Fatal => format!("off,{FATAL}=error"),
    }
}

/// A panic becomes a line like any other instead of text on standard error.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let what = panic.payload_as_str().unwrap_or("a panic without words");
        error!(place, "panicked: {what}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(level: LogLevel) -> LogConfig {
        LogConfig {
            level,
            format: LogFormat::Json,
            file: None,
            filter: None,
        }
    }

    // contract: configuration/variable/LOG_LEVEL
    #[test]
    fn every_level_is_a_filter() {
        for level in [
            LogLevel::Trace,
            LogLevel::Debug,
            LogLevel::Info,
            LogLevel::Warn,
            LogLevel::Error,
            LogLevel::Fatal,
        ] {
            EnvFilter::builder()
                .parse(directives(&config(level)))
                .unwrap();
        }
        assert_eq!(
            directives(&config(LogLevel::Debug)),
            "warn,rustls=error,async_nats=off,ddp_streamer=debug"
        );
        assert_eq!(
            directives(&config(LogLevel::Fatal)),
            "off,ddp_streamer::fatal=error"
        );
        let own = LogConfig {
            filter: Some("hyper=trace".into()),
            ..config(LogLevel::Error)
        };
        assert_eq!(directives(&own), "hyper=trace");
    }
}
