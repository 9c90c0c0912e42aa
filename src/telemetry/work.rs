//! What is worked on: a request of a client's, or a broadcast on its way from its arrival to the last outbox that got something of it.
//!
//! Between the beginning of such a piece of work and whatever is asked, logged or delivered on its behalf lie rooms that hand on ever smaller parts
//! of it, and queues that keep some of it back. So it goes along with whoever works on it ([`tokio::task_local`]) and is not passed from hand to
//! hand: the mesh begins with [`handling`], a method with [`within`], a queue takes it along with [`carry`]. The last who lets go of a broadcast
//! records it, once an event: its latency, when somebody heard it, and its span. There is nothing of all this while neither metrics nor traces
//! are on.

use std::any::Any;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::metrics;
use super::traces::context::{Carried, TraceContext};
use super::traces::span::{Outcome, Span, broadcast};
use super::traces::tracer;

tokio::task_local! {
    static WORK: Work;
}

#[derive(Clone)]
enum Work {
    Broadcast(Arc<Broadcast>),
    Request(TraceContext),
}

/// One broadcast on its way.
struct Broadcast {
    arrived: Instant,
    /// Nanoseconds from there to the last delivery; 0: none.
    heard: AtomicU64,
    deliveries: AtomicU64,
    refused: AtomicU64,
    encodings: AtomicU64,
    /// Its name, once the packet was read, and its sender's context.
    about: OnceLock<(Box<str>, Option<TraceContext>)>,
    /// Made when the first asks for its context, else in the end.
    span: Mutex<Option<Span>>,
}

impl Broadcast {
    fn new(arrived: Instant) -> Self {
        Self {
            arrived,
            heard: AtomicU64::new(0),
            deliveries: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            encodings: AtomicU64::new(0),
            about: OnceLock::new(),
            span: Mutex::new(None),
        }
    }

    fn begin(&self) -> Option<Span> {
        let (event, sender) = self.about.get()?;
        let arrived = SystemTime::now().checked_sub(self.arrived.elapsed())?;
        broadcast(event, sender.as_ref(), arrived)
    }

    /// Its span's context.
    fn context(&self) -> Option<TraceContext> {
        let mut span = self.span.lock();
        if span.is_none() {
            *span = self.begin();
        }
        span.as_ref().map(|span| span.context().clone())
    }

    /// What a log line says of it: no span is made for that.
    fn known_context(&self) -> Option<TraceContext> {
        let span = self.span.lock();
        let own = span.as_ref().map(|span| span.context().clone());
        drop(span);
        own.or_else(|| self.about.get()?.1.clone())
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        let heard = *self.heard.get_mut();
        if heard > 0 {
            metrics::event_heard(Duration::from_nanos(heard));
        }
        if !tracer::enabled() {
            return;
        }
        let mut span = self.span.get_mut().take();
        // Nobody heard it: it is told of only where its sender is.
        let wanted = || self.about.get()?.1.as_ref().map(TraceContext::is_sampled);
        if span.is_none() && (heard > 0 || wanted() == Some(true)) {
            span = self.begin();
        }
        if let Some(mut span) = span {
            span.set_outcome(Outcome {
                deliveries: *self.deliveries.get_mut(),
                refused: *self.refused.get_mut(),
                encodings: *self.encodings.get_mut(),
                lateness: Duration::from_nanos(heard).as_secs_f64(),
            });
            span.end(None);
        }
    }
}

/// The time, when somebody counts or traces: to be taken when a broadcast arrives.
pub fn arrived() -> Option<Instant> {
    (metrics::enabled() || tracer::enabled()).then(Instant::now)
}

/// Handles a broadcast that arrived then.
pub fn handling<T>(arrived: Option<Instant>, handle: impl FnOnce() -> T) -> T {
    match arrived {
        None => handle(),
        Some(arrived) => {
            let broadcast = Arc::new(Broadcast::new(arrived));
            WORK.sync_scope(Work::Broadcast(broadcast), handle)
        }
    }
}

/// What the broadcast is that is handled now, and where its sender stood. `sender` is asked only if somebody traces.
pub fn named(event: &str, sender: impl FnOnce() -> Option<TraceContext>) {
    if !tracer::enabled() {
        return;
    }
    let _no_broadcast = WORK.try_with(|work| {
        if let Work::Broadcast(broadcast) = work {
            let _once = broadcast.about.set((event.into(), sender()));
        }
    });
}

