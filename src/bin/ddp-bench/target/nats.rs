//! A nats-server of our own, when none was named.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::leash::leashed;
use super::{answers, free_port, http};
use crate::clock::{Nanos, pause};
use crate::error::{Error, Tried};
use crate::measure::process::Process;
use crate::wire::json;

const START: Duration = Duration::from_secs(10);

/// Where NATS is; a server that was started here ends with this.
pub(crate) struct Nats {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Where it tells of itself.
    monitor: Option<SocketAddr>,
    child: Option<Child>,
}

/// What NATS did so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    /// Bytes of messages that it received,
    pub(crate) received: u64,
    /// and that it sent: once for each node that wants a message.
    pub(crate) sent: u64,
    /// Its CPU time.
    pub(crate) cpu: Duration,
}

impl Nats {
    /// The given one, or a new one.
    pub(crate) fn at(given: Option<SocketAddr>, program: &Path) -> Result<Self, Error> {
        if let Some(address) = given {
            return Ok(Self {
                address,
                monitor: None,
                child: None,
            });
        }
        let (address, monitor) = (free_port()?, free_port()?);
        // Without the venv's own path the system's nats-server will do.
        let program = if program.exists() {
            program
        } else {
            Path::new("nats-server")
        };
        let child = leashed(&program.to_string_lossy())?
            .args(["-a", "127.0.0.1", "-p", &address.port().to_string()])
            .args(["-m", &monitor.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .tried(format!(
                "starting {} (scripts/fixtures installs it; --nats names a running one)",
                program.display()
            ))?;
        let nats = Self {
            address,
            monitor: Some(monitor),
            child: Some(child),
        };
        let began = Nanos::now();
        while !answers(address) {
            if Nanos::now() - began > START {
                return Err(Error::Late {
                    what: "nats-server".into(),
                    seconds: START.as_secs_f64(),
                });
            }
            pause(Duration::from_millis(10));
        }
        Ok(nats)
    }

    /// What it did so far; `None` when it was not started here.
    pub(crate) fn traffic(&self) -> Option<Traffic> {
        let page = http::get(self.monitor?, "/varz")?;
        let count = |name| {
            let raw = json::member(page.as_bytes(), name)?;
            std::str::from_utf8(raw).ok()?.parse().ok()
        };
        Some(Traffic {
            received: count("in_bytes")?,
            sent: count("out_bytes")?,
            cpu: Process(self.child.as_ref()?.id()).cpu()?,
        })
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Fails when it has already ended.
            let _ended = child.kill();
            let _ended = child.wait();
        }
    }
}
