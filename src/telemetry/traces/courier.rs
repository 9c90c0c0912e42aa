//! Spans on their way to the collector: bounded, counted, and told of once when it does not take them.
//!
//! The SDK's own batch processor drops what does not fit without a count that could be read. So the door to it counts what waits, lets in no more
//! than the bound, and the exporter behind it counts what was taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use super::otlp::Way;
use crate::config::BatchConfig;
use crate::telemetry::metrics::{self, SpanFate};

/// Spans that are lost so long after the last are told of anew.
const CALM: Duration = Duration::from_secs(60);
const QUEUE_FULL: &str = "OTEL_BSP_MAX_QUEUE_SIZE spans wait already";

/// What became of spans so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Taken by the collector.
    pub sent: u64,
    /// Lost, since too many waited.
    pub dropped_queue: u64,
    /// Lost, since the collector did not take them.
    pub dropped_collector: u64,
    /// Not sent yet.
    pub waiting: usize,
}

/// What both ends know.
#[derive(Debug)]
pub(super) struct Shared {
    /// The collector's.
    endpoint: String,
    waiting: AtomicUsize,
    sent: AtomicU64,
    dropped_queue: AtomicU64,
    dropped_collector: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
}

/// Spans are being lost, and that was told.
#[derive(Debug)]
struct Trouble {
    /// When the last one was.
    last: Instant,
    /// The collector took none since.
    away: bool,
}

impl Shared {
    pub(super) fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            waiting: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            dropped_queue: AtomicU64::new(0),
            dropped_collector: AtomicU64::new(0),
            trouble: Mutex::new(None),
        }
    }

    pub(super) fn counts(&self) -> SpanCounts {
        SpanCounts {
            sent: self.sent.load(Relaxed),
            dropped_queue: self.dropped_queue.load(Relaxed),
            dropped_collector: self.dropped_collector.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
        }
    }

    /// One line for all that is lost until things are well again; one more where a queue was full first, and now the collector
    /// says why.
    fn lost(&self, why: &dyn std::fmt::Display, away: bool) {
        let mut trouble = self.trouble.lock();
        let was_away = trouble.as_ref().is_some_and(|known| known.away);
        let lately = trouble
            .as_ref()
            .is_some_and(|known| known.last.elapsed() < CALM);
        let told = was_away || (lately && !away);
        let away = away || was_away;
        let last = Instant::now();
        *trouble = Some(Trouble { last, away });
        drop(trouble);
        if !told {
            warn!(endpoint = self.endpoint, error = %why, "traces are lost, and counted; clients do not notice");
        }
    }

    /// The collector did not take so many.
    fn not_taken(&self, spans: usize, why: &dyn std::fmt::Display, away: bool) {
        self.dropped_collector.fetch_add(spans as u64, Relaxed);
        metrics::spans(SpanFate::Collector, spans);
        self.lost(why, away);
    }

    fn taken(&self, spans: usize) {
        self.sent.fetch_add(spans as u64, Relaxed);
        metrics::spans(SpanFate::Sent, spans);
        let was_away = self.trouble.lock().take_if(|trouble| trouble.away);
        if was_away.is_some() {
            let counts = self.counts();
            let lost = counts.dropped_queue + counts.dropped_collector;
            info!(
                endpoint = self.endpoint,
                lost, "the collector takes traces again"
            );
        }
    }
}

/// The processor that gathers spans into batches for `exporter`.
pub(super) fn batch(
    exporter: Way,
    batch: BatchConfig,
    shared: Arc<Shared>,
) -> impl SpanProcessor + 'static {
    let courier = Courier {
        exporter,
        shared: shared.clone(),
    };
    // What is taken out of its queue counts as waiting until it is in the exporter's hands.
    let room = batch.queue + batch.size;
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(room)
        .with_max_export_batch_size(batch.size)
        .with_scheduled_delay(batch.delay)
        .build();
    Door {
        batch: BatchSpanProcessor::builder(courier)
            .with_batch_config(config)
            .build(),
        shared,
        bound: batch.queue,
    }
}

/// Before the SDK's queue.
#[derive(Debug)]
struct Door {
    batch: BatchSpanProcessor,
    shared: Arc<Shared>,
    bound: usize,
}

impl SpanProcessor for Door {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let room = |waiting| (waiting < self.bound).then_some(waiting + 1);
        let waiting = &self.shared.waiting;
        if waiting.fetch_update(Relaxed, Relaxed, room).is_err() {
            self.shared.dropped_queue.fetch_add(1, Relaxed);
            metrics::spans(SpanFate::Queue, 1);
            self.shared.lost(&QUEUE_FULL, false);
            return;
        }
        self.batch.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batch.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batch.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batch.set_resource(resource);
    }
}

/// Behind it.
#[derive(Debug)]
struct Courier {
    exporter: Way,
    shared: Arc<Shared>,
}

impl SpanExporter for Courier {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.shared.waiting.fetch_sub(spans, Relaxed);
        let exported = self.exporter.export(batch).await;
        match &exported {
            Ok(()) => {
                let rejected = self.exporter.rejected();
                let without = rejected.as_ref().map_or(0, |some| some.spans.min(spans));
                self.shared.taken(spans - without);
                if let Some(rejected) = rejected {
                    self.shared.not_taken(without, &rejected.why, false);
                }
            }
            Err(error) => self.shared.not_taken(spans, error, true),
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
