//! A nats-server of our own, when none was named.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::leash::leashed;
use super::{answers, free_port};
use crate::clock::{Nanos, pause};
use crate::error::{Error, Tried};

const START: Duration = Duration::from_secs(10);

/// Where NATS is; a server that was started here ends with this.
pub(crate) struct Nats {
    /// Its address.
    pub(crate) address: SocketAddr,
    child: Option<Child>,
}

impl Nats {
    /// The given one, or a new one.
    pub(crate) fn at(given: Option<SocketAddr>, program: &Path) -> Result<Self, Error> {
        if let Some(address) = given {
            return Ok(Self {
                address,
                child: None,
            });
        }
        let address = free_port()?;
        // Without the venv's own path the system's nats-server will do.
        let program = if program.exists() {
            program
        } else {
            Path::new("nats-server")
        };
        let child = leashed(&program.to_string_lossy())?
            .args(["-a", "127.0.0.1", "-p", &address.port().to_string()])
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
            child: Some(child),
        };
        let began = Nanos::now();
        while !answers(address) {
            if Nanos::now() - began > START {
                return Err(Error::Late {
                    what: "nats-server",
                    seconds: START.as_secs_f64(),
                });
            }
            pause(Duration::from_millis(10));
        }
        Ok(nats)
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
