//! How a line looks.

use std::fmt::{Debug, Write};

use serde_json::Value;
use tracing::Level;
use tracing::field::{Field, Visit};

use super::FATAL;
use crate::ejson::well_formed;

/// What stands in place of a value that must not be shown.
const HIDDEN: &str = "(hidden)";
/// A field whose name holds one of these is never written.
const SECRETS: &[&str] = &["token", "password", "cookie", "authorization", "secret"];
/// What every line in JSON has; a field of such a name gets a `_` behind it.
const OWN_FIELDS: &[&str] = &["level", "time", "msg", "nodeID"];

/// How a line looks.
#[derive(Debug, Clone)]
pub(super) enum Look {
    /// `{"level":…,"time":…,"msg":…,"nodeID":…, fields}`
    Json { node_id: String },
    /// `time LEVEL room: msg field=value`
    Pretty { colours: bool },
}

/// The fields of an event or a span.
#[derive(Debug, Default, Clone)]
pub(super) struct Fields {
    pub(super) message: String,
    /// Where a record of the `log` crate is from; the event's own target is `log` then.
    pub(super) log_target: Option<String>,
    pub(super) others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        let name = field.name();
        match name {
            "message" => self.message = text(&value),
            "log.target" => self.log_target = Some(text(&value)),
            _ if name.starts_with("log.") => {}
            _ if value.is_string() && is_secret(name) => self.set(name, HIDDEN.into()),
            _ => self.set(name, value),
        }
    }

    /// A field that is recorded again has its newest value.
    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        match self.others.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.others.push((name, value)),
        }
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret))
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, well_formed(value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, well_formed(&format!("{value:?}")).into());
    }
}

/// One event, ready to be written.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) time: String,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) fields: &'a Fields,
}

impl Line<'_> {
    /// The line with its end.
    pub(super) fn render(&self, look: &Look) -> String {
        let mut out = match look {
            Look::Json { node_id } => self.json(node_id),
            Look::Pretty { colours } => self.pretty(*colours),
        };
        out.push('\n');
        out
    }

    fn json(&self, node_id: &str) -> String {
        let level = self.level_name().to_ascii_lowercase();
        let mut out = String::with_capacity(256);
        out.push_str("{\"level\":");
        push_json(&mut out, &level.into());
        for (name, value) in [
            ("time", self.time.as_str()),
            ("msg", &self.fields.message),
            ("nodeID", node_id),
        ] {
            push_field(&mut out, name, &value.into());
        }
        for (name, value) in &self.fields.others {
            if OWN_FIELDS.contains(name) {
                push_field(&mut out, &format!("{name}_"), value);
            } else {
                push_field(&mut out, name, value);
            }
        }
        out.push('}');
        out
    }

    fn pretty(&self, colours: bool) -> String {
        let (dim, colour, reset) = if colours {
            ("\x1b[2m", self.colour(), "\x1b[0m")
        } else {
            ("", "", "")
        };
        let room = self
            .target
            .strip_prefix("ddp_streamer::")
            .unwrap_or(self.target);
        let room = if self.target == FATAL { "" } else { room };
        let colon = if room.is_empty() { "" } else { ": " };
        let mut out = format!(
            "{dim}{}{reset} {colour}{:>5}{reset} {dim}{room}{colon}{reset}",
            self.time,
            self.level_name()
        );
        push_plain(&mut out, &self.fields.message);
        for (name, value) in &self.fields.others {
            // Writing to a String cannot fail.
            let _ = write!(out, " {dim}{name}={reset}");
            push_plain(&mut out, &text(value));
        }
        out
    }

    fn level_name(&self) -> &'static str {
        if self.target == FATAL {
            "FATAL"
        } else {
            self.level.as_str()
        }
    }

    fn colour(&self) -> &'static str {
        match self.level {
            Level::ERROR => "\x1b[31m",
            Level::WARN => "\x1b[33m",
            Level::INFO => "\x1b[32m",
            _ => "\x1b[34m",
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn push_field(out: &mut String, name: &str, value: &Value) {
    out.push(',');
    push_json(out, &name.into());
    out.push(':');
    push_json(out, value);
}

fn push_json(out: &mut String, value: &Value) {
    out.push_str(&value.to_string());
}

/// Text on one line: what clients and the mesh send may hold anything, terminal commands too.
fn push_plain(out: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
}
