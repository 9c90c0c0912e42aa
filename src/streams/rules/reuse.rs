//! Questions that are asked once: identical ones in flight share one answer, and what was found is known for a while
//! (reference/streams.md, "What may be reused").
//!
//! A question in flight is a future that any of its askers drives: it lives as long as one of them waits, so a session
//! that leaves takes nobody's answer away, and the last one to leave ends the question. Nothing found, and no refusal,
//! is ever kept. Neither is what was asked on ground that moved since ([`Mark`]).

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::ground::{Grounds, Mark};
use super::unasked::Unasked;
use crate::telemetry::metrics;

/// How long an answer is known (reference/streams.md).
pub(in crate::streams) const KNOWN_FOR: Duration = Duration::from_secs(2);

/// What a question answers: `None` is a refusal, or that there is no such thing.
pub(in crate::streams) type Found<V> = Result<Option<V>, Unasked>;

/// Answers by question, at most so many.
pub(in crate::streams) struct Reuse<K, V: Clone> {
    state: Mutex<State<K, V>>,
    capacity: usize,
}

struct State<K, V: Clone> {
    entries: HashMap<K, Entry<V>>,
    /// The entries in the order of their making, the oldest first.
    order: VecDeque<(u64, Instant, K)>,
    next: u64,
}

struct Entry<V: Clone> {
    number: u64,
    mark: Mark,
    answer: Answer<V>,
}

enum Answer<V: Clone> {
    Away(WeakShared<BoxFuture<'static, Found<V>>>),
    Known(Instant, V),
}

enum Step<V: Clone> {
    Known(V),
    Wait {
        number: u64,
        answer: Shared<BoxFuture<'static, Found<V>>>,
        /// Somebody else asked first.
        joined: bool,
    },
}

impl<K: Hash + Eq + Clone, V: Clone> Reuse<K, V> {
    /// Knows at most `capacity` answers, questions in flight included; beyond it the oldest are forgotten.
    pub(in crate::streams) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                entries: HashMap::new(),
                order: VecDeque::new(),
                next: 0,
            }),
            capacity,
        }
    }

    /// The answer to `question`: known, shared with those who ask it already, or asked by `begin`. `mark` is what the
    /// question stands on, taken by the caller before.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(in crate::streams) async fn ask(
        &self,
        question: K,
        mark: Mark,
        grounds: &Grounds,
        begin: impl FnOnce() -> BoxFuture<'static, Found<V>>,
    ) -> Found<V> {
        let step = self.step(&question, mark, grounds, begin);
        metrics::access_cache(!matches!(step, Step::Wait { joined: false, .. }));
        let (number, answer) = match step {
            Step::Known(value) => return Ok(Some(value)),
            Step::Wait { number, answer, .. } => (number, answer),
        };
        let answer = answer.await;
        self.learn(&question, number, &answer, grounds);
        answer
    }

    fn step(
        &self,
        question: &K,
        mark: Mark,
        grounds: &Grounds,
        begin: impl FnOnce() -> BoxFuture<'static, Found<V>>,
    ) -> Step<V> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(entry) = state.entries.get(question)
            && grounds.stands(&entry.mark)
        {
            match &entry.answer {
                Answer::Known(since, value) if now.duration_since(*since) < KNOWN_FOR => {
                    return Step::Known(value.clone());
                }
                Answer::Known(..) => {}
                Answer::Away(weak) => {
                    if let Some(answer) = weak.upgrade() {
                        return Step::Wait {
                            number: entry.number,
                            answer,
                            joined: true,
                        };
                    }
                }
            }
        }
        let asked = begin().shared();
        let number = state.next;
        state.next += 1;
        if let Some(weak) = asked.downgrade() {
            let entry = Entry {
                number,
                mark,
                answer: Answer::Away(weak),
            };
            state.entries.insert(question.clone(), entry);
            state.order.push_back((number, now, question.clone()));
            state.make_room(self.capacity, now);
        }
        Step::Wait {
            number,
            answer: asked,
            joined: false,
        }
    }

    fn learn(&self, question: &K, number: u64, answer: &Found<V>, grounds: &Grounds) {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.get_mut(question) else {
            return;
        };
        if entry.number != number || matches!(entry.answer, Answer::Known(..)) {
            return;
        }
        match answer {
            Ok(Some(value)) if grounds.stands(&entry.mark) => {
                entry.answer = Answer::Known(Instant::now(), value.clone());
            }
            _ => {
                state.entries.remove(question);
            }
        }
    }

    /// What was found last, if it is still kept, however stale.
    pub(in crate::streams) fn last(&self, question: &str) -> Option<V>
    where
        K: std::borrow::Borrow<str>,
    {
        match &self.state.lock().entries.get(question)?.answer {
            Answer::Known(_, value) => Some(value.clone()),
            Answer::Away(_) => None,
        }
    }

    /// How many answers are kept.
    #[cfg(test)]
    pub(in crate::streams) fn len(&self) -> usize {
        self.state.lock().entries.len()
    }
}

/// An entry this old is over, whatever it is: an answer is not known any more, and who still waits keeps waiting
/// without being joined.
const OVER_AFTER: Duration = Duration::from_secs(10);

