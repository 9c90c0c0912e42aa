//! How long a broadcast takes: from its arrival in this process to the last outbox that got something of it.
//!
//! Between the two lie rooms that hand on ever smaller parts of it, and queues that keep some of it back. So the arrival
//! goes along with whoever works on it ([`tokio::task_local`]) and is not passed from hand to hand: the mesh begins with
//! [`handling`], a queue takes it along with [`carry`], and each delivery marks the time. The last who lets go records it,
//! once an event; one that nobody heard is not recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

tokio::task_local! {
    static ARRIVAL: Arc<Arrival>;
}

/// One broadcast on its way.
struct Arrival {
    at: Instant,
    /// Nanoseconds from `at` to the last delivery; 0: none.
    heard: AtomicU64,
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let heard = *self.heard.get_mut();
        if heard > 0
            && let Some(on) = super::on()
        {
            on.event_latency.record(Duration::from_nanos(heard));
        }
    }
}

/// The time, when somebody counts: to be taken when a broadcast arrives, or a request begins.
pub fn arrived() -> Option<Instant> {
    super::enabled().then(Instant::now)
}

/// Handles a broadcast that arrived then.
pub fn handling<T>(arrived: Option<Instant>, handle: impl FnOnce() -> T) -> T {
    match arrived {
        None => handle(),
        Some(at) => {
            let heard = AtomicU64::new(0);
            ARRIVAL.sync_scope(Arc::new(Arrival { at, heard }), handle)
        }
    }
}

/// A job that is done later, still on behalf of the broadcast that is handled now, if one is.
pub fn carry(job: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
    match ARRIVAL.try_with(Arc::clone) {
        Err(_) => job.boxed(),
        Ok(arrival) => ARRIVAL.scope(arrival, job).boxed(),
    }
}

/// Somebody got something of it.
pub(super) fn heard() {
    // Most of what is sent is no broadcast's.
    let _no_broadcast = ARRIVAL.try_with(|arrival| {
        let nanos = u64::try_from(arrival.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        arrival.heard.fetch_max(nanos.max(1), Ordering::Relaxed);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos() -> u64 {
        ARRIVAL
            .try_with(|arrival| arrival.heard.load(Ordering::Relaxed))
            .unwrap_or_default()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_carried_counts_from_the_arrival() {
        let job = handling(Some(Instant::now()), || {
            carry(async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                heard();
                assert_eq!(nanos(), 2_000_000_000);
            })
        });
        heard();
        assert_eq!(nanos(), 0, "nothing is handled here");
        job.await;
        handling(None, || {
            heard();
            assert_eq!(nanos(), 0);
        });
    }
}
