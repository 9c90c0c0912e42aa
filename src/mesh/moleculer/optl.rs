//! `meta.optl`: where trace contexts travel (reference/telemetry.md).

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::ejson::{self, RawObject};
use crate::telemetry::traces::{Carried, TraceContext};

/// The `meta` of a packet: what is given, else the context that goes along.
pub(super) fn meta<'a>(given: Option<&'a str>, carried: Option<&Carried>) -> Cow<'a, str> {
    match (given, carried) {
        (Some(given), _) => given.into(),
        (None, None) => "{}".into(),
        (None, Some(carried)) => write(carried).into(),
    }
}

fn write(carried: &Carried) -> String {
    let mut out = String::with_capacity(96 + carried.tracestate.len());
    out.push_str(r#"{"optl":{"traceparent":""#);
    out.push_str(&carried.traceparent);
    out.push('"');
    if !carried.tracestate.is_empty() {
        out.push_str(r#","tracestate":"#);
        out.push_str(&ejson::quoted(&carried.tracestate));
    }
    out.push_str("}}");
    out
}

/// The context in the `meta` of a packet.
pub(super) fn sender(meta: &RawValue) -> Option<TraceContext> {
    let meta = RawObject::of(meta)?;
    let optl = RawObject::of(meta.get("optl")?)?;
    let state = optl.text("tracestate");
    TraceContext::read(&optl.text("traceparent")?, state.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json() {
        let carried = Carried {
            traceparent: "00-a-b-01".into(),
            tracestate: r#"a="b\c"#.into(),
        };
        let written = meta(None, Some(&carried));
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["optl"]["traceparent"], carried.traceparent);
        assert_eq!(read["optl"]["tracestate"], carried.tracestate);
        let plain = Carried {
            tracestate: String::new(),
            ..carried
        };
        assert_eq!(
            meta(None, Some(&plain)),
            r#"{"optl":{"traceparent":"00-a-b-01"}}"#
        );
        assert_eq!(meta(Some("[]"), Some(&plain)), "[]");
        assert_eq!(meta(None, None), "{}");
    }
}
