//! What whoever started this process gave it: whom it runs as, and how many files it may open.

use rustix::process::{Resource, geteuid, getrlimit};
use tracing::warn;

use crate::config::Config;

/// Files besides the clients': the database's pool (100), NATS, listeners, logs, and a burst at the door.
pub(crate) const FILES_BESIDE_CLIENTS: u64 = 200;

/// What a process may open that is started as this one was; `None` without a limit.
pub(crate) fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Says what an operator should mend of how this process was started; none of it stops the start.
pub fn remark(config: &Config) {
    if geteuid().is_root() {
        warn!("started as root, which is not needed: run it as another user (the image has 65533)");
    }
    // A relayed client has a socket of its own to the server.
    let each = if config.relay.is_some() { 2 } else { 1 };
    let clients = u64::try_from(config.gateway.max_connections).unwrap_or(u64::MAX);
    let needed = clients
        .saturating_mul(each)
        .saturating_add(FILES_BESIDE_CLIENTS);
    if let Some(limit) = open_files().filter(|limit| *limit < needed) {
        warn!(
            limit,
            needed,
            "the limit of open files is too low for MAX_CONCURRENT_CONNECTIONS: raise it (ulimit -n), or lower that"
        );
    }
}
