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
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
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

/// Ports that are asked for by number. The kernel picks those of outgoing connections, and of whoever asks for any, above
/// them: a port that was free would be another's by the time it is used. So ddp-bench does, which some tests run: from 20,000.
const PORTS: std::ops::Range<u16> = 10_000..20_000;

/// A port that is free at every address, as whoever listens on all of them needs it, and that no other test is given.
pub fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random()));
    let free = |port: &u16| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok();
    std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed))
        .map(|next| PORTS.start + next % (PORTS.end - PORTS.start))
        .take(PORTS.len())
        .find(free)
        .expect("a free port")
}
