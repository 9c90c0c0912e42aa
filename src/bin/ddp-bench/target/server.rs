//! The server under test: somebody's process, or one that is started and ended here.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::leash::leashed;
use super::workspace::unpin;
use super::{Spec, answers, centrifugo, certificate, free_port, http, pin, seed};
use crate::clock::{Nanos, pause};
use crate::error::{Error, Tried};
use crate::measure::process::Process;

const START: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(12);
/// Twice as many as the bench opens: in a storm the old ones are still being ended.
const CONNECTIONS: &str = "36000";

/// How spawned servers are started.
#[derive(Clone)]
pub(crate) struct Spawning<'a> {
    /// NATS.
    pub(crate) nats: SocketAddr,
    /// `MS_NAMESPACE`.
    pub(crate) namespace: &'a str,
    /// `NODE_ID`.
    pub(crate) node: String,
    /// Its core,
    pub(crate) cpu: Option<usize>,
    /// and ours, where what stands behind it runs as well.
    pub(crate) bench_cpu: Option<usize>,
    /// What the user adds, or sets otherwise.
    pub(crate) environment: &'a [(String, String)],
    /// For the seed and the log.
    pub(crate) directory: &'a Path,
    /// Where its output goes, when it is to be kept.
    pub(crate) log: Option<&'a Path>,
    /// Users, rooms, memberships of the seed.
    pub(crate) seed: (u32, u32, u32),
    /// The floor ends by itself after this.
    pub(crate) lasting: Duration,
    /// It is to count what it does (`MS_METRICS`): not where its CPU time is measured.
    pub(crate) counted: bool,
}

/// A server under test.
pub(crate) struct Server {
    /// When it was started, where that was ours to do.
    pub(crate) began: Nanos,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its process, when that is known.
    pub(crate) process: Option<Process>,
    /// Where its counters are read, when it counts.
    metrics: Option<SocketAddr>,
    child: Option<Child>,
    log: PathBuf,
    /// What it is a proxy of.
    _behind: Option<Box<Server>>,
}

impl Server {
    /// Starts it where that is ours to do, and waits until it listens.
    pub(crate) fn start(spec: &Spec, how: &Spawning<'_>) -> Result<Self, Error> {
        let mut server = Self::spawn(spec, how)?;
        if server.child.is_some() {
            while !server.listens() {
                server.check_start("listen")?;
                pause(Duration::from_millis(20));
            }
        }
        Ok(server)
    }

    /// Starts it where that is ours to do.
    pub(crate) fn spawn(spec: &Spec, how: &Spawning<'_>) -> Result<Self, Error> {
        let behind = match spec {
            Spec::Proxy { behind, .. } => {
                let spec = Spec::Spawn {
                    name: String::new(),
                    command: behind.clone(),
                    tls: false,
                };
                let how = Spawning {
                    cpu: how.bench_cpu,
                    log: None,
                    counted: false,
                    ..how.clone()
                };
                Some(Box::new(Self::start(&spec, &how)?))
            }
            _ => None,
        };
        let (mut command, address) = match spec {
            Spec::Running { address, pid, .. } => {
                return Ok(Self {
                    began: Nanos::now(),
                    address: *address,
                    process: pid.map(Process),
                    metrics: None,
                    child: None,
                    log: PathBuf::new(),
                    _behind: None,
                });
            }
            Spec::Floor => floor(how)?,
            Spec::Centrifugo { program } => {
                let address = free_port()?;
                (
                    centrifugo::command(program, address, how.directory)?,
                    address,
                )
            }
            Spec::Spawn { command, tls, .. } => service(command, *tls, how)?,
            Spec::Proxy { command, .. } => {
                let server = behind.as_ref().map(|server| server.address);
                proxy(command, server, how)?
            }
        };
        let metrics = match spec {
            Spec::Spawn { .. } if how.counted => Some(free_port()?),
            _ => None,
        };
        if let Some(metrics) = metrics {
            command.env("MS_METRICS", "true");
            command.env("MS_METRICS_PORT", metrics.port().to_string());
        }
        let log = how.log.map_or_else(
            || how.directory.join(format!("{}.log", address.port())),
            Path::to_path_buf,
        );
        let output = File::create(&log).tried(format!("creating {}", log.display()))?;
        let errors = output.try_clone().tried("the server's log")?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        // A child inherits the core of the thread that starts it.
        let had = pin(how.cpu)?;
        let began = Nanos::now();
        let child = command.spawn().tried(format!(
            "starting {}",
            command.get_program().to_string_lossy()
        ));
        unpin(&had)?;
        let child = child?;
        Ok(Self {
            began,
            address,
            process: Some(Process(child.id())),
            metrics,
            child: Some(child),
            log,
            _behind: behind,
        })
    }

