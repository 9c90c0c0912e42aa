//! Calling and being called, as far as it is the same with both brokers.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::value::RawValue;

use super::gates::{Full, Pass};
use super::local_node::LocalNode;
use super::pending::{Reply, Ticket};
use crate::mesh::call::Call;
use crate::mesh::error::CallError;
use crate::mesh::node_id::NodeId;
use crate::mesh::remote_error::RemoteError;
use crate::mesh::service::{Answer, Request};
use crate::telemetry::metrics::{self, CallOutcome};

/// A request that nobody took is sent again after these times, to whichever node has its turn then: it cannot have
/// been run, so any call may be. It bridges the two seconds that other nodes' clients take to come back after NATS did,
/// and the time until a node that died without a word is missed.
pub(crate) const UNREACHED_PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// What came of one request.
pub(crate) enum Attempt {
    Done(Answer),
    /// Nobody took it.
    Unreached,
}

impl LocalNode {
    /// A place in the bulkhead, where there is one, and the time that the call has left: waiting for the place counts.
    pub(crate) async fn pass(
        &self,
        call: &Call<'_>,
    ) -> Result<(Option<Pass>, Duration), CallError> {
        let timeout = call.timeout.unwrap_or(self.config.node.request_timeout);
        let Some(gates) = &self.gates else {
            return Ok((None, timeout));
        };
        let action = || call.action.to_owned();
        // Boxed: most deployments have none, and it is large in every call's future otherwise.
        match Box::pin(tokio::time::timeout(timeout, gates.enter(call.action))).await {
            Ok(Ok(pass)) if pass.waited < timeout => {
                let left = timeout - pass.waited;
                Ok((Some(pass), left))
            }
            Ok(Err(Full)) => Err(CallError::QueueFull { action: action() }),
            // The last moment brought a place, or nothing did.
            Ok(Ok(_)) | Err(_) => Err(CallError::Timeout {
                action: action(),
                node: call.node.cloned(),
                after: timeout,
            }),
        }
    }

    /// A call that the own node answers.
    pub(crate) async fn call_local<F: Future<Output = Answer>>(
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
            caller: None,
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

    /// Runs the handler of an action of the own services.
    pub(crate) async fn run_handler(&self, request: Request) -> Answer {
        let handler = self.services.load().handler(&request.action).cloned();
        let Some(handler) = handler else {
            return Err(CallError::ServiceNotFound {
                action: request.action,
                node: Some(self.config.node_id.clone()),
            });
        };
        let action = request.action.clone();
        // A caller must not wait for its time-out because of a bug here.
        match AssertUnwindSafe(async { handler(request).await })
            .catch_unwind()
            .await
        {
            Ok(answer) => answer,
            Err(_) => {
                self.stats.panics.add(1);
                self.limits.panics.log(|left_out| {
                    tracing::error!(action, left_out, "the handler of an action panicked");
                });
                Err(RemoteError::internal("Internal server error").into())
            }
        }
    }
}

/// Waits for what a request to this node, if it is a certain one, brings.
pub(crate) async fn outcome(
    ticket: &mut Ticket,
    action: &str,
    node: Option<&NodeId>,
    timeout: Duration,
) -> Attempt {
    let (action, node) = (|| action.to_owned(), || node.cloned());
    Attempt::Done(match tokio::time::timeout(timeout, ticket.reply()).await {
        Ok(Reply::Data(data)) => Ok(data),
        Ok(Reply::Error(error)) => Err(CallError::Remote(error)),
        Ok(Reply::Unreached) => return Attempt::Unreached,
        Ok(Reply::Bad(reason)) => Err(CallError::BadAnswer {
            action: action(),
            node: node(),
            reason,
        }),
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

/// Metrics of a call that is over.
pub(crate) fn observe(call: &Call<'_>, result: &Answer, took: Duration) {
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

/// What a call's span says of its failure: the code of what the core refused, else the name of Moleculer's class.
pub(crate) fn error_type(error: &CallError) -> Cow<'_, str> {
    match error {
        CallError::Remote(remote) => match &remote.code {
            Some(code) if remote.error_type.is_some() => code.to_string().into(),
            _ => "RemoteError".into(),
        },
        other => other.name().into(),
    }
}
