//! A call, as it is asked for.

use std::time::Duration;

use parking_lot::Mutex;

use super::node_id::NodeId;
use crate::telemetry::traces::{Carried, Span};

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// `service.action`.
    pub action: &'a str,
    /// JSON array of the callee's arguments.
    pub params: &'a str,
    /// JSON object that travels beside them (`{"optl":{"traceparent":…}}`); `None`: `{}`.
    pub meta: Option<&'a str>,
    /// Repeating it does no harm: a check or a read. Only such calls are retried.
    pub repeatable: bool,
    /// `None`: [`request_timeout`](super::NodeSettings::request_timeout). For each attempt.
    pub timeout: Option<Duration>,
    /// This node and no other.
    pub node: Option<&'a NodeId>,
    /// Where it is traced.
    pub(crate) traced: Option<&'a Traced>,
}

/// What a call that is traced carries, and where it went. Dropped before [`Traced::end`], it was cancelled.
#[derive(Debug)]
pub(crate) struct Traced {
    /// The context of its span; `None` while contexts are not sent.
    carried: Option<Carried>,
    /// The node that was asked last. Told once, in the end: a span keeps everything that it is told.
    node: Mutex<Option<NodeId>>,
    /// Where somebody is to read it.
    span: Option<Span>,
}

impl Traced {
    pub(super) fn new(span: Span) -> Self {
        Self {
            carried: span.carried(),
            node: Mutex::default(),
            span: span.is_recorded().then_some(span),
        }
    }

    /// It was answered, or failed in this way.
    pub(super) fn end(mut self, error: Option<&str>) {
        if let Some(span) = self.whole() {
            span.end(error);
        }
    }

    fn whole(&mut self) -> Option<Span> {
        let mut span = self.span.take()?;
        if let Some(node) = self.node.get_mut() {
            span.set_node(node.as_str());
        }
        Some(span)
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        drop(self.whole());
    }
}

impl<'a> Call<'a> {
    /// A call to any node, not repeatable.
    pub fn new(action: &'a str, params: &'a str) -> Self {
        Self {
            action,
            params,
            meta: None,
            repeatable: false,
            timeout: None,
            node: None,
            traced: None,
        }
    }

    /// The context that goes along.
    pub(crate) fn carried(&self) -> Option<&'a Carried> {
        self.traced?.carried.as_ref()
    }

    /// It goes to this node.
    pub(crate) fn goes_to(&self, node: &NodeId) {
        if let Some(traced) = self.traced.filter(|traced| traced.span.is_some()) {
            *traced.node.lock() = Some(node.clone());
        }
    }

    /// Marks it as safe to repeat.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Another time-out than the configured one.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// A certain node.
    #[must_use]
    pub fn on(mut self, node: &'a NodeId) -> Self {
        self.node = Some(node);
        self
    }

    /// What travels beside the arguments.
    #[must_use]
    pub fn meta(mut self, meta: &'a str) -> Self {
        self.meta = Some(meta);
        self
    }
}
