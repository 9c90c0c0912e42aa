//! The processes around a run: the server under test, NATS, where they run and what they find.

mod centrifugo;
mod certificate;
mod http;
pub(crate) mod leash;
mod nats;
mod seed;
mod server;
mod workspace;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

pub(crate) use nats::{Nats, Traffic};
pub(crate) use server::{Server, Spawning};
pub(crate) use workspace::{Workspace, pin, raise_open_files};

use crate::error::Error;
use crate::wire::script::{Dialect, Framing};

/// A server to load, as the command line names it.
#[derive(Debug, Clone)]
pub(crate) enum Spec {
    /// Our own [floor](crate::floor), started for each round.
    Floor,
    /// A command, started for each round.
    Spawn {
        /// What reports call it.
        name: String,
        /// Program and arguments.
        command: Vec<String>,
        /// It serves TLS.
        tls: bool,
    },
    /// A proxy, started for each round in front of a server that is.
    Proxy {
        /// What reports call it.
        name: String,
        /// Program and arguments; `{port}` and `{server}` are replaced.
        command: Vec<String>,
        /// The server's.
        behind: Vec<String>,
    },
    /// [centrifugo], started for each round; it is not in the mesh.
    Centrifugo {
        /// Its program.
        program: PathBuf,
    },
    /// Somebody else's process.
    Running {
        /// Where it listens.
        address: SocketAddr,
        /// Its process.
        pid: Option<u32>,
        /// It serves TLS.
        tls: bool,
    },
}

impl Spec {
    /// What reports call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Floor => "floor".to_owned(),
            Self::Centrifugo { .. } => "centrifugo".to_owned(),
            Self::Spawn { name, .. } | Self::Proxy { name, .. } => name.clone(),
            Self::Running { address, .. } => address.to_string(),
        }
    }

    /// The same server, with TLS; `None` where there is no such thing.
    pub(crate) fn with_tls(mut self) -> Option<Self> {
        match &mut self {
            Self::Floor | Self::Proxy { .. } | Self::Centrifugo { .. } => return None,
            Self::Spawn { name, tls, .. } => {
                name.push_str("-tls");
                *tls = true;
            }
            Self::Running { tls, .. } => *tls = true,
        }
        Some(self)
    }

    /// Whether its clients speak TLS.
    pub(crate) fn tls(&self) -> bool {
        match self {
            Self::Floor | Self::Centrifugo { .. } => false,
            // Its command says so; here its name does.
            Self::Proxy { name, .. } => name.ends_with("-tls"),
            Self::Spawn { tls, .. } | Self::Running { tls, .. } => *tls,
        }
    }

    /// How many of them run at the same time when `wanted` are asked for.
    pub(crate) fn copies(&self, wanted: u32) -> u32 {
        match self {
            Self::Running { .. } | Self::Proxy { .. } | Self::Centrifugo { .. } => 1,
            _ => wanted,
        }
    }

    /// Whether it joins the mesh and is sent events there.
    pub(crate) fn is_in_mesh(&self) -> bool {
        !matches!(self, Self::Centrifugo { .. })
    }

    /// What its clients speak; `framing` where that is DDP.
    pub(crate) fn dialect(&self, framing: Framing) -> Dialect {
        match self {
            Self::Centrifugo { .. } => Dialect::Centrifugo,
            _ => Dialect::Ddp(framing),
        }
    }
}

/// `name=command with arguments`, or the command alone, which is then called by its program's name.
pub(crate) fn spawn(text: &str) -> Option<Spec> {
    let plain = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let (name, command) = match text.split_once('=').filter(|(name, _)| plain(name)) {
        Some((name, command)) => (Some(name), command),
        None => (None, text),
    };
    let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    let program = command.first()?;
    let name = name
        .or_else(|| program.rsplit('/').next())
        .unwrap_or(program)
        .to_owned();
    Some(Spec::Spawn {
        name,
        command,
        tls: false,
    })
}

/// A proxy in front of a server that is spawned.
pub(crate) fn proxy(text: &str, behind: &Spec) -> Option<Spec> {
    match (spawn(text)?, behind) {
        (
            Spec::Spawn { name, command, .. },
            Spec::Spawn {
                command: behind, ..
            },
        ) => Some(Spec::Proxy {
            name,
            command,
            behind: behind.clone(),
        }),
        _ => None,
    }
}

/// Where ports are looked for: below those that connections get, of which a run may have all.
const PORTS: Range<u16> = 20_000..32_000;

/// A port that nobody uses at the moment, never the same twice.
fn free_port() -> Result<SocketAddr, Error> {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Several benches at the same time begin in different places.
    let first = (std::process::id().wrapping_mul(97) & 0x3FFF) as u16;
    for _ in PORTS {
        let next = TRIED.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + first.wrapping_add(next) % (PORTS.end - PORTS.start);
        // On all addresses: some of what is started listens on all.
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
    }
    Err(Error::Server(format!(
        "no free port between {} and {}",
        PORTS.start, PORTS.end
    )))
}

/// Whether somebody listens there.
fn answers(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spawned_server_is_called_by_its_program_or_as_one_likes() {
        let read = |text| match spawn(text) {
            Some(Spec::Spawn { name, command, .. }) => (name, command.join(" ")),
            _ => panic!("{text}"),
        };
        assert_eq!(
            read("target/release/ddp-streamer serve"),
            (
                "ddp-streamer".into(),
                "target/release/ddp-streamer serve".into()
            )
        );
        assert_eq!(
            read("one-worker=env A=1 ./x"),
            ("one-worker".into(), "env A=1 ./x".into())
        );
        assert_eq!(read("env A=1 ./x").0, "env");
        assert!(spawn("  ").is_none());
    }
}
