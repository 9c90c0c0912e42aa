//! centrifugo as a peer: one node, its memory engine, and else what it comes with.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::leash::leashed;
use crate::error::{Error, Tried};

/// The command that starts it, to serve clients and the HTTP API at one address; its configuration lies in `directory`.
pub(super) fn command(
    program: &Path,
    address: SocketAddr,
    directory: &Path,
) -> Result<Command, Error> {
    if !program.exists() {
        return Err(Error::Server(format!(
            "there is no {}: `scripts/fixtures centrifugo` builds it, --centrifugo names another",
            program.display()
        )));
    }
    let file = directory.join("centrifugo.json");
    std::fs::write(&file, configuration(address)).tried("writing centrifugo's configuration")?;
    let mut command = leashed(&program.to_string_lossy())?;
    command.arg("--config").arg(file);
    Ok(command)
}

/// Nobody is asked for a token or a key; nothing is told to its makers.
fn configuration(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        r#"{{"http_server":{{"address":"{ip}","port":{port}}},"engine":{{"type":"memory"}},"client":{{"insecure":true,"allowed_origins":["*"]}},"http_api":{{"insecure":true}},"log":{{"level":"warn"}},"usage_stats":{{"disabled":true}}}}"#
    )
}
