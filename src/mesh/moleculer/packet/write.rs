//! Writing packets: keys in Moleculer's order, raw JSON put in as it is.

use serde_json::value::RawValue;

use super::error::write_error;
use super::protocol::PROTOCOL;
use crate::mesh::error::CallError;
use crate::mesh::node_id::NodeId;
use crate::mesh::shared::json::Writer;

/// The end of every packet.
fn sealed(mut out: Writer, sender: &NodeId) -> Vec<u8> {
    out.text("ver", PROTOCOL);
    out.text("sender", sender.as_str());
    out.close();
    out.finish()
}

fn packet(body: usize) -> Writer {
    let mut out = Writer::with_capacity(body + 384);
    out.open();
    out
}

/// DISCOVER, DISCONNECT.
pub(crate) fn bare(sender: &NodeId) -> Vec<u8> {
    sealed(packet(0), sender)
}

/// HEARTBEAT.
pub(crate) fn heartbeat(sender: &NodeId, cpu: u8) -> Vec<u8> {
    let mut out = packet(0);
    out.number("cpu", cpu.into());
    sealed(out, sender)
}

/// PING, with the time in milliseconds.
pub(crate) fn ping(sender: &NodeId, time: i64, id: &str) -> Vec<u8> {
    let mut out = packet(0);
    out.number("time", time);
    out.text("id", id);
    sealed(out, sender)
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
    sealed(out, sender)
}

/// INFO: the body is written by [`super::InfoPacket`].
pub(super) fn sealed_info(body: impl FnOnce(&mut Writer), sender: &NodeId) -> Vec<u8> {
    let mut out = packet(8 * 1024);
    body(&mut out);
    sealed(out, sender)
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
    sealed(out, sender)
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
    sealed(out, sender)
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
        out.list("groups", groups);
    }
    out.flag("broadcast", event.broadcast);
    out.raw("meta", event.meta);
    out.raw("level", "1");
    out.raw("tracing", "null");
    out.raw("parentID", "null");
    out.text("requestID", event.id);
    out.raw("caller", "null");
    out.raw("needAck", "null");
    sealed(out, sender)
}
