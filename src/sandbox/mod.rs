//! A whole small workspace in one process: a core to serve, and a page to try the service with.
//!
//! The core ([`World`](world::World), [`services`]) is a node of the mesh like any other and is spoken to over the mesh alone; the
//! streamer beside it is the real one. Documents that the streamer reads are put into its database before an event tells of them
//! ([`core`]). The page ([`page`]) speaks DDP to the streamer and asks the sandbox itself only for what a workspace has elsewhere: the
//! list of people, a login token, the moments of the trace.
//!
//! With `--transporter` the core joins a real mesh, and any streamer can be tried against it.

mod accounts;
mod authorization;
mod core;
mod database;
mod error;
mod http;
mod journal;
mod license;
mod meteor;
mod names;
mod node;
mod presence;
mod probe;
mod services;
mod settings;
mod world;

pub use error::SandboxError;

/// Which release the core plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreRelease {
    /// 6.x; 7.x is the same for a streamer.
    V6,
    /// 8.x.
    V8,
}
