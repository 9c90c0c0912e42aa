//! Events on their way to the listener: one queue, one task.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::incoming::Incoming;
use super::local_node::LocalNode;
use super::protocol::Protocol;
use crate::mesh::event::Event;
use crate::mesh::packet_kind::PacketKind;
use crate::telemetry::work;

/// Events that are dispatched before others of the runtime get a turn.
const BATCH: usize = 64;

/// The only task that calls the listener.
pub(crate) async fn run<P: Protocol>(node: Arc<P>, token: CancellationToken) {
    let inbox = &node.inbox;
    loop {
        let mut next = tokio::select! {
            biased;
            () = token.cancelled() => return,
            next = inbox.pop() => Some(next),
            // Last: what was not lost has been told.
            () = node.stats.lost.notified() => {
                node.losses.send_modify(|losses| *losses += 1);
                None
            }
        };
        let mut left = BATCH;
        while let Some(incoming) = next {
            deliver(&*node, incoming);
            left -= 1;
            next = if left > 0 { inbox.try_pop() } else { None };
        }
        tokio::task::yield_now().await;
    }
}

fn deliver<P: Protocol>(node: &P, incoming: Incoming) {
    match incoming {
        Incoming::Received(received) => {
            work::handling(received.arrived, || node.deliver(received));
        }
        Incoming::Local {
            name,
            args,
            meta,
            broadcast,
        } => node.deliver_local(name, &args, meta.as_deref(), broadcast),
    }
}

impl LocalNode {
    /// Queues an event for the dispatcher; over the bound it is lost, and counted.
    pub(crate) fn take_in(&self, incoming: Incoming, bytes: usize) {
        if self.inbox.push(incoming, bytes).is_err() {
            self.stats.events_lost_in.add(1);
            self.stats.lost.notify_one();
            self.limits.lost_in.log(|left_out| {
                tracing::error!(
                    left_out,
                    "events are lost: their queue is full, this process does not keep up"
                );
            });
        }
    }

    /// Events of this node go through the same queue: the listener is called by one task only.
    pub(crate) fn tell_later(&self, event: &str, args: &str, meta: Option<&str>, broadcast: bool) {
        let bytes = event.len() + args.len();
        let incoming = Incoming::Local {
            name: event.to_owned(),
            args: args.to_owned(),
            meta: meta.map(str::to_owned),
            broadcast,
        };
        self.take_in(incoming, bytes);
    }

    fn deliver_local(&self, name: String, args: &str, meta: Option<&str>, broadcast: bool) {
        let Ok(data) = serde_json::from_str::<&RawValue>(args) else {
            return;
        };
        self.tell(&Event {
            name: Cow::Owned(name),
            data,
            sender: self.config.node_id.as_str(),
            meta: meta.and_then(|meta| serde_json::from_str::<&RawValue>(meta).ok()),
            broadcast,
        });
    }

    pub(crate) fn malformed(&self, kind: PacketKind, error: &dyn std::fmt::Display) {
        self.stats.malformed.add(1);
        self.limits.malformed.log(|left_out| {
            tracing::warn!(packet = kind.name(), %error, left_out, "a packet that cannot be read was dropped");
        });
    }

    /// A bug in the listener costs one event, not all later ones.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        if catch_unwind(AssertUnwindSafe(|| self.listener.event(event))).is_err() {
            self.stats.panics.add(1);
            self.limits.panics.log(|left_out| {
                tracing::error!(event = %event.name, left_out, "the event listener panicked");
            });
        }
    }
}
