//! Calling: publish the arguments, wait for the answer.

use std::time::Duration;

use bytes::Bytes;

use super::node::PlainNode;
use super::{headers, subject};
use crate::mesh::call::Call;
use crate::mesh::error::CallError;
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::service::Answer;
use crate::mesh::shared::calls::{self, Attempt, UNREACHED_PAUSES};
use crate::mesh::shared::outgoing::{Asks, Outgoing};

impl PlainNode {
    /// See [`Mesh::call`](crate::mesh::Mesh::call).
    pub(crate) async fn call(&self, call: &Call<'_>) -> Answer {
        let (_pass, timeout) = self.pass(call).await?;
        let own = |node: &NodeId| node.token() == self.config.node_id;
        let local =
            call.node.is_none_or(own) && self.services.load().handler(call.action).is_some();
        if local {
            // Boxed: rare, and large in every call's future otherwise.
            let own = self.call_local(call, timeout, |request| self.run_handler(request));
            return Box::pin(own).await;
        }
        let Some(subject) = subject::call(call.action, call.node) else {
            return Err(self.missing(call));
        };
        let mut pauses = UNREACHED_PAUSES.into_iter();
        loop {
            match self.call_once(call, subject.clone(), timeout).await {
                Attempt::Done(answer) => return answer,
                Attempt::Unreached => {}
            }
            // Whoever offered it may be gone, or not be known yet.
            self.instances.look_soon();
            match pauses.next() {
                Some(pause) if self.is_waited_for(call.action) => tokio::time::sleep(pause).await,
                _ => return Err(self.missing(call)),
            }
        }
    }

    async fn call_once(&self, call: &Call<'_>, subject: String, timeout: Duration) -> Attempt {
        let mut ticket = self.pending.register(call.node.cloned());
        let params = Bytes::copy_from_slice(call.params.as_bytes());
        let published = self.send(Outgoing {
            asks: Some(Asks::Call(ticket.id)),
            headers: call.carried().map(headers::write),
            ..Outgoing::new(PacketKind::Request, subject, params)
        });
        if let Err(error) = published {
            return Attempt::Done(Err(error.of_call(call.action)));
        }
        calls::outcome(&mut ticket, call.action, call.node, timeout).await
    }

    /// Nobody is there.
    fn missing(&self, call: &Call<'_>) -> CallError {
        let action = call.action.to_owned();
        match call.node.cloned() {
            Some(node) => CallError::NodeLost {
                action,
                node: Some(node),
            },
            None if self.registry.has_seen(service_of(call.action)) => {
                CallError::ServiceNotAvailable { action }
            }
            None => CallError::ServiceNotFound { action, node: None },
        }
    }

    fn is_waited_for(&self, action: &str) -> bool {
        let service = service_of(action);
        !self
            .config
            .never_wait_for
            .iter()
            .any(|name| name == service)
    }
}

fn service_of(action: &str) -> &str {
    action
        .rsplit_once('.')
        .map_or(action, |(service, _)| service)
}