    /// Whether somebody can connect.
    pub(crate) fn listens(&self) -> bool {
        answers(self.address)
    }

    /// Whether it says that it can serve clients.
    pub(crate) fn is_ready(&self) -> bool {
        http::get(self.address, "/readyz").is_some()
    }

    /// That it still runs, and has time left to do `what`.
    pub(crate) fn check_start(&mut self, what: &str) -> Result<(), Error> {
        self.check()?;
        if Nanos::now() - self.began > START {
            return Err(Error::Server(format!(
                "the server does not {what} after {} s: {}",
                START.as_secs(),
                self.last_words()
            )));
        }
        Ok(())
    }

    /// That it still runs.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(Some(status))) => Err(Error::Server(format!(
                "the server ended ({status}): {}",
                self.last_words()
            ))),
            _ => Ok(()),
        }
    }

    /// Whether it was started so that it counts.
    pub(crate) fn counts(&self) -> bool {
        self.metrics.is_some()
    }

    /// What it counted so far under this name (with its labels); `None` when it does not tell.
    pub(crate) fn counter(&self, series: &str) -> Option<f64> {
        http::counter(&http::get(self.metrics?, "/metrics")?, series)
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n  ")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        if let Some(pid) = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default()) {
            // Fails when it has already ended.
            let _ended = rustix::process::kill_process(pid, Signal::TERM);
        }
        let began = Nanos::now();
        while Nanos::now() - began < END {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            pause(Duration::from_millis(20));
        }
        let _ended = child.kill();
        let _ended = child.wait();
    }
}

fn floor(how: &Spawning<'_>) -> Result<(Command, SocketAddr), Error> {
    let address = free_port()?;
    let own = std::env::current_exe().tried("finding myself")?;
    let mut command = leashed(&own.to_string_lossy())?;
    command.args(["floor", "--listen", &address.to_string()]);
    command.args(["--nats", &how.nats.to_string()]);
    command.args(["--namespace", how.namespace]);
    command.args(["--node", &how.node]);
    command.args(["--seconds", &how.lasting.as_secs().to_string()]);
    Ok((command, address))
}

fn proxy(
    words: &[String],
    server: Option<SocketAddr>,
    how: &Spawning<'_>,
) -> Result<(Command, SocketAddr), Error> {
    let address = free_port()?;
    let port = address.port().to_string();
    let server = server.map_or(String::new(), |address| address.to_string());
    let wants = |what: &str| words.iter().any(|word| word.contains(what));
    let (certificate, key) = if wants("{certificate}") || wants("{key}") {
        certificate::written(how.directory)?
    } else {
        Default::default()
    };
    let fill = |word: &String| {
        word.replace("{port}", &port)
            .replace("{server}", &server)
            .replace("{certificate}", &certificate.to_string_lossy())
            .replace("{key}", &key.to_string_lossy())
    };
    let mut command = leashed(words.first().map_or("", String::as_str))?;
    command.args(words.iter().skip(1).map(fill));
    // What it leaves behind goes with the run.
    command.env("TMPDIR", how.directory);
    Ok((command, address))
}

fn service(
    words: &[String],
    tls: bool,
    how: &Spawning<'_>,
) -> Result<(Command, SocketAddr), Error> {
    let address = free_port()?;
    let path = how.directory.join("seed.json");
    let (users, rooms, each) = how.seed;
    std::fs::write(&path, seed::seed(users, rooms, each)).tried("writing the seed")?;
    let mut command = leashed(words.first().map_or("", String::as_str))?;
    command.args(words.iter().skip(1));
    command.env("PORT", address.port().to_string());
    command.env("BIND_IP", "127.0.0.1");
    command.env("MONGO_URL", format!("memory:{}", path.display()));
    command.env("TRANSPORTER", format!("nats://{}", how.nats));
    command.env("MS_NAMESPACE", how.namespace);
    command.env("NODE_ID", &how.node);
    command.env("MAX_CONCURRENT_CONNECTIONS", CONNECTIONS);
    command.env("LOG_LEVEL", "warn");
    // Its clients have left when it is told to stop.
    command.env("SHUTDOWN_GRACE", "1");
    if tls {
        let (certificate, key) = certificate::written(how.directory)?;
        command.env("ENABLE_TLS", "true");
        command.env("TLS_CERT_PATH", certificate);
        command.env("TLS_KEY_PATH", key);
    }
    command.envs(how.environment.iter().map(|(name, value)| (name, value)));
    Ok((command, address))
}
