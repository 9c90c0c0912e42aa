//! Calling: pick a node, publish REQ, wait for RES, with everything that can go wrong in between.

mod gates;
mod pending;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use uuid::Uuid;

pub(crate) use gates::{Gates, Pass};
pub(crate) use pending::{Pending, Reply};
pub(crate) use waits::Waits;

use super::base::Base;
use super::error::CallError;
use super::moleculer::MoleculerNode;
use super::node_id::NodeId;
use super::packet::{self, RequestOut};
use super::registry::{Index, Vitals};
use super::service::{Answer, Request};
use crate::telemetry::metrics::{self, CallOutcome};

/// A request that nobody took is sent again after these times, to whichever node has its turn then: it cannot have
/// been run, so any call may be. It bridges the two seconds that other nodes' clients take to come back after NATS did,
/// and the time until a node that died without a word is missed.
pub(super) const UNREACHED_PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// What came of one request.
pub(super) enum Attempt {
    Done(Answer),
    /// Nobody took it.
    Unreached,
}

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

impl Base {
    /// A place in the bulkhead, where there is one.
    pub(super) async fn pass(&self, call: &Call<'_>) -> Result<Option<Pass>, CallError> {
        let Some(gates) = &self.gates else {
            return Ok(None);
        };
        // Boxed: most deployments have none, and it is large in every call's future otherwise.
        let pass = Box::pin(gates.enter(call.action)).await;
        pass.map(Some).map_err(|_| CallError::QueueFull {
            action: call.action.to_owned(),
        })
    }

    /// A call that the own node answers.
    pub(super) async fn call_local<F: Future<Output = Answer>>(
        &self,
        call: &Call<'_>,
        timeout: Duration,
        run: impl FnOnce(Request) -> F,
    ) -> Answer {
        let own = || Some(self.config.node_id.clone());
        let action = call.action.to_owned();
        let Ok(params) = RawValue::from_string(call.params.to_owned()) else {
            return Err(CallError::BadAnswer {
                action,
                node: own(),
                reason: "the arguments are not JSON",
            });
        };
        let meta = call
            .meta
            .and_then(|meta| RawValue::from_string(meta.to_owned()).ok());
        let request = Request {
            action: action.clone(),
            params,
            meta,
            sender: self.config.node_id.clone(),
        };
        match tokio::time::timeout(timeout, run(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::Timeout {
                action,
                node: own(),
                after: timeout,
            }),
        }
    }
}

impl MoleculerNode {
    /// See [`Mesh::call`](super::Mesh::call).
    pub(super) async fn call(&self, call: &Call<'_>) -> Answer {
        let retry = self.config.retry;
        let mut repeated = 0;
        loop {
            let error = match self.call_once(call).await {
                Err(error) => error,
                result => return result,
            };
            if !(retry.enabled && call.repeatable && error.retryable() && repeated < retry.retries)
            {
                return Err(error);
            }
            let pause = retry.pause(repeated);
            tracing::debug!(action = call.action, %error, ?pause, "a call is tried again");
            metrics::mesh_call_retried(call.action);
            tokio::time::sleep(pause).await;
            repeated += 1;
        }
    }

    async fn call_once(&self, call: &Call<'_>) -> Answer {
        let _pass = self.pass(call).await?;
        let timeout = call.timeout.unwrap_or(self.config.request_timeout);
        let mut pauses = UNREACHED_PAUSES.into_iter();
        loop {
            let target = self.endpoint(call).await?;
            if target.local {
                // Boxed: rare, as above.
                let own = self.call_local(call, timeout, |request| self.run_action(request));
                return Box::pin(own).await;
            }
            match self.call_remote(call, &target, timeout).await {
                Attempt::Done(answer) => return answer,
                Attempt::Unreached => match pauses.next() {
                    Some(pause) => {
                        metrics::mesh_request_resent();
                        tokio::time::sleep(pause).await;
                    }
                    None => {
                        return Err(CallError::NodeLost {
                            action: call.action.to_owned(),
                            node: Some(target.id.clone()),
                        });
                    }
                },
            }
        }
    }

