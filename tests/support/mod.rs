//! The harness: real parts, started, stopped, frozen and restarted by a test.
//!
//! `Workspace::start()` brings up nats-server, a Moleculer node in Node.js that plays the core, and the service's own
//! binary; `workspace.alice()` is a logged-in DDP client. Whatever a test starts is ended with it.

pub mod client;
pub mod collector;
pub mod database;
pub mod ddp_server;
pub mod http;
pub mod nats;
pub mod nginx;
pub mod peer;
pub mod process;
pub mod proxy;
pub mod sandbox;
pub mod scene;
pub mod service;
pub mod tls;
pub mod workspace;

use std::path::PathBuf;
use std::time::Duration;

pub use client::Client;
pub use collector::Collector;
pub use peer::Peer;
pub use service::Service;
pub use workspace::Workspace;

/// Nothing in a test waits longer than this for a condition.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Waits for a condition; what it waited for stands in the panic.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    loop {
        pause.tick().await;
        if let Some(found) = condition().await {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what}: not within {DEADLINE:?}"
        );
    }
}

/// A port that is free now, at every address: whoever listens on all of them needs that.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("0.0.0.0", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
