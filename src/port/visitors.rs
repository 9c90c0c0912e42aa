//! The connections of a port: a bounded number, of which the one that has been idle longest gives way to a new one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// All connections of a port.
#[derive(Debug)]
pub struct Visitors {
    limit: usize,
    began: Instant,
    listed: Mutex<Listed>,
}

/// The connections in the order in which they were looked at last: who is first and has not moved since is idle longest.
#[derive(Debug, Default)]
struct Listed {
    next: u64,
    all: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    visit: Arc<Visit>,
    /// When it was put into this place, in milliseconds.
    at: u64,
    /// Absent for a moment, before its task is there.
    task: Option<AbortHandle>,
}

#[derive(Debug)]
struct Visit {
    place: AtomicU64,
    /// When bytes moved last, in milliseconds.
    moved: AtomicU64,
}

/// One connection's place. Dropping it gives the place back.
#[derive(Debug)]
pub struct Visitor {
    visitors: Arc<Visitors>,
    visit: Arc<Visit>,
}

impl Visitors {
    /// None yet, and never more than `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            began: Instant::now(),
            listed: Mutex::default(),
        })
    }

    /// Runs what serves a connection, as a task of `tracker`. Says whether another connection was ended for it.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        tracker: &TaskTracker,
        serve: impl FnOnce(Visitor) -> F,
    ) -> bool {
        let (visitor, gave_way) = self.enter();
        let visit = visitor.visit.clone();
        let task = tracker.spawn(serve(visitor)).abort_handle();
        // It may have ended meanwhile.
        let place = visit.place.load(Ordering::Relaxed);
        if let Some(entry) = self.listed.lock().all.get_mut(&place) {
            entry.task = Some(task);
        }
        gave_way
    }

    /// Ends all of them.
    pub fn end(&self) {
        let all = std::mem::take(&mut self.listed.lock().all);
        for task in all.into_values().filter_map(|entry| entry.task) {
            task.abort();
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.listed.lock().all.len()
    }

    fn enter(self: &Arc<Self>) -> (Visitor, bool) {
        let now = self.now();
        let mut listed = self.listed.lock();
        let gave_way = listed.all.len() >= self.limit && listed.give_way(now);
        let visit = Arc::new(Visit {
            place: AtomicU64::new(0),
            moved: AtomicU64::new(now),
        });
        listed.put(Entry {
            visit: visit.clone(),
            at: now,
            task: None,
        });
        let visitors = self.clone();
        (Visitor { visitors, visit }, gave_way)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Listed {
    fn put(&mut self, entry: Entry) {
        let place = self.next;
        self.next += 1;
        entry.visit.place.store(place, Ordering::Relaxed);
        self.all.insert(place, entry);
    }

    /// Ends the connection that has been idle longest. One that moved since it was looked at goes to the end of the
    /// list: each of them is looked at once for every time it moved.
    fn give_way(&mut self, now: u64) -> bool {
        for _ in 0..self.all.len() {
            let Some((_, mut entry)) = self.all.pop_first() else {
                break;
            };
            if entry.visit.moved.load(Ordering::Relaxed) > entry.at || entry.task.is_none() {
                entry.at = now;
                self.put(entry);
            } else {
                return entry.end();
            }
        }
        // Nobody is idle; the number holds all the same.
        let first = self.all.pop_first();
        first.is_some_and(|(_, entry)| entry.end())
    }
}

impl Entry {
    fn end(self) -> bool {
        if let Some(task) = &self.task {
            task.abort();
        }
        true
    }
}

impl Visitor {
    /// Bytes came or went: it is not idle.
    pub fn moved(&self) {
        let now = self.visitors.now();
        self.visit.moved.store(now, Ordering::Relaxed);
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let mut listed = self.visitors.listed.lock();
        let place = self.visit.place.load(Ordering::Relaxed);
        listed.all.remove(&place);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    struct Rig {
        visitors: Arc<Visitors>,
        tracker: TaskTracker,
        ended: (mpsc::Sender<u8>, mpsc::Receiver<u8>),
    }

    /// Says on its way out who it was.
    struct Farewell(u8, mpsc::Sender<u8>);

    impl Drop for Farewell {
        fn drop(&mut self) {
            self.1.try_send(self.0).unwrap();
        }
    }

    impl Rig {
        fn new(limit: usize) -> Self {
            Self {
                visitors: Visitors::new(limit),
                tracker: TaskTracker::new(),
                ended: mpsc::channel(10),
            }
        }

        /// A connection that moves whenever it is told, and ends when it is told no more.
        fn comes(&self, name: u8) -> (bool, mpsc::Sender<()>) {
            let (sender, mut told) = mpsc::channel(1);
            let farewell = Farewell(name, self.ended.0.clone());
            let gave_way = self.visitors.spawn(&self.tracker, |visitor| async move {
                let _farewell = farewell;
                while told.recv().await.is_some() {
                    visitor.moved();
                }
            });
            (gave_way, sender)
        }

        async fn next_end(&mut self) -> u8 {
            self.ended.1.recv().await.unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_was_idle_longest_gives_way() {
        let mut rig = Rig::new(3);
        let (_, first) = rig.comes(1);
        let (_, second) = rig.comes(2);
        let (gave_way, _third) = rig.comes(3);
        assert!(!gave_way && rig.visitors.count() == 3);
        tokio::time::sleep(Duration::from_secs(1)).await;
        first.send(()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (gave_way, _fourth) = rig.comes(4);
        assert!(gave_way);
        assert_eq!(rig.next_end().await, 2, "the first has moved since it came");
        drop(second);
        let (gave_way, _fifth) = rig.comes(5);
        assert!(gave_way);
        assert_eq!(rig.next_end().await, 3);
        assert_eq!(rig.visitors.count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_holds_when_nobody_is_idle() {
        let mut rig = Rig::new(2);
        let (_, first) = rig.comes(1);
        let (_, second) = rig.comes(2);
        tokio::time::sleep(Duration::from_secs(1)).await;
        first.send(()).await.unwrap();
        second.send(()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (gave_way, _third) = rig.comes(3);
        assert!(gave_way);
        assert_eq!((rig.next_end().await, rig.visitors.count()), (1, 2));
    }

    #[tokio::test]
    async fn who_leaves_makes_room() {
        let mut rig = Rig::new(1);
        let (_, first) = rig.comes(1);
        drop(first);
        assert_eq!(rig.next_end().await, 1);
        rig.tracker.close();
        rig.tracker.wait().await;
        rig.tracker.reopen();
        assert_eq!(rig.visitors.count(), 0);
        let (gave_way, _second) = rig.comes(2);
        assert!(!gave_way);
        rig.visitors.end();
        assert_eq!((rig.next_end().await, rig.visitors.count()), (2, 0));
    }
}