impl<K: Hash + Eq + Clone, V: Clone> State<K, V> {
    /// Forgets the oldest entries: those that are over, and those above `capacity`.
    fn make_room(&mut self, capacity: usize, now: Instant) {
        while let Some((number, made, question)) = self.order.front() {
            let current = self
                .entries
                .get(question)
                .is_some_and(|entry| entry.number == *number);
            let over = now.duration_since(*made) >= OVER_AFTER;
            if current && !over && self.order.len() <= capacity {
                return;
            }
            if current {
                self.entries.remove(question);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Bench {
        grounds: Grounds,
        reuse: Reuse<u32, u32>,
        asked: Arc<AtomicUsize>,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                grounds: Grounds::new(),
                reuse: Reuse::new(4),
                asked: Arc::default(),
            }
        }

        fn mark(&self) -> Mark {
            self.grounds.mark(Some("r"), Some("u"))
        }

        async fn ask(&self, question: u32, answer: Found<u32>) -> Found<u32> {
            let asked = self.asked.clone();
            self.reuse
                .ask(question, self.mark(), &self.grounds, || {
                    async move {
                        asked.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        answer
                    }
                    .boxed()
                })
                .await
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_found_is_known_for_two_seconds() {
        let bench = Bench::new();
        assert_eq!(bench.ask(1, Ok(Some(7))).await.unwrap(), Some(7));
        tokio::time::advance(Duration::from_millis(1999)).await;
        assert_eq!(bench.ask(1, Ok(Some(8))).await.unwrap(), Some(7));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(bench.ask(1, Ok(Some(8))).await.unwrap(), Some(8));
        assert_eq!(bench.asked(), 2);
    }

    // contract: streams/reuse/granted
    #[tokio::test(start_paused = true)]
    async fn refusals_and_failures_are_never_kept() {
        let bench = Bench::new();
        assert_eq!(bench.ask(1, Ok(None)).await.unwrap(), None);
        assert!(bench.ask(1, Err(Unasked)).await.is_err());
        assert_eq!(bench.ask(1, Ok(Some(1))).await.unwrap(), Some(1));
        assert_eq!(bench.asked(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn identical_questions_in_flight_are_asked_once() {
        let bench = Bench::new();
        let answers = futures_util::future::join_all((0..50).map(|_| bench.ask(1, Ok(None)))).await;
        assert!(answers.iter().all(|answer| matches!(answer, Ok(None))));
        assert_eq!(bench.asked(), 1);
        assert_eq!(bench.reuse.len(), 0);
    }

    // contract: streams/reuse/in-flight
    #[tokio::test(start_paused = true)]
    async fn a_question_after_an_event_joins_none_before_it() {
        let bench = Bench::new();
        let (before, after) = tokio::join!(bench.ask(1, Ok(Some(1))), async {
            tokio::task::yield_now().await;
            bench.grounds.user("u");
            bench.ask(1, Ok(Some(2))).await
        });
        assert_eq!((before.unwrap(), after.unwrap()), (Some(1), Some(2)));
        assert_eq!(bench.ask(1, Ok(Some(3))).await.unwrap(), Some(2));
        bench.grounds.room("r");
        assert_eq!(bench.ask(1, Ok(Some(3))).await.unwrap(), Some(3));
        bench.grounds.everything();
        assert_eq!(bench.ask(1, Ok(Some(4))).await.unwrap(), Some(4));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_found_on_ground_that_moved_is_not_kept() {
        let bench = Bench::new();
        let (found, ()) = tokio::join!(bench.ask(1, Ok(Some(1))), async {
            tokio::task::yield_now().await;
            bench.grounds.room("r");
        });
        assert_eq!(found.unwrap(), Some(1), "its asker judges it");
        assert_eq!(bench.reuse.len(), 0, "it is not the last of its kind");
    }

    #[tokio::test(start_paused = true)]
    async fn an_asker_that_leaves_takes_nobodys_answer_away() {
        let bench = Bench::new();
        let leaving = tokio::time::timeout(Duration::from_millis(50), bench.ask(1, Ok(Some(1))));
        let (left, stayed) = tokio::join!(leaving, bench.ask(1, Ok(Some(2))));
        assert!(left.is_err());
        assert_eq!(stayed.unwrap(), Some(1), "the answer to the first question");
        assert_eq!(bench.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_nobody_waits_for_ends() {
        let bench = Bench::new();
        let alone = tokio::time::timeout(Duration::from_millis(50), bench.ask(1, Ok(Some(1))));
        assert!(alone.await.is_err());
        assert_eq!(bench.ask(1, Ok(Some(2))).await.unwrap(), Some(2));
        assert_eq!(bench.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_answers_are_forgotten() {
        let bench = Bench::new();
        for question in 0..100 {
            bench.ask(question, Ok(Some(question))).await.unwrap();
        }
        assert_eq!(bench.reuse.len(), 4);
        assert!(bench.reuse.state.lock().order.len() <= 5);
        for _ in 0..100 {
            bench.ask(1000, Ok(None)).await.unwrap();
        }
        assert!(bench.reuse.state.lock().order.len() <= 5);
    }
}
