//! Writing packets: keys in Moleculer's order, raw JSON put in as it is.

use std::io::Write as _;

use serde_json::value::RawValue;

use super::PROTOCOL;
use crate::ejson;
use crate::mesh::error::CallError;
use crate::mesh::node_id::NodeId;
use crate::mesh::remote_error::RemoteError;

/// JSON objects, written without building a tree. Raw JSON that is put in must be valid: it comes from
/// [`RawValue`]s or from our own rooms.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
        }
    }

    pub(crate) fn open(&mut self) {
        self.out.push(b'{');
    }

    pub(crate) fn close(&mut self) {
        self.out.push(b'}');
    }

    /// A key is a word of ours: nothing in it needs an escape.
    pub(crate) fn key(&mut self, key: &'static str) {
        debug_assert_eq!(ejson::escaped_len(key.as_bytes()), key.len(), "{key}");
        if self.out.last().is_some_and(|last| *last != b'{') {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    pub(crate) fn text(&mut self, key: &'static str, value: &str) {
        self.key(key);
        ejson::write_text(&mut self.out, value);
    }

    pub(crate) fn number(&mut self, key: &'static str, value: i64) {
        self.key(key);
        // Writing to memory cannot fail.
        let _ = write!(self.out, "{value}");
    }

    pub(crate) fn flag(&mut self, key: &'static str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    pub(crate) fn raw(&mut self, key: &'static str, json: &str) {
        debug_assert!(
            serde_json::from_str::<&RawValue>(json).is_ok(),
            "{key} is not JSON: {json:.200}"
        );
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn sealed(mut self, sender: &NodeId) -> Vec<u8> {
        self.text("ver", PROTOCOL);
        self.text("sender", sender.as_str());
        self.close();
        self.out
    }
}

fn packet(body: usize) -> Writer {
    let mut out = Writer::with_capacity(body + 384);
    out.open();
    out
}

/// DISCOVER, DISCONNECT.
pub(crate) fn bare(sender: &NodeId) -> Vec<u8> {
    packet(0).sealed(sender)
}

/// HEARTBEAT.
pub(crate) fn heartbeat(sender: &NodeId, cpu: u8) -> Vec<u8> {
    let mut out = packet(0);
    out.number("cpu", cpu.into());
    out.sealed(sender)
}

/// PING, with the time in milliseconds.
pub(crate) fn ping(sender: &NodeId, time: i64, id: &str) -> Vec<u8> {
    let mut out = packet(0);
    out.number("time", time);
    out.text("id", id);
    out.sealed(sender)
}

/// PONG: time and id as they came.
pub(crate) fn pong(
    sender: &NodeId,
    time: Option<&RawValue>,
    id: Option<&RawValue>,
    arrived: i64,
) -> Vec<u8> {
    let mut out = packet(0);
    if let Some(time) = time {
        out.raw("time", time.get());
    }
    if let Some(id) = id {
        out.raw("id", id.get());
    }
    out.number("arrived", arrived);
    out.sealed(sender)
}

/// INFO: the body is written by [`super::InfoPacket`].
pub(super) fn sealed_info(body: impl FnOnce(&mut Writer), sender: &NodeId) -> Vec<u8> {
    let mut out = packet(8 * 1024);
    body(&mut out);
    out.sealed(sender)
}

/// What a REQ says.
pub(crate) struct RequestOut<'a> {
    pub(crate) id: &'a str,
    pub(crate) action: &'a str,
    /// JSON array of the callee's arguments.
    pub(crate) params: &'a str,
    /// JSON object; `{}` when there is nothing to say.
    pub(crate) meta: &'a str,
    pub(crate) timeout_ms: i64,
}

/// REQ: always a root call.
pub(crate) fn request(sender: &NodeId, call: &RequestOut<'_>) -> Vec<u8> {
    let mut out = packet(call.params.len() + call.meta.len() + call.action.len());
    out.text("id", call.id);
    out.text("action", call.action);
    out.raw("params", call.params);
    out.raw("meta", call.meta);
    out.number("timeout", call.timeout_ms);
    out.raw("level", "1");
    out.raw("tracing", "null");
    out.raw("parentID", "null");
    out.text("requestID", call.id);
    out.raw("caller", "null");
    out.flag("stream", false);
    out.sealed(sender)
}

/// What an answer says.
pub(crate) enum Outcome<'a> {
    /// `None`: nothing was returned.
    Data(Option<&'a RawValue>),
    Error(&'a CallError),
}

/// RES.
pub(crate) fn response(
    sender: &NodeId,
    id: &str,
    meta: Option<&RawValue>,
    outcome: &Outcome<'_>,
) -> Vec<u8> {
    let body = match outcome {
        Outcome::Data(Some(data)) => data.get().len(),
        _ => 512,
    };
    let mut out = packet(body);
    out.text("id", id);
    out.raw("meta", meta.map_or("{}", RawValue::get));
    match outcome {
        Outcome::Data(data) => {
            out.flag("success", true);
            if let Some(data) = data {
                out.raw("data", data.get());
            }
        }
        Outcome::Error(error) => {
            out.flag("success", false);
            out.raw("data", "null");
            out.key("error");
            write_error(error, sender, &mut out);
        }
    }
    out.sealed(sender)
}

fn write_error(error: &CallError, own: &NodeId, out: &mut Writer) {
    if let CallError::Remote(remote) = error {
        return remote.write(own, out);
    }
    let action = match error {
        CallError::ServiceNotFound { action, .. }
        | CallError::ServiceNotAvailable { action }
        | CallError::MeshAway { action }
        | CallError::Timeout { action, .. }
        | CallError::TooLarge { action, .. }
        | CallError::NodeLost { action, .. }
        | CallError::QueueFull { action }
        | CallError::BadAnswer { action, .. }
        | CallError::Cancelled { action } => action.as_str(),
        CallError::Remote(_) => "",
    };
    let mut data = Writer::default();
    data.open();
    data.text("action", action);
    data.text("nodeID", own.as_str());
    data.close();
    let data = String::from_utf8(data.finish())
        .ok()
        .and_then(|json| RawValue::from_string(json).ok());
    RemoteError {
        name: error.name().to_owned(),
        message: error.to_string(),
        code: Some(crate::mesh::remote_error::Code::Number(error.code())),
        type_: Some(error.type_().to_owned()),
        retryable: error.retryable(),
        data,
        ..RemoteError::default()
    }
    .write(own, out);
}

/// What an EVENT says.
pub(crate) struct EventOut<'a> {
    pub(crate) id: &'a str,
    pub(crate) event: &'a str,
    /// JSON array of the listener's arguments.
    pub(crate) args: &'a str,
    /// `None` for a broadcast to all groups.
    pub(crate) groups: Option<&'a [&'a str]>,
    pub(crate) broadcast: bool,
    pub(crate) meta: &'a str,
}

/// EVENT.
pub(crate) fn event(sender: &NodeId, event: &EventOut<'_>) -> Vec<u8> {
    let mut out = packet(event.args.len() + event.meta.len() + event.event.len());
    out.text("id", event.id);
    out.text("event", event.event);
    out.raw("data", event.args);
    if let Some(groups) = event.groups {
        out.key("groups");
        let _ = serde_json::to_writer(&mut out.out, groups);
    }
    out.flag("broadcast", event.broadcast);
    out.raw("meta", event.meta);
    out.raw("level", "1");
    out.raw("tracing", "null");
    out.raw("parentID", "null");
    out.text("requestID", event.id);
    out.raw("caller", "null");
    out.raw("needAck", "null");
    out.sealed(sender)
}
