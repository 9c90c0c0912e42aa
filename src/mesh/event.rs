//! Events as the listener sees them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::ejson::Glance;

/// One event, borrowed from its packet.
#[derive(Debug)]
pub struct Event<'a> {
    /// Such as `watch.messages`.
    pub name: Cow<'a, str>,
    /// The JSON array of the listener's arguments. Not checked to be an array: a foreign node may send anything.
    pub data: &'a RawValue,
    /// The node that sent it; the own one for what happens here; empty with the plain broker, which does not tell.
    pub sender: &'a str,
    /// What travels beside the arguments: `optl`, the trace context.
    pub meta: Option<&'a RawValue>,
    /// To all listeners, not to one of a group.
    pub broadcast: bool,
}

/// Who is told of events.
///
/// Called by one task, in the order in which NATS brought them; it must not block. As in Moleculer, an own broadcast
/// reaches the own listener too when a service of the own node lists that event, and `$node.connected`,
/// `$node.updated` and `$node.disconnected` tell of the registry (`data` is `[{"node":{…},…}]`).
pub trait EventListener: Send + Sync {
    /// An event came.
    fn event(&self, event: &Event<'_>);

    /// Whether an event without a sender's trace is passed over, and counted so far: asked when its turn has come, with
    /// the JSON that has its arguments in it somewhere, and that nobody has read. Only what nobody can hear of may be.
    fn passes_over(&self, _name: &str, _json: Glance<'_>) -> bool {
        false
    }
}

/// Nobody listens.
impl EventListener for () {
    fn event(&self, _event: &Event<'_>) {}
}

impl<F: Fn(&Event<'_>) + Send + Sync> EventListener for F {
    fn event(&self, event: &Event<'_>) {
        self(event);
    }
}
