//! The clients: shards of sessions, each shard a thread with one epoll of its own.

mod connect;
mod seat;
mod session;
mod shard;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::shared::{Note, Shared};
use crate::wire::script::{Framing, Lost, Profile};

/// What all sessions of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The servers under test: session n belongs to the n-th of them, counted round.
    pub(crate) servers: Vec<SocketAddr>,
    /// Raw or SockJS.
    pub(crate) framing: Framing,
    /// What sessions subscribe to.
    pub(crate) profile: Profile,
    /// Log in before subscribing.
    pub(crate) login: bool,
    /// Rooms that there are,
    pub(crate) rooms: u32,
    /// and how many of them each session opens.
    pub(crate) rooms_each: u32,
    /// Users whose changes are announced (profile `Presence`).
    pub(crate) users_changing: u32,
    /// Every so many-th session will be told to stop reading, and gets a small receive buffer; 0: none.
    pub(crate) stalling: u32,
    /// Sessions in set-up at the same time, in each shard.
    pub(crate) ramp: usize,
    /// Tries before a session gives up.
    pub(crate) tries: u16,
}

impl Settings {
    /// The server of session `n`.
    fn server_of(&self, n: u32) -> SocketAddr {
        let none = SocketAddr::from(([127, 0, 0, 1], 0));
        self.servers
            .get(n as usize % self.servers.len().max(1))
            .copied()
            .unwrap_or(none)
    }

    /// Whether session `n` is one of those that stop reading.
    fn stalls(&self, n: u32) -> bool {
        self.stalling > 0 && n.is_multiple_of(self.stalling)
    }

    /// The rooms that session `n` opens.
    fn rooms_of(&self, n: u32) -> Vec<u32> {
        let rooms = self.rooms.max(1);
        (0..self.rooms_each.min(rooms))
            .map(|at| (n.wrapping_mul(self.rooms_each) + at) % rooms)
            .collect()
    }

    /// The keys whose events session `n` hears.
    fn keys_of(&self, n: u32) -> Vec<u32> {
        match self.profile {
            Profile::Web => self.rooms_of(n).into_iter().take(1).collect(),
            Profile::Rooms => self.rooms_of(n),
            Profile::Presence(_) => (0..self.users_changing).collect(),
            Profile::Nothing => Vec::new(),
        }
    }

    /// How many of `sessions` sessions hear an event of key `key`.
    pub(crate) fn listeners(&self, sessions: u32, key: u32) -> u64 {
        (0..sessions)
            .filter(|&n| self.keys_of(n).contains(&key))
            .count() as u64
    }
}

/// What the conductor asks of the shards.
#[derive(Clone)]
pub(crate) enum Order {
    /// Set up sessions; [`Note::Settled`] tells when all are ready or gave up.
    Open,
    /// All connections end, and all come back at once; [`Note::Settled`] likewise.
    Storm,
    /// Begin to count the marks of this run; answered with a [`Note::Lap`].
    Begin(u16),
    /// Tell what was counted since the last lap, and count anew.
    Lap,
    /// The same, with what never came: `sent[key]` events were published.
    Finish(Arc<Vec<u32>>),
    /// The sessions of [`Settings::stalling`] stop reading, or read again.
    Stall(bool),
    /// All open their first room once more within this time; [`Note::Settled`] tells when all were answered.
    Visit {
        /// From the first to the last.
        within: Duration,
        /// Which users have lost their access before.
        lost: Lost,
        /// Their neighbours lose it meanwhile: whoever of them comes so long after the first must be refused as well.
        later: Option<Duration>,
    },
    /// Keep this many calls on their way in this shard; 0: no more.
    Call(u32),
    /// Tell which sessions are waited for, with a [`Note::Missing`].
    Missing,
    /// End all connections.
    Close,
    /// End the thread.
    Quit,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(profile: Profile, rooms: u32, rooms_each: u32) -> Settings {
        Settings {
            servers: vec![SocketAddr::from(([127, 0, 0, 1], 1))],
            framing: Framing::Raw,
            profile,
            login: true,
            rooms,
            rooms_each,
            users_changing: 3,
            stalling: 0,
            ramp: 1,
            tries: 1,
        }
    }

    #[test]
    fn rooms_have_the_same_number_of_listeners() {
        let spread = settings(Profile::Rooms, 50, 2);
        for room in 0..50 {
            assert_eq!(spread.listeners(100, room), 4);
        }
        assert_eq!(settings(Profile::Rooms, 1, 1).listeners(100, 0), 100);
        assert_eq!(settings(Profile::Web, 2, 5).keys_of(1), [1]);
        assert_eq!(settings(Profile::Presence(9), 1, 1).keys_of(7), [0, 1, 2]);
    }
}
