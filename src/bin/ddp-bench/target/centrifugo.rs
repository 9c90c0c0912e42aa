//! centrifugo as a peer: one node, its memory engine, and else what it comes with.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::free_port;
use super::leash::leashed;
use super::server::Spawning;
use crate::error::{Error, Tried};

/// The command that starts it, and where it will listen: clients and the HTTP API at the same port.
pub(super) fn command(program: &Path, how: &Spawning<'_>) -> Result<(Command, SocketAddr), Error> {
    if !program.exists() {
        return Err(Error::Server(format!(
            "there is no {}: `scripts/fixtures centrifugo` builds it, --centrifugo names another",
            program.display()
        )));
    }
    let address = free_port()?;
    let file = how.directory.join("centrifugo.json");
    std::fs::write(&file, configuration(address)).tried("writing centrifugo's configuration")?;
    let mut command = leashed(&program.to_string_lossy())?;
    command.arg("--config").arg(file);
    Ok((command, address))
}

/// Nobody is asked for a token or a key; nothing is told to its makers.
fn configuration(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        r#"{{"http_server":{{"address":"{ip}","port":{port}}},"engine":{{"type":"memory"}},"client":{{"insecure":true,"allowed_origins":["*"]}},"http_api":{{"insecure":true}},"log":{{"level":"warn"}},"usage_stats":{{"disabled":true}}}}"#
    )
}
