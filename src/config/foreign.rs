//! Words of OpenTelemetry's specification that are nothing here. An environment may be shared with services that know them.

use super::error::{Note, NoteLevel};
use super::origin::Origin;
use super::parse;
use super::raw::Raw;
use super::shape::Shape;
use super::variables::{
    NONE, OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG,
    TRACING_ENABLED, find,
};

/// Those of its former releases among them.
const FOREIGN: &[(&str, &[&str])] = &[
    (
        OTEL_TRACES_EXPORTER,
        &["console", "logging", "zipkin", "jaeger"],
    ),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", &["http/json"]),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", &["http/json"]),
    (
        OTEL_TRACES_SAMPLER,
        &["jaeger_remote", "parentbased_jaeger_remote", "xray"],
    ),
    (
        "OTEL_PROPAGATORS",
        &["b3", "b3multi", "jaeger", "xray", "ottrace"],
    ),
];

/// Takes them out of what was said: while traces are off they stop no start. Other ways for traces to go, besides, never do.
pub(super) fn leave_out(raw: &mut Raw, notes: &mut Vec<Note>) {
    let is_on = is_on(raw);
    for (variable, foreign) in FOREIGN {
        let why = match (is_on, *variable) {
            (false, _) => "traces are off",
            (true, OTEL_TRACES_EXPORTER) => "traces are sent by OTLP",
            _ => continue,
        };
        let (Some(entry), Some(row)) = (raw.entries.get_mut(variable), find(variable)) else {
            continue;
        };
        let is_list = matches!(row.shape, Shape::Words(_));
        let words = entry.text.split(|c| is_list && c == ',').map(str::trim);
        let is_foreign = |word: &&str| foreign.iter().any(|one| one.eq_ignore_ascii_case(word));
        let (left_out, rest): (Vec<_>, Vec<_>) = words.partition(is_foreign);
        if left_out.is_empty() {
            continue;
        }
        notes.push(Note {
            level: NoteLevel::Warn,
            text: format!("{variable}={}: without effect, {why}", left_out.join(",")),
        });
        if !rest.is_empty() {
            entry.text = rest.join(",");
            continue;
        }
        match row.default {
            "" => {
                raw.entries.remove(variable);
            }
            default => {
                entry.text = default.to_owned();
                entry.origin = Origin::Default;
            }
        }
        if *variable == OTEL_TRACES_SAMPLER {
            // An argument of that sampler, in a form of its own.
            raw.entries.remove(OTEL_TRACES_SAMPLER_ARG);
        }
    }
}

/// As far as can be told before anything is checked.
fn is_on(raw: &Raw) -> bool {
    let text = |name| {
        raw.entries
            .get(name)
            .map_or("", |entry| entry.text.as_str())
    };
    let switched = |name| parse::switch(text(name)) == Some(true);
    let mut exporters = text(OTEL_TRACES_EXPORTER).split(',');
    switched(TRACING_ENABLED)
        && !switched(OTEL_SDK_DISABLED)
        && !exporters.any(|one| one.trim().eq_ignore_ascii_case(NONE))
}