    async fn call_remote(&self, call: &Call<'_>, target: &Vitals, timeout: Duration) -> Attempt {
        let action = || call.action.to_owned();
        let node = || Some(target.id.clone());
        let mut ticket = self.pending.register(node());
        let json = packet::request(
            &self.config.node_id,
            &RequestOut {
                id: ticket
                    .id
                    .hyphenated()
                    .encode_lower(&mut Uuid::encode_buffer()),
                action: call.action,
                params: call.params,
                meta: call.meta.unwrap_or("{}"),
                timeout_ms: i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX),
            },
        );
        // Whoever removes a node changes the index first and fails what is pending then: a call that was registered
        // in between sees the new index here.
        if self.registry.index().instance(&target.id) != Some(&target.instance) {
            return Attempt::Done(Err(CallError::NodeLost {
                action: action(),
                node: node(),
            }));
        }
        if let Err(error) = self.publish_request(&target.id, json, ticket.id) {
            return Attempt::Done(Err(error.of_call(call.action)));
        }
        Attempt::Done(match tokio::time::timeout(timeout, ticket.reply()).await {
            Ok(Reply::Data(data)) => Ok(data),
            Ok(Reply::Error(error)) => Err(CallError::Remote(error)),
            Ok(Reply::Bad(reason)) => Err(CallError::BadAnswer {
                action: action(),
                node: node(),
                reason,
            }),
            Ok(Reply::Unreached) => return Attempt::Unreached,
            Ok(Reply::NodeLost) => Err(CallError::NodeLost {
                action: action(),
                node: node(),
            }),
            Ok(Reply::Away) => Err(CallError::MeshAway { action: action() }),
            Ok(Reply::Left) => Err(CallError::Cancelled { action: action() }),
            Err(_) => Err(CallError::Timeout {
                action: action(),
                node: node(),
                after: timeout,
            }),
        })
    }

    /// The node to call, waiting for the service if nobody offers it.
    async fn endpoint(&self, call: &Call<'_>) -> Result<Arc<Vitals>, CallError> {
        match self.pick(call, &self.registry.index()) {
            Some(picked) => Ok(picked),
            // Boxed: rare, and large in every call's future otherwise.
            None => Box::pin(self.wait_for_endpoint(call)).await,
        }
    }

    /// Whose turn it is among those that offer the action now.
    fn pick(&self, call: &Call<'_>, index: &Index) -> Option<Arc<Vitals>> {
        let endpoints = index.action(call.action)?;
        match call.node {
            Some(node) => endpoints.on(node.as_str()).cloned(),
            None => self.balancer.pick(call.action, endpoints),
        }
    }

    async fn wait_for_endpoint(&self, call: &Call<'_>) -> Result<Arc<Vitals>, CallError> {
        let action = || call.action.to_owned();
        let not_found = || CallError::ServiceNotFound {
            action: action(),
            node: call.node.cloned(),
        };
        let Some((service, _)) = call.action.rsplit_once('.') else {
            return Err(not_found());
        };
        let mut versions = self.registry.versions();
        let mut states = self.state.subscribe();
        let mut deadline = None;
        loop {
            versions.borrow_and_update();
            let index = self.registry.index();
            if let Some(picked) = self.pick(call, &index) {
                return Ok(picked);
            }
            if !index.nodes_of(service).is_empty() {
                // The service is there, this action is not, or not on this node: waiting would not help.
                return Err(not_found());
            }
            drop(index);
            if !self.is_up() {
                return Err(CallError::MeshAway { action: action() });
            }
            let missing = || match self.registry.has_seen(service) {
                true => CallError::ServiceNotAvailable { action: action() },
                false => not_found(),
            };
            if self
                .config
                .never_wait_for
                .iter()
                .any(|name| name == service)
            {
                return Err(missing());
            }
            if deadline.is_none() {
                deadline = self.waits.deadline(service, self.config.wait_for_services);
            }
            let Some(deadline) = deadline else {
                return Err(missing());
            };
            tokio::select! {
                _ = versions.changed() => {}
                _ = states.changed() => {}
                () = tokio::time::sleep_until(deadline) => {
                    if self.registry.index().nodes_of(service).is_empty() {
                        self.waits.failed(service);
                        return Err(missing());
                    }
                }
            }
        }
    }
}

/// Metrics of a call that is over.
pub(super) fn observe(call: &Call<'_>, result: &Answer, took: Duration) {
    let outcome = match result {
        Ok(_) => CallOutcome::Ok,
        // Meteor's errors have an `errorType`: the core was asked, and said no.
        Err(CallError::Remote(error)) if error.error_type.is_some() => CallOutcome::Refused,
        Err(CallError::Remote(_) | CallError::BadAnswer { .. }) => CallOutcome::Failed,
        Err(CallError::Timeout { .. }) => CallOutcome::TimedOut,
        Err(
            CallError::MeshAway { .. }
            | CallError::NodeLost { .. }
            | CallError::ServiceNotFound { .. }
            | CallError::ServiceNotAvailable { .. },
        ) => CallOutcome::Unavailable,
        Err(CallError::QueueFull { .. } | CallError::TooLarge { .. }) => CallOutcome::Overloaded,
        Err(CallError::Cancelled { .. }) => CallOutcome::Cancelled,
    };
    let error = result.as_ref().err().map(|error| match error {
        // Thrown by others, with any name: a label must not take it.
        CallError::Remote(_) => "RemoteError",
        other => other.name(),
    });
    metrics::mesh_call(call.action, outcome, error, took);
}
