//! Calling: pick a node, publish REQ, wait for RES, with everything that can go wrong in between.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::node::MoleculerNode;
use super::optl;
use super::packet::{self, RequestOut};
use crate::mesh::call::Call;
use crate::mesh::error::CallError;
use crate::mesh::service::Answer;
use crate::mesh::shared::calls::{self, Attempt, UNREACHED_PAUSES};
use crate::mesh::shared::registry::{Index, Vitals};
use crate::telemetry::metrics;

impl MoleculerNode {
    /// See [`Mesh::call`](crate::mesh::Mesh::call).
    pub(crate) async fn call(&self, call: &Call<'_>) -> Answer {
        let retry = self.config.node.retry;
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
        let (_pass, timeout) = self.pass(call).await?;
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
        let mut ticket = self.pending.register(Some(target.id.clone()));
        call.goes_to(&target.id);
        let meta = optl::meta(call.meta, call.carried());
        let json = packet::request(
            &self.config.node_id,
            &RequestOut {
                id: ticket
                    .id
                    .hyphenated()
                    .encode_lower(&mut Uuid::encode_buffer()),
                action: call.action,
                params: call.params,
                meta: &meta,
                timeout_ms: i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX),
            },
        );
        // Whoever removes a node changes the index first and fails what is pending then: a call that was registered
        // in between sees the new index here.
        if self.registry.index().instance(&target.id) != Some(&target.instance) {
            return Attempt::Done(Err(CallError::NodeLost {
                action: call.action.to_owned(),
                node: Some(target.id.clone()),
            }));
        }
        if let Err(error) = self.publish_request(&target.id, json, ticket.id) {
            return Attempt::Done(Err(error.of_call(call.action)));
        }
        calls::outcome(&mut ticket, call.action, Some(&target.id), timeout).await
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
                deadline = self
                    .waits
                    .deadline(service, self.config.node.wait_for_services);
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
