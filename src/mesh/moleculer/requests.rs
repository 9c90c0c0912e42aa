//! Being called.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::node::MoleculerNode;
use super::node_service::answer::answer;
use super::optl;
use super::packet::{self, Outcome, RequestPacket};
use crate::mesh::error::CallError;
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::remote_error::{Code, RemoteError};
use crate::mesh::service::{Answer, Request};
use crate::mesh::shared::outgoing::PublishError;

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
            caller: packet.meta.and_then(optl::sender),
            sender: sender.clone(),
        };
        let (node, sender, id) = (
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
                answer = node.run_action(request) => node.answer(&sender, &id, meta.as_deref(), answer),
            }
            drop(place);
        });
    }

    /// Runs an action of this node.
    pub(super) async fn run_action(&self, request: Request) -> Answer {
        if request.action.starts_with("$node.") {
            return answer(self, &request.action, &request.params);
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
            self.limits.too_large.log(|left_out| {
                tracing::warn!(
                    size,
                    limit,
                    left_out,
                    "an answer is too large for the NATS server; its caller gets an error instead"
                );
            });
            let error = CallError::from(RemoteError {
                code: Some(Code::Number(413)),
                ..RemoteError::internal("Response too large")
            });
            let json = packet::response(&self.config.node_id, id, None, &Outcome::Error(&error));
            let _ = self.publish(PacketKind::Response, Some(to), json);
        }
    }
}