/// Some of it was put into the queues of so many sessions, and into those of so many others it was not; so many frames were built for it.
pub fn delivered(deliveries: usize, refused: usize, encodings: usize) {
    // Most of what is sent is no broadcast's.
    let _no_broadcast = WORK.try_with(|work| {
        let Work::Broadcast(broadcast) = work else {
            return;
        };
        if deliveries > 0 {
            let nanos = broadcast.arrived.elapsed().as_nanos();
            let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
            broadcast.heard.fetch_max(nanos.max(1), Relaxed);
            broadcast.deliveries.fetch_add(deliveries as u64, Relaxed);
        }
        broadcast.refused.fetch_add(refused as u64, Relaxed);
        broadcast.encodings.fetch_add(encodings as u64, Relaxed);
    });
}

/// A frame of a broadcast, until it has left for the last who was to get it.
struct Written(Instant);

impl Drop for Written {
    fn drop(&mut self) {
        metrics::event_written(self.0.elapsed());
    }
}

/// To be kept with the bytes of what is sent on behalf of a broadcast; `None` where nobody counts.
pub fn written() -> Option<Arc<dyn Any + Send + Sync>> {
    if !metrics::enabled() {
        return None;
    }
    let arrived = WORK.try_with(|work| match work {
        Work::Broadcast(broadcast) => Some(broadcast.arrived),
        Work::Request(_) => None,
    });
    Some(Arc::new(Written(arrived.ok().flatten()?)))
}

/// Does something on behalf of `span`, if there is one.
pub async fn within<F: Future>(span: Option<&Span>, mut job: Pin<&mut F>) -> F::Output {
    let Some(span) = span else {
        return job.await;
    };
    let context = span.context();
    std::future::poll_fn(|cx| {
        let work = Work::Request(context.clone());
        WORK.sync_scope(work, || job.as_mut().poll(cx))
    })
    .await
}

/// The same of something that waits for nothing.
pub fn below<T>(span: Option<&Span>, job: impl FnOnce() -> T) -> T {
    match span {
        None => job(),
        Some(span) => WORK.sync_scope(Work::Request(span.context().clone()), job),
    }
}

/// A job that is done later, still on behalf of what is worked on now, if anything is.
pub fn carry<T>(job: impl Future<Output = T> + Send + 'static) -> BoxFuture<'static, T> {
    match WORK.try_with(Work::clone) {
        Err(_) => job.boxed(),
        Ok(work) => WORK.scope(work, job).boxed(),
    }
}

/// The same of a job that may take long after all else is done: a broadcast is over without it, and the job's spans are below its
/// span all the same.
pub fn outlive<T>(job: impl Future<Output = T> + Send + 'static) -> BoxFuture<'static, T> {
    match context() {
        None => job.boxed(),
        Some(context) => WORK.scope(Work::Request(context), job).boxed(),
    }
}

/// Where that stands which is worked on now: the parent of whatever is asked.
pub(super) fn context() -> Option<TraceContext> {
    WORK.try_with(|work| match work {
        Work::Broadcast(broadcast) => broadcast.context(),
        Work::Request(context) => Some(context.clone()),
    })
    .ok()
    .flatten()
}

/// The same for a log line.
pub(super) fn known_context() -> Option<TraceContext> {
    if !tracer::enabled() {
        return None;
    }
    WORK.try_with(|work| match work {
        Work::Broadcast(broadcast) => broadcast.known_context(),
        Work::Request(context) => Some(context.clone()),
    })
    .ok()
    .flatten()
}

/// The context that goes along with what is told to others on behalf of what is worked on now.
pub fn carried() -> Option<Carried> {
    if !tracer::enabled() {
        return None;
    }
    context()?.carried()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos() -> u64 {
        WORK.try_with(|work| match work {
            Work::Broadcast(broadcast) => broadcast.heard.load(Relaxed),
            Work::Request(_) => 0,
        })
        .unwrap_or_default()
    }

    #[test]
    fn what_outlives_a_broadcast_does_not_keep_it() {
        handling(Some(Instant::now()), || {
            let held = || {
                WORK.with(|work| match work {
                    Work::Broadcast(broadcast) => Arc::strong_count(broadcast),
                    Work::Request(_) => 0,
                })
            };
            let _outlives = outlive(async {});
            assert_eq!(held(), 1);
            let _carried = carry(async {});
            assert_eq!(held(), 2);
        });
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_carried_counts_from_the_arrival() {
        let job = handling(Some(Instant::now()), || {
            carry(async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                delivered(1, 0, 1);
                assert_eq!(nanos(), 2_000_000_000);
            })
        });
        delivered(1, 0, 1);
        assert_eq!(nanos(), 0, "nothing is handled here");
        job.await;
        handling(None, || {
            delivered(1, 0, 1);
            assert_eq!(nanos(), 0);
        });
    }
}
