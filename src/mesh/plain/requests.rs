//! Being called, and being asked what there is to call.

use std::sync::Arc;

use async_nats::Message;
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::node::PlainNode;
use super::{answer, headers, subject};
use crate::mesh::error::CallError;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::remote_error::RemoteError;
use crate::mesh::service::{Answer, Request};
use crate::mesh::shared::outgoing::{Outgoing, PublishError};

impl PlainNode {
    /// A call, or a question of NATS's service protocol.
    pub(super) fn asked(
        self: &Arc<Self>,
        message: Message,
        tracker: &TaskTracker,
        alive: &CancellationToken,
    ) {
        if let Some(question) = message.subject.strip_prefix("$SRV.") {
            let Some(reply) = &message.reply else { return };
            self.stats.received(PacketKind::Ping);
            for micro in self.micro.load().iter() {
                if let Some(told) = micro.tell(question) {
                    let _ =
                        self.respond(PacketKind::Pong, reply.to_string(), Ok(Bytes::from(told)));
                }
            }
            return;
        }
        let Some(action) = subject::called(&message.subject, &self.config.node_id) else {
            return;
        };
        self.stats.received(PacketKind::Request);
        let action = action.to_owned();
        let reply = message.reply.as_ref().map(ToString::to_string);
        let answer = |answer: Answer| self.answer(reply.clone(), answer);
        let Ok(place) = Arc::clone(&self.requests).try_acquire_owned() else {
            return answer(Err(CallError::QueueFull { action }));
        };
        // Nothing at all is "no arguments".
        let args: &[u8] = if message.payload.is_empty() {
            b"[]"
        } else {
            &message.payload
        };
        let params = match serde_json::from_slice::<&RawValue>(args) {
            Ok(params) => params.to_owned(),
            Err(error) => {
                self.malformed(PacketKind::Request, &error);
                return answer(Err(
                    RemoteError::internal("The arguments are not JSON").into()
                ));
            }
        };
        let request = Request {
            action,
            params,
            meta: None,
            caller: message.headers.as_ref().and_then(headers::sender),
            sender: self.config.node_id.clone(),
        };
        let (node, alive, subject) = (Arc::clone(self), alive.clone(), message.subject);
        tracker.spawn(async move {
            let started = Instant::now();
            if let Some(result) = alive.run_until_cancelled(node.run_handler(request)).await {
                for micro in node.micro.load().iter() {
                    micro.count(&subject, started.elapsed(), result.as_ref().err());
                }
                node.answer(reply, result);
            }
            drop(place);
        });
    }

    fn answer(&self, to: Option<String>, answer: Answer) {
        let Some(to) = to else { return };
        let outcome = match &answer {
            Ok(Some(data)) => Ok(Bytes::copy_from_slice(data.get().as_bytes())),
            Ok(None) => Ok(Bytes::new()),
            Err(error) => Err(error),
        };
        if let Err(PublishError::TooLarge { size, limit }) =
            self.respond(PacketKind::Response, to.clone(), outcome)
        {
            self.limits.too_large.log(|left_out| {
                tracing::warn!(
                    size,
                    limit,
                    left_out,
                    "an answer is too large for the NATS server; its caller gets an error instead"
                );
            });
            let error = CallError::from(RemoteError::internal("Response too large"));
            let _ = self.respond(PacketKind::Response, to, Err(&error));
        }
    }

    fn respond(
        &self,
        kind: PacketKind,
        to: String,
        outcome: Result<Bytes, &CallError>,
    ) -> Result<(), PublishError> {
        let (headers, payload) = match outcome {
            Ok(payload) => (None, payload),
            Err(error) => {
                let (headers, body) = answer::write(error);
                (Some(headers), body)
            }
        };
        self.send(Outgoing {
            headers,
            ..Outgoing::new(kind, to, payload)
        })
    }
}
