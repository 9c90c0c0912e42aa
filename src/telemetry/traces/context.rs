//! Contexts as they travel: W3C Trace Context, `traceparent` and `tracestate`.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::tracer;

/// The key, and the header, of the context itself.
const TRACEPARENT: &str = "traceparent";
/// The key, and the header, of what vendors add.
const TRACESTATE: &str = "tracestate";

/// Digits of each field of a `traceparent`.
const FIELDS: [usize; 4] = [2, 32, 16, 2];

/// Where a piece of work stands in its trace. Clones are cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceContext(pub(in crate::telemetry) SpanContext);

/// A context in its two texts, for whoever is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// `00-<trace id>-<span id>-<flags>`: no character of it needs an escape anywhere.
    pub traceparent: String,
    /// Empty for none.
    pub tracestate: String,
}

impl TraceContext {
    /// Reads what came; `None` for what is no context, and while contexts are not taken.
    #[must_use]
    pub fn read(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        tracer::on().filter(|on| on.propagate)?;
        parse(traceparent, tracestate)
    }

    /// The texts to send; `None` while contexts are not sent.
    #[must_use]
    pub fn carried(&self) -> Option<Carried> {
        tracer::on().filter(|on| on.propagate)?;
        Some(Carried::of(&self.0))
    }

    /// As a log line has it.
    pub(in crate::telemetry) fn ids(&self) -> (String, String) {
        (self.0.trace_id().to_string(), self.0.span_id().to_string())
    }

    pub(in crate::telemetry) fn is_sampled(&self) -> bool {
        self.0.is_sampled()
    }
}

fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<TraceContext> {
    let traceparent = traceparent.trim();
    if !is_well_formed(traceparent) {
        return None;
    }
    let came = Came(traceparent, tracestate.filter(|state| is_printable(state)));
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &came);
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| TraceContext(context.clone()))
}

/// Whether the text has the form of a `traceparent` (W3C Trace Context, 3.2.2): the propagator reads numbers, of whatever
/// length and with a sign too. Only versions to come have more fields.
fn is_well_formed(traceparent: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut fields = traceparent.split('-');
    FIELDS.iter().all(|len| {
        let field = fields.next();
        field.is_some_and(|field| field.len() == *len && field.bytes().all(digit))
    }) && (fields.next().is_none() || !traceparent.starts_with("00"))
}

/// What else a `tracestate` holds is not passed on: it becomes a line of headers.
fn is_printable(tracestate: &str) -> bool {
    let mut bytes = tracestate.bytes();
    bytes.all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

struct Came<'a>(&'a str, Option<&'a str>);

impl Extractor for Came<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => Some(self.0),
            TRACESTATE => self.1,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

impl Carried {
    /// As the propagator writes it, without its maps: each call of each client is written one.
    fn of(context: &SpanContext) -> Self {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex(&mut text[3..35], &context.trace_id().to_bytes());
        hex(&mut text[36..52], &context.span_id().to_bytes());
        hex(&mut text[53..], &[context.trace_flags().to_u8() & 1]);
        Self {
            traceparent: String::from_utf8(text.into()).unwrap_or_default(),
            tracestate: context.trace_state().header(),
        }
    }
}

fn hex(out: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (out, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *out = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_what_the_propagator_writes() {
        use std::collections::HashMap;
        for flags in ["00", "01"] {
            for state in [None, Some("a=b,c=d")] {
                let came = format!("00-0bf92f3577b34da6a3ce929d0e0e4730-00f067aa0ba902b7-{flags}");
                let context = parse(&came, state).unwrap();
                let mut theirs = HashMap::new();
                let above = Context::new().with_remote_span_context(context.0.clone());
                TraceContextPropagator::new().inject_context(&above, &mut theirs);
                let ours = Carried::of(&context.0);
                assert_eq!(theirs[TRACEPARENT], ours.traceparent);
                assert_eq!(theirs[TRACESTATE], ours.tracestate);
            }
        }
    }

    #[test]
    fn only_contexts_are_read() {
        let id = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read = parse(id, Some("a=b,c=d")).unwrap();
        assert!(read.is_sampled());
        assert_eq!(read.0.trace_state().header(), "a=b,c=d");
        assert!(!parse(&id.replace("-01", "-00"), None).unwrap().is_sampled());
        // A state of no use does not spoil the context.
        assert_eq!(
            parse(id, Some("none")).unwrap().0.trace_state().header(),
            ""
        );
        for state in ["a=ä", "a=1\r\nb: c"] {
            let read = parse(id, Some(state)).unwrap();
            assert_eq!(read.0.trace_state().header(), "", "{state:?}");
        }
        let later = id.replacen("00", "cc", 1);
        for id in [later.as_str(), &format!("{later}-x-y"), &format!(" {id}")] {
            assert!(parse(id, None).is_some(), "{id}");
        }
        for bad in [
            "",
            "00",
            "00-0-0-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-42-42-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "CC-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x",
        ] {
            assert_eq!(parse(bad, None), None, "{bad}");
        }
    }
}
