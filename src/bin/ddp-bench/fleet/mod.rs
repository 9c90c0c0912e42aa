//! The clients: shards of sessions, each shard a thread with one epoll of its own.

mod connect;
mod order;
mod seat;
mod session;
mod settings;
mod shard;
mod stream;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

pub(crate) use self::order::Order;
pub(crate) use self::settings::{Resuming, Settings};
use crate::shared::{Note, Shared};

struct Handle {
    orders: SyncSender<Order>,
    waker: Arc<mio::Waker>,
    thread: Option<JoinHandle<()>>,
}

/// All shards.
pub(crate) struct Fleet {
    shards: Vec<Handle>,
}

impl Fleet {
    /// Starts `threads` shards that hold `sessions` sessions between them; none is connected yet.
    pub(crate) fn start(
        settings: &Settings,
        sessions: u32,
        threads: u32,
        shared: &Arc<Shared>,
        notes: &SyncSender<Note>,
    ) -> std::io::Result<Self> {
        let mut shards = Vec::new();
        for at in 0..threads {
            // Session n lives in shard n % threads, so that rooms spread over the shards.
            let numbers = (at..sessions).step_by(threads as usize).collect();
            let (orders, inbox) = sync_channel(16);
            let shard =
                shard::Shard::new(settings.clone(), numbers, shared.clone(), notes.clone())?;
            let waker = shard.waker();
            let thread = std::thread::Builder::new()
                .name(format!("shard-{at}"))
                .spawn(move || shard.serve(&inbox))?;
            shards.push(Handle {
                orders,
                waker,
                thread: Some(thread),
            });
        }
        Ok(Self { shards })
    }

    /// How many shards there are: each answers for itself.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Gives all shards an order.
    pub(crate) fn order(&self, order: &Order) {
        for shard in &self.shards {
            shard.give(order.clone());
        }
    }

    /// Shares `calls` calls out among the shards.
    pub(crate) fn call(&self, calls: u32) {
        let shards = self.shards.len() as u32;
        for (at, shard) in self.shards.iter().enumerate() {
            let more = u32::from((at as u32) < calls % shards.max(1));
            shard.give(Order::Call(calls / shards.max(1) + more));
        }
    }
}

impl Handle {
    fn give(&self, order: Order) {
        // A thread that is gone has said why in a note.
        let _gone = self.orders.send(order);
        let _gone = self.waker.wake();
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.order(&Order::Quit);
        for shard in &mut self.shards {
            if let Some(thread) = shard.thread.take() {
                // A panic of that thread was printed by its hook.
                let _panicked = thread.join();
            }
        }
    }
}
