//! From events to written lines. The fields of the spans around an event are its own as well; the nearest wins. What is logged on behalf of something
//! that is traced says where that stands.

use std::time::SystemTime;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::date;
use super::line::{Fields, Line, Look};
use super::sink::Sink;
use crate::telemetry::work;

/// Writes each event as a line.
pub(super) struct Lines {
    look: Look,
    stdout: Sink,
    file: Option<Sink>,
}

impl Lines {
    pub(super) fn new(look: Look, stdout: Sink, file: Option<Sink>) -> Self {
        Self { look, stdout, file }
    }

    fn write(&self, line: &Line<'_>) {
        let text = line.render(&self.look);
        self.stdout.put(&text);
        let Some(file) = &self.file else { return };
        match self.look {
            Look::Pretty { colours: true } => {
                file.put(&line.render(&Look::Pretty { colours: false }))
            }
            _ => file.put(&text),
        }
    }

    fn tell_of_lost(&self) {
        for (lost, sink) in [Some(&self.stdout), self.file.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(Sink::lost)
        {
            let mut fields = Fields {
                message: format!("log lines were lost: {sink} did not take them"),
                ..Fields::default()
            };
            fields.set("lines", lost.into());
            self.write(&Line {
                time: date::timestamp(SystemTime::now()),
                level: Level::WARN,
                target: module_path!(),
                fields: &fields,
            });
        }
    }
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
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::{debug, error, info, info_span, warn};
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::FATAL;
    use super::*;
    use crate::telemetry::metrics::LogSink;

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
        let (sink, guard) = Sink::new(LogSink::Stdout, page.clone());
        let subscriber = tracing_subscriber::registry().with(Lines::new(look, sink, None));
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

    // contract: ddp/message/lone-surrogates
    #[test]
    fn half_a_surrogate_pair_is_written_as_node_writes_it() {
        let text = crate::ejson::raw(r#""cut \ud83d""#.to_owned()).unwrap();
        let text = crate::ejson::text(&text).unwrap().into_owned();
        let lines = logged(Look::Pretty { colours: false }, || {
            info!(as_it_is = text.as_str(), shown = %text, "{text}");
        });
        let cut = "cut \u{fffd}";
        let line =
            format!("TIME  INFO telemetry::logs::layer::tests: {cut} as_it_is={cut} shown={cut}");
        assert_eq!(lines, [line]);
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
