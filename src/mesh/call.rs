//! A call, as it is asked for.

use std::time::Duration;

use super::node_id::NodeId;

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
    /// `None`: [`request_timeout`](super::MeshConfig::request_timeout). For each attempt.
    pub timeout: Option<Duration>,
    /// This node and no other.
    pub node: Option<&'a NodeId>,
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
