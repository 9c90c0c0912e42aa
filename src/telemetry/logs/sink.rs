//! Where lines go: a queue, and a thread that writes what is in it. Whoever logs waits for neither; what the queue cannot
//! hold and what cannot be written is counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use crate::telemetry::limit::Limited;
use crate::telemetry::metrics::{self, LogSink};

/// Lines that may wait for the writing thread.
const WAITING_LINES: usize = 16_384;
/// Lines that are lost are told of at most so often: what tells may be lost as well.
const TELL_OF_LOST: Duration = Duration::from_secs(3);

/// One place that lines go to.
#[derive(Debug)]
pub(super) struct Sink {
    kind: LogSink,
    queue: NonBlocking,
    counts: Arc<Counts>,
    /// Lines that the queue could not hold and that were counted.
    dropped: AtomicUsize,
    /// Lost lines that were told of.
    told: AtomicU64,
    telling: Limited,
}

/// What became of the lines.
#[derive(Debug, Default)]
pub(super) struct Counts {
    taken: AtomicU64,
    written: AtomicU64,
    lost: AtomicU64,
}

/// The writing end.
struct Counted<W> {
    to: W,
    kind: LogSink,
    counts: Arc<Counts>,
}

impl Sink {
    pub(super) fn new(kind: LogSink, to: impl Write + Send + 'static) -> (Self, WorkerGuard) {
        let counts = Arc::new(Counts::default());
        let to = Counted {
            to,
            kind,
            counts: counts.clone(),
        };
        let (queue, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(WAITING_LINES)
            .lossy(true)
            .thread_name("logs")
            .finish(to);
        let sink = Self {
            kind,
            queue,
            counts,
            dropped: AtomicUsize::new(0),
            told: AtomicU64::new(0),
            telling: Limited::every(TELL_OF_LOST),
        };
        (sink, guard)
    }

    pub(super) fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    pub(super) fn put(&self, line: &str) {
        self.counts.taken.fetch_add(1, Ordering::Relaxed);
        // One that does not fit is counted by the queue.
        let _counted = self.queue.clone().write(line.as_bytes());
        let dropped = self.queue.error_counter().dropped_lines();
        let before = self.dropped.fetch_max(dropped, Ordering::Relaxed);
        if dropped > before {
            self.counts.lose(self.kind, dropped - before);
        }
    }

    /// Lines that were lost since it was last told, and where; at most once in a while.
    pub(super) fn lost(&self) -> Option<(u64, &'static str)> {
        let lost = self.counts.lost.load(Ordering::Relaxed);
        if lost <= self.told.load(Ordering::Relaxed) {
            return None;
        }
        let mut news = None;
        self.telling.log(|_| {
            let told = self.told.swap(lost, Ordering::Relaxed);
            news = Some((lost.saturating_sub(told), words(self.kind)));
        });
        news
    }
}

fn words(kind: LogSink) -> &'static str {
    match kind {
        LogSink::Stdout => "standard output",
        LogSink::File => "LOG_FILE_PATH",
    }
}

impl Counts {
    fn lose(&self, kind: LogSink, lines: usize) {
        self.lost.fetch_add(lines as u64, Ordering::Relaxed);
        metrics::log_lines_lost(kind, lines as u64);
    }

    /// Lines that were neither written nor given up.
    pub(super) fn waiting(&self) -> u64 {
        let done = self.written.load(Ordering::Relaxed) + self.lost.load(Ordering::Relaxed);
        self.taken.load(Ordering::Relaxed).saturating_sub(done)
    }
}

/// One call a line, as the queue's thread makes them. A line that cannot be written is given up: the next may do better.
impl<W: Write> Write for Counted<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.to.write_all(line) {
            Ok(()) => {
                self.counts.written.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => self.counts.lose(self.kind, 1),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _the_next_line_tells = self.to.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes every other line.
    struct Moody(bool);

    impl Write for Moody {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0 = !self.0;
            if self.0 {
                Ok(line.len())
            } else {
                Err(io::ErrorKind::StorageFull.into())
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told_once() {
        let (sink, guard) = Sink::new(LogSink::File, Moody(false));
        assert_eq!(sink.lost(), None);
        for _ in 0..10 {
            sink.put("a line\n");
        }
        drop(guard);
        assert_eq!(sink.counts().waiting(), 0);
        let told = sink.lost();
        assert_eq!(told, Some((5, words(LogSink::File))));
        assert_eq!(sink.lost(), None);
    }
}
