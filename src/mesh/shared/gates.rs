//! The bulkhead: so many calls of one action at once, so many waiting, the rest refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::mesh::config::Bulkhead;

/// See the module. Clones are the same gates.
#[derive(Clone)]
pub(crate) struct Gates {
    limits: Bulkhead,
    by_action: Arc<Mutex<HashMap<String, Arc<Gate>>>>,
}

struct Gate {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Who holds or wants a place: a gate without users is removed, so that names made up by others leave nothing.
    users: AtomicUsize,
}

/// A place among those in flight, given back when dropped.
pub(crate) struct Pass {
    /// How long it was waited for.
    pub(crate) waited: Duration,
    _place: OwnedSemaphorePermit,
    _user: User,
}

/// Too many wait already.
#[derive(Debug)]
pub(crate) struct Full;

impl Gates {
    pub(crate) fn new(limits: Bulkhead) -> Self {
        Self {
            limits,
            by_action: Arc::default(),
        }
    }

    /// Waits for a place. Cancel safe.
    pub(crate) async fn enter(&self, action: &str) -> Result<Pass, Full> {
        let user = self.user(action);
        let places = Arc::clone(&user.gate.places);
        let (place, waited) = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => (place, Duration::ZERO),
            Err(_) => {
                let _waiting = Waiting::join(&user.gate, self.limits.max_queue).ok_or(Full)?;
                let began = Instant::now();
                let place = places.acquire_owned().await.map_err(|_| Full)?;
                (place, began.elapsed())
            }
        };
        Ok(Pass {
            waited,
            _place: place,
            _user: user,
        })
    }

    fn user(&self, action: &str) -> User {
        let mut gates = self.by_action.lock();
        let gate = gates.entry(action.to_owned()).or_insert_with(|| {
            Arc::new(Gate {
                places: Arc::new(Semaphore::new(
                    self.limits.concurrency.clamp(1, Semaphore::MAX_PERMITS),
                )),
                waiting: AtomicUsize::new(0),
                users: AtomicUsize::new(0),
            })
        });
        gate.users.fetch_add(1, SeqCst);
        User {
            gate: Arc::clone(gate),
            action: action.to_owned(),
            gates: self.clone(),
        }
    }
}

struct User {
    gate: Arc<Gate>,
    action: String,
    gates: Gates,
}

impl Drop for User {
    fn drop(&mut self) {
        let mut gates = self.gates.by_action.lock();
        if self.gate.users.fetch_sub(1, SeqCst) == 1 {
            gates.remove(&self.action);
        }
    }
}

struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn join(gate: &'a Gate, max: usize) -> Option<Self> {
        gate.waiting
            .fetch_update(SeqCst, SeqCst, |n| (n < max).then_some(n + 1))
            .ok()
            .map(|_| Self(gate))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn so_many_at_once_so_many_waiting_the_rest_refused() {
        let gates = Gates::new(Bulkhead {
            concurrency: 1,
            max_queue: 1,
        });
        let first = gates.enter("a.b").await.ok().unwrap();
        let mut second = Box::pin(gates.enter("a.b"));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(gates.enter("a.b").await.is_err());
        assert!(
            gates.enter("a.c").await.is_ok(),
            "another action has its own gate"
        );
        drop(first);
        let second = second.await.ok().unwrap();
        drop(second);
        assert!(gates.by_action.lock().is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_the_queue() {
        let gates = Gates::new(Bulkhead {
            concurrency: 1,
            max_queue: 1,
        });
        let _first = gates.enter("a.b").await.ok().unwrap();
        assert!(gates.enter("a.b").now_or_never().is_none());
        assert!(
            gates.enter("a.b").now_or_never().is_none(),
            "the place in the queue was given back"
        );
    }
}
