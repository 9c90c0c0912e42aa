//! A queue bounded in bytes, closable, with one reader: between those who must not wait (whoever drains NATS, whoever
//! publishes) and the task that works.

use std::collections::VecDeque;
use std::pin::pin;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// What an entry costs besides its bytes: the slot, the subject, the allocation.
const ENTRY_OVERHEAD_BYTES: usize = 64;

/// Why an entry was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It would exceed the bound.
    Full,
    /// The queue is closed: nothing is kept.
    Closed,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ByteQueue<T> {
    state: Mutex<State<T>>,
    ready: Notify,
    /// Told to all when [`ByteQueue::has_room`].
    room: Notify,
    limit: usize,
}

#[derive(Debug)]
struct State<T> {
    entries: VecDeque<(T, usize)>,
    bytes: usize,
    open: bool,
}

impl<T> ByteQueue<T> {
    pub(crate) fn new(limit: usize, open: bool) -> Self {
        Self {
            state: Mutex::new(State {
                entries: VecDeque::new(),
                bytes: 0,
                open,
            }),
            ready: Notify::new(),
            room: Notify::new(),
            limit,
        }
    }

    /// Takes an entry of so many bytes, or not.
    pub(crate) fn push(&self, entry: T, bytes: usize) -> Result<(), Refused> {
        let cost = bytes + ENTRY_OVERHEAD_BYTES;
        {
            let mut state = self.state.lock();
            if !state.open {
                return Err(Refused::Closed);
            }
            // A single entry over the bound still passes through an empty queue.
            if state.bytes + cost > self.limit && !state.entries.is_empty() {
                return Err(Refused::Full);
            }
            state.bytes += cost;
            state.entries.push_back((entry, cost));
        }
        self.ready.notify_one();
        Ok(())
    }

    /// The next entry, waiting for one. Cancel safe. For a single reader.
    pub(crate) async fn pop(&self) -> T {
        loop {
            let ready = self.ready.notified();
            if let Some(entry) = self.try_pop() {
                return entry;
            }
            ready.await;
        }
    }

    /// Waits until there is an entry. Cancel safe. For a single reader.
    pub(crate) async fn filled(&self) {
        loop {
            let ready = self.ready.notified();
            if !self.is_empty() {
                return;
            }
            ready.await;
        }
    }

    /// Waits until next to nothing waits: for whoever has much to push, and would keep others out.
    pub(crate) async fn has_room(&self) {
        loop {
            let mut room = pin!(self.room.notified());
            room.as_mut().enable();
            if self.bytes() <= self.little() {
                return;
            }
            room.await;
        }
    }

    fn little(&self) -> usize {
        self.limit / 32
    }

    /// The next entry, if there is one.
    pub(crate) fn try_pop(&self) -> Option<T> {
        let mut state = self.state.lock();
        let (entry, cost) = state.entries.pop_front()?;
        let was_much = state.bytes > self.little();
        state.bytes -= cost;
        if was_much && state.bytes <= self.little() {
            self.room.notify_waiters();
        }
        if state.entries.is_empty() && state.entries.capacity() > 1024 {
            // A burst must not be paid for ever after.
            state.entries.shrink_to(64);
        }
        Some(entry)
    }

    /// Takes entries again.
    pub(crate) fn open(&self) {
        self.state.lock().open = true;
    }

    /// Takes no more and gives back what waits.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut state = self.state.lock();
        state.open = false;
        state.bytes = 0;
        self.room.notify_waiters();
        std::mem::take(&mut state.entries)
            .into_iter()
            .map(|(entry, _)| entry)
            .collect()
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn the_bound_is_in_bytes() {
        let queue = ByteQueue::new(1000, true);
        assert_eq!(queue.push(1, 400), Ok(()));
        assert_eq!(queue.push(2, 400), Ok(()));
        assert_eq!(queue.push(3, 400), Err(Refused::Full));
        assert_eq!(queue.try_pop(), Some(1));
        assert_eq!(queue.push(3, 400), Ok(()));
        assert_eq!(
            (queue.try_pop(), queue.try_pop(), queue.try_pop()),
            (Some(2), Some(3), None)
        );
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn a_closed_queue_keeps_nothing() {
        let queue = ByteQueue::new(1000, true);
        queue.push(1, 1).unwrap();
        assert_eq!(queue.close(), [1]);
        assert_eq!(queue.push(2, 1), Err(Refused::Closed));
        queue.open();
        assert_eq!(queue.push(3, 1), Ok(()));
    }

    #[tokio::test]
    async fn a_reader_is_woken() {
        let queue = std::sync::Arc::new(ByteQueue::new(1000, true));
        let (got, ()) = tokio::join!(queue.pop(), async {
            tokio::task::yield_now().await;
            queue.push(7, 1).unwrap();
        });
        assert_eq!(got, 7);
    }

    #[tokio::test]
    async fn who_has_much_waits_for_room() {
        let queue = ByteQueue::new(32_000, true);
        queue.has_room().await;
        for n in 0..3 {
            queue.push(n, 600).unwrap();
        }
        for empty in [
            || (|queue: &ByteQueue<i32>| while queue.try_pop().is_some() {}) as fn(&_),
            || (|queue: &ByteQueue<i32>| drop(queue.close())) as fn(&_),
        ] {
            queue.open();
            queue.push(7, 1200).unwrap();
            let mut waits = Box::pin(queue.has_room());
            assert!((&mut waits).now_or_never().is_none());
            empty()(&queue);
            waits.await;
        }
    }

    #[tokio::test]
    async fn a_reader_that_only_looks_takes_nothing() {
        let queue = std::sync::Arc::new(ByteQueue::new(1000, true));
        tokio::join!(queue.filled(), async {
            tokio::task::yield_now().await;
            queue.push(7, 1).unwrap();
        });
        queue.filled().await;
        assert_eq!(queue.try_pop(), Some(7));
    }
}
