//! What can be chosen at the start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// Which release the core plays: the last of its number, where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoreRelease {
    /// 6.x.
    V6,
    /// 7.x.
    V7,
    /// 8.x.
    V8,
    /// 9.0.
    V9,
}

impl CoreRelease {
    /// All, the oldest first.
    pub const ALL: [Self; 4] = [Self::V6, Self::V7, Self::V8, Self::V9];

    /// As `--release` takes it.
    pub fn number(self) -> u8 {
        match self {
            Self::V6 => 6,
            Self::V7 => 7,
            Self::V8 => 8,
            Self::V9 => 9,
        }
    }
}

/// Ports, release, and where the core is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address of the page and, in this process, of the service.
    pub bind: IpAddr,
    /// Port of the service in this process; 0 for any that is free.
    pub port: u16,
    /// Port of the page; 0 for any that is free.
    pub page_port: u16,
    /// Which release the core plays.
    pub release: CoreRelease,
    /// The service is relayed to, as the single server behind the edge of a deployment without a mesh.
    pub relay: bool,
    /// The service in this process sends all its traces to this collector: `http://host:4317` for gRPC, port 4318 for HTTP.
    pub otlp: Option<String>,
    /// The core alone, on a real mesh; everything in this process without it.
    pub on_mesh: Option<OnMesh>,
}

/// How what is bound is reached from this machine: an address that means all of them is nobody's name.
pub(super) fn from_here(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(all) if all.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(all) if all.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    };
    SocketAddr::new(ip, bound.port())
}

/// The core alone, for a streamer that runs elsewhere.
#[derive(Debug, Clone)]
pub struct OnMesh {
    /// `nats://[user:pass@]host:port[,…]`.
    pub transporter: String,
    /// `MS_NAMESPACE` of the mesh; empty for none.
    pub namespace: String,
    /// The mesh is joined even if another core is at work there.
    pub whoever_is_there: bool,
    /// The MongoDB that the streamer reads; the sandbox's collections in it are replaced.
    pub mongo_url: Option<String>,
    /// Written at the start, for a streamer with `MONGO_URL=memory:<file>`.
    pub seed_file: Option<PathBuf>,
    /// Where the page finds the streamer.
    pub service: String,
}
