//! Writes what was pushed for many, without waking the many.
//!
//! An event for a thousand sessions would wake a thousand tasks, each to write one frame. Instead a client whose socket
//! is free is listed here once, and a flusher writes its outbox to the socket where it stands: what was pushed meanwhile
//! goes in the same write. A socket that takes no more is left to its session's task.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::handle::Client;

/// Clients that are written to before others of the runtime get a turn.
const CHUNK: usize = 128;

/// The clients with something to write, in the order in which they got it.
#[derive(Debug, Default)]
pub struct Flusher {
    listed: Mutex<VecDeque<Arc<Client>>>,
    bell: Notify,
}

impl Flusher {
    pub(super) fn add(&self, client: Arc<Client>) {
        let mut listed = self.listed.lock();
        let first = listed.is_empty();
        listed.push_back(client);
        drop(listed);
        if first {
            self.bell.notify_one();
        }
    }

    /// Writes until `stop`. Several may run at a time: they share the work.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.bell.notified() => {}
            }
            while self.take(&mut chunk) {
                for client in chunk.drain(..) {
                    client.flush();
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes the next few; says whether there were any. When others are left, another flusher is called.
    fn take(&self, chunk: &mut Vec<Arc<Client>>) -> bool {
        let mut listed = self.listed.lock();
        let count = listed.len().min(CHUNK);
        chunk.extend(listed.drain(..count));
        let left = !listed.is_empty();
        if !left && listed.capacity() > CHUNK {
            *listed = VecDeque::new();
        }
        drop(listed);
        if left {
            self.bell.notify_one();
        }
        count > 0
    }
}
