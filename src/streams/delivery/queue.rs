//! A queue with a key: what has the same key is done one after another, in order; nobody else waits for it.
//!
//! For events that need a look-up before they can be published: whoever drains the mesh pushes and goes on. A key has a
//! task of its own while it has work, and none else. Bounded in jobs and bytes: what does not fit is counted and lost.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::streams::listening::slack::give_back;
use crate::telemetry::{metrics, work};

type Job = BoxFuture<'static, ()>;

/// What a keyed queue holds at most.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Whose queue it is, for counters.
    pub name: &'static str,
    /// Jobs in all, those that run included.
    pub jobs: usize,
    /// Jobs of one key: one slow key must not take the place of all others.
    pub jobs_of_key: usize,
    /// Bytes in all: the jobs, and what they were said to hold.
    pub bytes: usize,
}

/// See the module.
pub struct KeyedQueue {
    shared: Arc<Shared>,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

struct Shared {
    state: Mutex<State>,
    limits: QueueLimits,
    lost: AtomicU64,
}

struct State {
    /// What waits behind the job that runs. A key that is missing has no job at all.
    waiting: HashMap<Box<str>, VecDeque<(Job, usize)>>,
    jobs: usize,
    bytes: usize,
}

impl Shared {
    fn lose(&self, jobs: usize) {
        self.lost.fetch_add(jobs as u64, Ordering::Relaxed);
        metrics::lookups_lost(self.limits.name, jobs);
    }
}

impl fmt::Debug for KeyedQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedQueue")
            .field("limits", &self.shared.limits)
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

impl KeyedQueue {
    /// An empty queue, whose tasks are tracked, and end when `cancel` says so.
    #[must_use]
    pub fn new(limits: QueueLimits, tracker: TaskTracker, cancel: CancellationToken) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    waiting: HashMap::new(),
                    jobs: 0,
                    bytes: 0,
                }),
                limits,
                lost: AtomicU64::new(0),
            }),
            tracker,
            cancel,
        }
    }

    /// Does `job` after all that was pushed with this key before. Says whether it was taken; what was not is counted.
    pub fn push(&self, key: &str, job: impl Future<Output = ()> + Send + 'static) -> bool {
        self.push_bytes(key, 0, job)
    }

    /// [`KeyedQueue::push`] for a job that holds so many bytes.
    pub fn push_bytes(
        &self,
        key: &str,
        bytes: usize,
        job: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        let bytes = bytes + size_of::<(Job, usize)>() + size_of_val(&job);
        let shared = &self.shared;
        let mut state = shared.state.lock();
        let of_key = state.waiting.get(key).map_or(0, |jobs| jobs.len() + 1);
        let fits = state.jobs < shared.limits.jobs
            && of_key < shared.limits.jobs_of_key
            && state.bytes.saturating_add(bytes) <= shared.limits.bytes;
        if !fits || self.cancel.is_cancelled() {
            drop(state);
            shared.lose(1);
            return false;
        }
        state.jobs += 1;
        state.bytes += bytes;
        if let Some(jobs) = state.waiting.get_mut(key) {
            jobs.push_back((work::carry(job), bytes));
            return true;
        }
        state.waiting.insert(key.into(), VecDeque::new());
        drop(state);
        let mut working = Working {
            shared: shared.clone(),
            key: Some(key.into()),
            bytes,
        };
        let cancel = self.cancel.clone();
        let first = work::carry(job);
        self.tracker.spawn(async move {
            let work = async {
                let mut next = Some(first);
                while let Some(job) = next {
                    job.await;
                    next = working.next();
                }
            };
            let _cut_short = cancel.run_until_cancelled(work).await;
        });
        true
    }

    /// Does `act` now when nothing with this key is under way, else after it. For one caller a key at a time.
    pub fn follow(&self, key: &str, bytes: usize, act: impl FnOnce() + Send + 'static) {
        if self.is_busy(key) {
            self.push_bytes(key, bytes, async move { act() });
        } else {
            act();
        }
    }

    /// Whether something with this key is under way.
    #[must_use]
    pub fn is_busy(&self, key: &str) -> bool {
        let state = self.shared.state.lock();
        state.jobs > 0 && state.waiting.contains_key(key)
    }

    /// What it holds at most, and whose it is.
    #[must_use]
    pub fn limits(&self) -> QueueLimits {
        self.shared.limits
    }

    /// Jobs that wait or run.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.shared.state.lock().jobs
    }

    /// Bytes of jobs that wait or run.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shared.state.lock().bytes
    }

    /// How many jobs did not fit, or fell with one that panicked.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

