//! A packet as a line of the file.

use std::fmt::Write as _;

use super::redaction::{Redaction, Unreadable};
use crate::ejson::quoted;
use crate::mesh::{Body, Packet, PacketKind, RemoteError};

/// What a line tells of: its `kind`.
pub(super) fn kind(packet: &Packet<'_>) -> &'static str {
    match &packet.body {
        Body::Event { .. } => "event",
        Body::Request { .. } => "request",
        Body::Response { .. } => "response",
        Body::Info { .. } => "info",
        Body::Heartbeat(_) => "heartbeat",
        Body::Bare(kind) => match kind {
            PacketKind::Discover => "discover",
            PacketKind::Disconnect => "disconnect",
            PacketKind::Ping => "ping",
            PacketKind::Pong => "pong",
            _ => "other",
        },
    }
}

/// Writes the line of a packet, its end included.
pub(super) fn write(
    at: u64,
    packet: &Packet<'_>,
    redaction: &mut Redaction,
    out: &mut String,
) -> Result<(), Unreadable> {
    let sender = redaction.pseudonyms.node(&packet.sender);
    let target = packet
        .target
        .map(|target| redaction.pseudonyms.node(target));
    out.push_str(&opened(at, kind(packet)));
    let mut fields = Fields(out);
    if !sender.is_empty() {
        fields.text("from", &sender);
    }
    // Of a broadcast it is the first of many, and says nothing.
    let broadcast = matches!(
        packet.body,
        Body::Event {
            broadcast: true,
            ..
        }
    );
    if let Some(target) = target.filter(|_| !broadcast) {
        fields.text("to", &target);
    }
    body(&packet.body, redaction, fields)?;
    out.push_str("}\n");
    Ok(())
}

fn body(body: &Body<'_>, redaction: &Redaction, mut fields: Fields<'_>) -> Result<(), Unreadable> {
    match body {
        Body::Event {
            name,
            data,
            broadcast,
        } => {
            fields.text("name", &redaction.name(name));
            fields.raw("broadcast", &broadcast.to_string());
            redaction.write(data, fields.value("data"))
        }
        Body::Request { id, action, params } => {
            if !id.is_empty() {
                fields.text("id", &redaction.pseudonyms.of(id));
            }
            fields.text("name", &redaction.name(action));
            redaction.write(params, fields.value("data"))
        }
        Body::Response { id, result } => {
            fields.text("id", &redaction.pseudonyms.of(id));
            fields.raw("ok", &result.is_ok().to_string());
            match result {
                // Nothing returned is no value, and no field.
                Ok(None) => Ok(()),
                Ok(Some(data)) => redaction.write(data, fields.value("data")),
                Err(error) => {
                    fields.raw("error", &failure(error, redaction));
                    Ok(())
                }
            }
        }
        Body::Info { client, services } => {
            let words = client.split(' ').map(|word| redaction.name(word));
            fields.text("client", &words.collect::<Vec<_>>().join(" "));
            let list = |names: &[String]| {
                let names = names.iter().map(|name| redaction.name(name));
                serde_json::json!(names.collect::<Vec<_>>())
            };
            let services = services.iter().map(|service| {
                serde_json::json!({
                    "name": redaction.name(&service.name),
                    "events": list(&service.events),
                    "actions": list(&service.actions),
                })
            });
            let services = serde_json::Value::Array(services.collect());
            fields.raw("services", &services.to_string());
            Ok(())
        }
        Body::Heartbeat(cpu) => {
            if let Some(cpu) = cpu.filter(|cpu| cpu.is_finite()) {
                fields.raw("cpu", &cpu.to_string());
            }
            Ok(())
        }
        Body::Bare(_) => Ok(()),
    }
}

/// What is known of an error without its text.
fn failure(error: &RemoteError, redaction: &Redaction) -> String {
    let mut object = serde_json::Map::new();
    let mut told = |field: &str, text: Option<String>| {
        if let Some(text) = text.and_then(|text| redaction.code(&text)) {
            object.insert(field.to_owned(), text.into());
        }
    };
    told("name", Some(error.name.clone()));
    told("type", error.type_.clone());
    told("code", error.code.as_ref().map(ToString::to_string));
    let ending = error.message.strip_suffix(']');
    let ending = ending.and_then(|text| text.rsplit_once('['));
    let error_code = error.error.as_ref().map(ToString::to_string);
    told(
        "error",
        error_code.or(ending.map(|(_, code)| code.to_owned())),
    );
    serde_json::Value::Object(object).to_string()
}

/// The start of every line.
pub(super) fn opened(at: u64, kind: &str) -> String {
    format!("{{\"at\":{at},\"kind\":\"{kind}\"")
}

/// A line that says nothing but this.
pub(super) fn bare(at: u64, kind: &str) -> String {
    opened(at, kind) + "}\n"
}

/// The rest of an object that has fields already.
struct Fields<'o>(&'o mut String);

impl Fields<'_> {
    fn text(&mut self, name: &str, text: &str) {
        self.raw(name, &quoted(text));
    }

    fn raw(&mut self, name: &str, json: &str) {
        let _in_memory = write!(self.0, ",\"{name}\":{json}");
    }

    /// The place of a value that is written there.
    fn value(&mut self, name: &str) -> &mut String {
        let _in_memory = write!(self.0, ",\"{name}\":");
        self.0
    }
}
