//! What the bench's threads see of one another: a few counters, and the notes that go to the conductor.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::measure::tally::Tally;

/// Counters that all threads of one run share.
#[derive(Default)]
pub(crate) struct Shared {
    /// Marks received by all sessions since the load began.
    delivered: AtomicU64,
    /// Events published since the load began.
    pub(crate) published: AtomicU64,
    /// Requests that the mesh answered.
    pub(crate) requests: AtomicU64,
    /// `accounts.login` among them.
    pub(crate) logins: AtomicU64,
    /// Questions about access to a room among them.
    pub(crate) access: AtomicU64,
    /// Requests for actions that nobody here offers.
    pub(crate) unknown: AtomicU64,
    /// Events that the server under test broadcast.
    pub(crate) heard: AtomicU64,
    /// The mesh wants to be woken when `delivered` reaches this (saturated loads).
    wake_at: AtomicU64,
    waker: OnceLock<mio::Waker>,
}

impl Shared {
    /// A load begins.
    pub(crate) fn restart(&self) {
        self.wake_at.store(u64::MAX, Ordering::SeqCst);
        self.delivered.store(0, Ordering::SeqCst);
        self.published.store(0, Ordering::SeqCst);
    }

    /// A shard received `count` marks; wakes the mesh when it waits for that.
    pub(crate) fn deliver(&self, count: u64) {
        if count == 0 {
            return;
        }
        let before = self.delivered.fetch_add(count, Ordering::SeqCst);
        let wanted = self.wake_at.load(Ordering::SeqCst);
        if before < wanted && before + count >= wanted {
            self.wake();
        }
    }

    /// All marks received so far.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::SeqCst)
    }

    /// The mesh asks to be woken; it must look at [`Self::delivered`] again after this.
    pub(crate) fn wake_at(&self, count: u64) {
        self.wake_at.store(count, Ordering::SeqCst);
    }

    /// The mesh thread can be woken from now on.
    pub(crate) fn set_waker(&self, waker: mio::Waker) {
        // Set once, by the one mesh thread.
        let _first = self.waker.set(waker);
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            // Fails only when the thread that would be woken is gone.
            let _gone = waker.wake();
        }
    }
}

/// What a thread tells the conductor.
pub(crate) enum Note {
    /// A node that listens to the core's events joined the mesh.
    Joined,
    /// The plan is done: how many events of each key were published.
    Sent(Vec<u32>),
    /// Every session of a shard is ready or has given up.
    Settled {
        /// Those that are ready.
        ready: u64,
    },
    /// A shard's sessions that are waited for, by what they wait for.
    Missing(BTreeMap<&'static str, Vec<u32>>),
    /// A shard's counts since the last lap.
    Lap(Box<Tally>),
    /// The run cannot go on.
    Failed(String),
}
