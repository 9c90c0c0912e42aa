//! Being called.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::base::Base;
use super::error::CallError;
use super::moleculer::MoleculerNode;
use super::node_id::NodeId;
use super::node_service;
use super::packet::{self, Outcome, PacketKind, RequestPacket};
use super::publish::PublishError;
use super::remote_error::RemoteError;
use super::service::{Answer, Request};

impl MoleculerNode {
    /// A call from another node, or from this one by way of the mesh.
    pub(super) fn request(
        self: &Arc<Self>,
        sender: &NodeId,
        packet: &RequestPacket<'_>,
        tracker: &TaskTracker,
        alive: &CancellationToken,
    ) {
        if packet.stream == Some(true) || packet.seq.is_some_and(|seq| seq > 0) {
            // The first chunk is refused; those that follow belong to a call that is answered already.
            if packet.seq.unwrap_or(0) == 0 {
                let refused = RemoteError::internal("Chunked requests are not supported").into();
                self.answer(sender, &packet.id, packet.meta, Err(refused));
            }
            return;
        }
        let Ok(place) = Arc::clone(&self.requests).try_acquire_owned() else {
            let refused = CallError::QueueFull {
                action: packet.action.clone().into_owned(),
            };
            return self.answer(sender, &packet.id, packet.meta, Err(refused));
        };
        let request = Request {
            action: packet.action.clone().into_owned(),
            params: packet.params.unwrap_or(RawValue::NULL).to_owned(),
            meta: packet.meta.map(ToOwned::to_owned),
            sender: sender.clone(),
        };
        let (inner, sender, id) = (
            Arc::clone(self),
            sender.clone(),
            packet.id.clone().into_owned(),
        );
        let alive = alive.clone();
        tracker.spawn(async move {
            let meta = request.meta.clone();
            tokio::select! {
                biased;
                () = alive.cancelled() => {}
                answer = inner.run_action(request) => inner.answer(&sender, &id, meta.as_deref(), answer),
            }
            drop(place);
        });
    }

    /// Runs an action of this node.
    pub(super) async fn run_action(&self, request: Request) -> Answer {
        if request.action.starts_with("$node.") {
            return node_service::answer(self, &request.action, &request.params);
        }
        self.run_handler(request).await
    }
    fn answer(&self, to: &NodeId, id: &str, meta: Option<&RawValue>, answer: Answer) {
        let outcome = match &answer {
            Ok(data) => Outcome::Data(data.as_deref()),
            Err(error) => Outcome::Error(error),
        };
        let json = packet::response(&self.config.node_id, id, meta, &outcome);
        if let Err(PublishError::TooLarge { size, limit }) =
            self.publish(PacketKind::Response, Some(to), json)
        {
            tracing::warn!(
                size,
                limit,
                "an answer is too large for the NATS server; its caller gets an error instead"
            );
            let error = CallError::from(RemoteError {
                code: Some(super::remote_error::Code::Number(413)),
                ..RemoteError::internal("Response too large")
            });
            let json = packet::response(&self.config.node_id, id, None, &Outcome::Error(&error));
            let _ = self.publish(PacketKind::Response, Some(to), json);
        }
    }
}

impl Base {
    /// Runs the handler of an action of the own services.
    pub(super) async fn run_handler(&self, request: Request) -> Answer {
        let handler = self.services.load().handler(&request.action).cloned();
        let Some(handler) = handler else {
            return Err(CallError::ServiceNotFound {
                action: request.action,
                node: None,
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
