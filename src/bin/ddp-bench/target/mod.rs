//! The processes around a run: the server under test, NATS, where they run and what they find.

mod nats;
mod seed;
mod server;
mod workspace;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

pub(crate) use nats::Nats;
pub(crate) use server::{Server, Spawning};
pub(crate) use workspace::{Workspace, pin, raise_open_files};

use crate::error::{Error, Tried};

/// A server to load, as the command line names it.
#[derive(Debug, Clone)]
pub(crate) enum Spec {
    /// Our own [floor](crate::floor), started for each round.
    Floor,
    /// A command, started for each round.
    Spawn(Vec<String>),
    /// Somebody else's process.
    Running {
        /// Where it listens.
        address: SocketAddr,
        /// Its process.
        pid: Option<u32>,
    },
}

impl Spec {
    /// What reports call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Floor => "floor".to_owned(),
            Self::Spawn(command) => {
                let program = command.first().map_or("", String::as_str);
                program.rsplit('/').next().unwrap_or(program).to_owned()
            }
            Self::Running { address, .. } => address.to_string(),
        }
    }
}

/// A port that nobody uses at the moment.
fn free_port() -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").tried("a free port")?;
    listener.local_addr().tried("a free port")
}

/// Whether somebody listens there.
fn answers(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}
