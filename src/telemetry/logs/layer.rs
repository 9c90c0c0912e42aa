//! From events to written lines. The fields of the spans around an event are its own as well; the nearest wins. What is logged on behalf of something
//! that is traced says where that stands.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::date;
use super::line::{Fields, Line, Look};
use crate::telemetry::work;

/// Writes each event as a line.
pub(super) struct Lines {
    look: Look,
    stdout: NonBlocking,
    file: Option<NonBlocking>,
    /// Lines that standard output could not take and that were told of.
    told_lost: AtomicUsize,
}

impl Lines {
    pub(super) fn new(look: Look, stdout: NonBlocking, file: Option<NonBlocking>) -> Self {
        Self {
            look,
            stdout,
            file,
            told_lost: AtomicUsize::new(0),
        }
    }

    fn write(&self, line: &Line<'_>) {
        let text = line.render(&self.look);
        put(&self.stdout, &text);
        let Some(file) = &self.file else { return };
        match self.look {
            Look::Pretty { colours: true } => {
                put(file, &line.render(&Look::Pretty { colours: false }))
            }
            _ => put(file, &text),
        }
    }

    fn tell_of_lost(&self) {
        let lost = self.stdout.error_counter().dropped_lines();
        let told = self.told_lost.swap(lost, Ordering::Relaxed);
        if lost > told {
            let mut fields = Fields {
                message: "log lines were lost: standard output is too slow".to_owned(),
                ..Fields::default()
            };
            fields.set("lines", (lost - told).into());
            self.write(&Line {
                time: date::timestamp(SystemTime::now()),
                level: Level::WARN,
                target: module_path!(),
                fields: &fields,
            });
        }
    }
}

/// A line that cannot be queued is counted by the queue.
fn put(to: &NonBlocking, text: &str) {
    let _ = to.clone().write(text.as_bytes());
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut fields = Fields {
            message: own.message,
            log_target: own.log_target,
            others: Vec::new(),
        };
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(outer) = span.extensions().get::<Fields>() {
                outer
                    .others
                    .iter()
                    .for_each(|(name, value)| fields.set(name, value.clone()));
            }
        }
        own.others
            .into_iter()
            .for_each(|(name, value)| fields.set(name, value));
        if let Some(context) = work::known_context() {
            let (trace, span) = context.ids();
            fields.set("trace_id", trace.into());
            fields.set("span_id", span.into());
        }

        self.tell_of_lost();
        let target = fields
            .log_target
            .as_deref()
            .unwrap_or(event.metadata().target());
        self.write(&Line {
            time: date::timestamp(SystemTime::now()),
            level: *event.metadata().level(),
            target,
            fields: &fields,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::{debug, error, info, info_span, warn};
    use tracing_appender::non_blocking::NonBlockingBuilder;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::FATAL;
    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged within, with each time replaced.
    fn logged(look: Look, within: impl FnOnce()) -> Vec<String> {
        let page = Page::default();
        let (writer, guard) = NonBlockingBuilder::default().finish(page.clone());
        let subscriber = tracing_subscriber::registry().with(Lines::new(look, writer, None));
        tracing::subscriber::with_default(subscriber, within);
        drop(guard);
        let text = String::from_utf8(page.0.lock().clone()).unwrap();
        let hide = |line: &str| match line.find("20") {
            Some(at) => format!(
                "{}TIME{}",
                &line[..at],
                &line[at + "2026-11-22T09:27:02.079Z".len()..]
            ),
            None => line.to_owned(),
        };
        text.lines().map(hide).collect()
    }

    fn some_events() {
        info!(port = 3000, bind = %"::", "listening");
        warn!(left_out = 3_u64, error = ?"x\ny", "queue \"full\"");
        error!(target: FATAL, "cannot start");
        let session = info_span!("session", session = "s1", user = tracing::field::Empty);
        session.record("user", "u1");
        let _entered = session.enter();
        debug!(
            level = "high",
            hashed_token = "abc",
            tokens = 2,
            ok = true,
            session = "s2",
            "line\nbreak \u{1b}[31m"
        );
    }

    // contract: telemetry/logs/json, telemetry/logs/secrets, configuration/variable/LOG_FORMAT
    #[test]
    fn json_lines() {
        let lines = logged(
            Look::Json {
                node_id: "host-1".into(),
            },
            some_events,
        );
        assert_eq!(
            lines,
            [
                r#"{"level":"info","time":"TIME","msg":"listening","nodeID":"host-1","port":3000,"bind":"::"}"#,
                r#"{"level":"warn","time":"TIME","msg":"queue \"full\"","nodeID":"host-1","left_out":3,"error":"\"x\\ny\""}"#,
                r#"{"level":"fatal","time":"TIME","msg":"cannot start","nodeID":"host-1"}"#,
                r#"{"level":"debug","time":"TIME","msg":"line\nbreak \u001b[31m","nodeID":"host-1","session":"s2","user":"u1","level_":"high","hashed_token":"(hidden)","tokens":2,"ok":true}"#,
            ]
        );
        for line in lines {
            serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
    }

    #[test]
    fn pretty_lines() {
        assert_eq!(
            logged(Look::Pretty { colours: false }, some_events),
            [
                r"TIME  INFO telemetry::logs::layer::tests: listening port=3000 bind=::",
                r#"TIME  WARN telemetry::logs::layer::tests: queue "full" left_out=3 error="x\ny""#,
                r"TIME FATAL cannot start",
                r"TIME DEBUG telemetry::logs::layer::tests: line\nbreak \u{1b}[31m session=s2 user=u1 level=high hashed_token=(hidden) tokens=2 ok=true",
            ]
        );
    }
}
