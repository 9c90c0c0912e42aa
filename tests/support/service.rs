//! The service as users run it: its binary, its environment, its log.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;

use super::process::{Lines, Process, collect};
use super::{eventually, free_port, http};

pub struct Service {
    pub process: Process,
    pub port: u16,
    /// The log: standard output.
    pub log: Lines,
}

/// The line of a service that root started, as root may run the tests.
pub const AS_ROOT: &str = "started as root";

/// The environment of a service in a test; later pairs win.
pub type Env = BTreeMap<String, String>;

/// `DDP_STREAMER` names what is tried in its place: the image (make image-test).
pub fn binary() -> PathBuf {
    let built = || PathBuf::from(env!("CARGO_BIN_EXE_ddp-streamer"));
    std::env::var_os("DDP_STREAMER").map_or_else(built, PathBuf::from)
}

impl Service {
    /// Starts the binary with just this environment.
    pub fn spawn(env: &Env) -> Self {
        let port = env
            .get("PORT")
            .and_then(|port| port.parse().ok())
            .unwrap_or(3000);
        let mut command = Command::new(binary());
        command.env_clear().envs(env);
        let (process, _stdin, stdout) = Process::start("ddp-streamer", command);
        Self {
            process,
            port,
            log: collect(stdout),
        }
    }

    /// What every service of a test has in its environment.
    pub fn usual_env(nats: &str) -> Env {
        [
            ("PORT", free_port().to_string()),
            ("BIND_IP", "127.0.0.1".to_owned()),
            ("TRANSPORTER", nats.to_owned()),
            ("MONGO_URL", "memory:".to_owned()),
            ("LOG_LEVEL", "debug".to_owned()),
            ("LOG_FORMAT", "json".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Waits until a new client can be served.
    pub async fn ready(&self) {
        let port = self.port;
        eventually("the service is ready", || async move {
            http::get(port, "/readyz")
                .await
                .ok()
                .filter(|answer| answer.status == 200)
        })
        .await;
    }

    /// The log so far, a JSON object a line, without what is said of whoever runs the tests.
    pub fn log(&self) -> Vec<Value> {
        self.log
            .lock()
            .expect("log")
            .iter()
            .filter(|line| !line.contains(AS_ROOT))
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Log lines of a level.
    pub fn logged(&self, level: &str) -> Vec<Value> {
        self.log()
            .into_iter()
            .filter(|line| line["level"] == level)
            .collect()
    }

    pub fn terminate(&self) {
        self.process.signal("TERM");
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid()))
            .expect("status");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("VmRSS");
        line.split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse::<u64>().ok())
            .expect("KiB")
            * 1024
    }
}
