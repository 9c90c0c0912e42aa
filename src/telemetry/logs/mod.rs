//! One event a line, on standard output and in a file.
//!
//! Lines are put together where they are logged and written by a thread of their own, so that a full pipe or a slow disk stops nobody; what its
//! queue cannot hold, or cannot be written, is counted and told. `RUST_LOG` decides where it is set; else our own rooms log at `LOG_LEVEL`, and the crates below us only
//! what is a warning, since many of them describe each connection.

mod date;
mod file;
mod layer;
mod line;
mod sink;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tracing::error;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat, LogLevel};
use crate::telemetry::metrics::LogSink;
pub(crate) use date::timestamp;
use file::LogFile;
pub use file::reopen;
use layer::Lines;
use line::Look;
use sink::{Counts, Sink};

/// The target of what ends the process: `error!(target: FATAL, …)` is written with the level `fatal`, which `tracing` does not have.
pub const FATAL: &str = "ddp_streamer::fatal";

/// How long the last word is tried, about lines that were not written.
const LAST_WORD: Duration = Duration::from_millis(50);

/// How often is looked whether the last lines were written.
const LOOK: Duration = Duration::from_millis(5);

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

/// Finished last, it writes what still waits.
#[derive(Debug)]
#[must_use = "lines that wait are written when it is finished"]
pub struct LogGuard(Vec<(WorkerGuard, Arc<Counts>)>);

impl LogGuard {
    /// Writes what still waits, for as long as `within`: whoever reads standard output, or a disk, may take nothing any
    /// more. What is not written is told on standard error, if that takes it.
    pub fn finish(self, within: Duration) {
        let lost = self.left(within);
        if lost == 0 {
            return;
        }
        in_time(LAST_WORD, move || {
            let text = "log lines were not written: nobody takes them";
            let _nobody_reads = writeln!(std::io::stderr(), "{lost} {text}");
        });
    }

    /// How many lines still wait when that is over.
    fn left(self, within: Duration) -> u64 {
        let (guards, counts): (Vec<_>, Vec<_>) = self.0.into_iter().unzip();
        let counts: Arc<[_]> = counts.into();
        let all = counts.clone();
        in_time(within, move || {
            // The guards themselves wait for a second at most, and their threads write on.
            drop(guards);
            for _ in 0..within.as_millis() / LOOK.as_millis() {
                if waiting(&all) == 0 {
                    return;
                }
                std::thread::park_timeout(LOOK);
            }
        });
        waiting(&counts)
    }
}

fn waiting(all: &[Arc<Counts>]) -> u64 {
    all.iter().map(|counts| counts.waiting()).sum()
}

/// Does what may never end, in a thread of its own; says whether it ended in time.
fn in_time(within: Duration, work: impl FnOnce() + Send + 'static) -> bool {
    let (done, ended) = sync_channel(1);
    let thread = std::thread::Builder::new().name("logs-end".to_owned());
    let thread = thread.spawn(move || {
        work();
        let _too_late = done.send(());
    });
    thread.is_ok() && ended.recv_timeout(within).is_ok()
}

/// Logs from now on, panics among it. `node_id` is the field `nodeID` of each line in JSON.
///
/// # Errors
/// The file cannot be opened, the filter cannot be read, or this was called before.
pub fn init(config: &LogConfig, node_id: &str) -> Result<LogGuard, LogError> {
    let filter = EnvFilter::builder().parse(directives(config))?;
    let (stdout, guard) = Sink::new(LogSink::Stdout, std::io::stdout());
    let mut guards = vec![(guard, stdout.counts())];
    let file = match &config.file {
        Some(path) => {
            let file = LogFile::open(path).map_err(|error| LogError::File {
                path: path.clone(),
                error,
            })?;
            let (file, guard) = Sink::new(LogSink::File, file);
            guards.push((guard, file.counts()));
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

    /// Takes a line whenever it is told to, and everything once nobody tells it.
    struct Stalled(std::sync::mpsc::Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            let _told_or_not = self.0.recv();
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_took_in_time_are_told() {
        // Longer than the guard waits by itself.
        let within = Duration::from_millis(1500);
        for (takes, left) in [(true, 0), (false, 3)] {
            let (tell, told) = sync_channel(1);
            let (sink, guard) = Sink::new(LogSink::File, Stalled(told));
            for _ in 0..3 {
                sink.put("a line\n");
            }
            let tell = (!takes).then_some(tell);
            let guard = LogGuard(vec![(guard, sink.counts())]);
            assert_eq!(guard.left(within), left);
            drop(tell);
        }
    }

    // contract: configuration/variable/LOG_LEVEL, configuration/variable/RUST_LOG
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