/// The task of a key. Dropped with work left (a panic, or the end of the service), it takes that work with it, so that
/// the key is free again.
struct Working {
    shared: Arc<Shared>,
    key: Option<Box<str>>,
    /// Bytes of the job that runs.
    bytes: usize,
}

impl Working {
    /// The job that ran is done; the next one, or the end of the task.
    fn next(&mut self) -> Option<Job> {
        let mut state = self.shared.state.lock();
        state.jobs -= 1;
        state.bytes -= self.bytes;
        let next = self
            .key
            .as_ref()
            .and_then(|key| state.waiting.get_mut(key))
            .and_then(VecDeque::pop_front);
        match next {
            Some((job, bytes)) => {
                self.bytes = bytes;
                Some(job)
            }
            None => {
                if let Some(key) = self.key.take() {
                    state.waiting.remove(&key);
                    give_back(&mut state.waiting);
                }
                None
            }
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else {
            return;
        };
        let mut state = self.shared.state.lock();
        let left = state.waiting.remove(&key).unwrap_or_default();
        state.jobs -= left.len() + 1;
        state.bytes -= self.bytes + left.iter().map(|(_, bytes)| bytes).sum::<usize>();
        drop(state);
        self.shared.lose(left.len() + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::sleep;

    const LIMITS: QueueLimits = QueueLimits {
        name: "test",
        jobs: 10,
        jobs_of_key: 5,
        bytes: 100_000,
    };

    #[derive(Clone, Default)]
    struct Diary(Arc<Mutex<Vec<&'static str>>>);

    impl Diary {
        fn job(
            &self,
            millis: u64,
            word: &'static str,
        ) -> impl Future<Output = ()> + Send + 'static {
            let diary = self.clone();
            async move {
                sleep(Duration::from_millis(millis)).await;
                diary.0.lock().push(word);
            }
        }

        fn read(&self) -> Vec<&'static str> {
            self.0.lock().clone()
        }
    }

    fn queue() -> (KeyedQueue, TaskTracker, CancellationToken) {
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        (
            KeyedQueue::new(LIMITS, tracker.clone(), cancel.clone()),
            tracker,
            cancel,
        )
    }

    async fn done(tracker: &TaskTracker) {
        tracker.close();
        tracker.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn order_within_a_key_and_nobody_else_waits() {
        let ((queue, tracker, _), diary) = (queue(), Diary::default());
        assert!(queue.push("slow", diary.job(100, "slow 1")));
        assert!(queue.push("slow", diary.job(1, "slow 2")));
        assert!(queue.push("fast", diary.job(10, "fast")));
        let follower = diary.clone();
        queue.follow("slow", 1, move || follower.0.lock().push("slow 3"));
        let follower = diary.clone();
        queue.follow("idle", 1, move || follower.0.lock().push("idle"));
        done(&tracker).await;
        assert_eq!(diary.read(), ["idle", "fast", "slow 1", "slow 2", "slow 3"]);
        assert_eq!((queue.jobs(), queue.bytes(), queue.lost()), (0, 0, 0));
        assert!(!queue.is_busy("slow"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_is_counted() {
        let ((queue, tracker, _), diary) = (queue(), Diary::default());
        for taken in [true, true, true, true, true, false] {
            assert_eq!(queue.push("a", diary.job(1, "a")), taken);
        }
        assert!(!queue.push_bytes("b", 200_000, diary.job(1, "b")), "bytes");
        assert!(queue.push_bytes("b", 50_000, diary.job(1, "b")));
        for key in ["c", "d", "e", "f", "g"] {
            queue.push(key, diary.job(1, "x"));
        }
        assert_eq!((queue.jobs(), queue.lost()), (10, 3));
        done(&tracker).await;
        assert_eq!((queue.jobs(), queue.bytes()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_free_again_after_a_panic() {
        let ((queue, tracker, _), diary) = (queue(), Diary::default());
        queue.push("a", async { panic!("on purpose") });
        queue.push("a", diary.job(1, "lost with it"));
        while queue.jobs() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((queue.bytes(), queue.lost()), (0, 2));
        queue.push("a", diary.job(1, "again"));
        done(&tracker).await;
        assert_eq!(diary.read(), ["again"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_outlives_the_service() {
        let ((queue, tracker, cancel), diary) = (queue(), Diary::default());
        queue.push("a", diary.job(1_000_000, "never"));
        tokio::task::yield_now().await;
        cancel.cancel();
        done(&tracker).await;
        assert!(!queue.push("a", diary.job(1, "never")));
        assert!(diary.read().is_empty() && queue.jobs() == 0);
    }
}
