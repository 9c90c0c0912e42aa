//! Events: from the queue to the listener, and from this node to the others.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::event::Event;
use super::handle::{Inner, Mesh};
use super::node_id::NodeId;
use super::packet::{self, EventOut, EventPacket, PacketKind, ReadError};
use super::publish::PublishError;
use crate::telemetry::metrics;

/// Events that are dispatched before others of the runtime get a turn.
const BATCH: usize = 64;

/// What waits for the dispatcher.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A payload from the wire, and when it came, if somebody counts.
    Wire(Bytes, Option<Instant>),
    /// An event of this node.
    Local {
        name: String,
        args: String,
        meta: Option<String>,
        broadcast: bool,
    },
}

/// The only task that calls the listener.
pub(super) async fn run(inner: Arc<Inner>, token: CancellationToken) {
    loop {
        let mut next = tokio::select! {
            biased;
            () = token.cancelled() => return,
            next = inner.inbox.pop() => Some(next),
        };
        let mut left = BATCH;
        while let Some(incoming) = next {
            inner.deliver(incoming);
            left -= 1;
            next = if left > 0 {
                inner.inbox.try_pop()
            } else {
                None
            };
        }
        tokio::task::yield_now().await;
    }
}

impl Mesh {
    /// Sends an event to every node that listens to it, and to the own listener when an own service lists it. `args`
    /// is the JSON array of the listeners' arguments. While the transport is away the event is lost, and counted.
    pub fn broadcast(&self, event: &str, args: &str) {
        self.0.broadcast(event, args, None, true);
    }

    /// The same, with what travels beside the arguments: a JSON object, `{"optl":{…}}`.
    pub fn broadcast_with_meta(&self, event: &str, args: &str, meta: &str) {
        self.0.broadcast(event, args, Some(meta), true);
    }

    /// The same, but never to the own listener: for what was acted upon here already.
    pub fn broadcast_to_others(&self, event: &str, args: &str) {
        self.0.broadcast(event, args, None, false);
    }

    /// Sends an event to one node of each group that listens to it.
    pub fn emit(&self, event: &str, args: &str) {
        self.0.emit(event, args);
    }
}

impl Inner {
    /// Queues an event for the dispatcher; over the bound it is lost, and counted.
    pub(super) fn take_in(&self, incoming: Incoming, bytes: usize) {
        if self.inbox.push(incoming, bytes).is_err() {
            self.stats.events_lost_in.add(1);
            if let Some(left_out) = self.limits.lost_in.pass() {
                tracing::error!(
                    left_out,
                    "events are lost: their queue is full, this process does not keep up"
                );
            }
        }
    }

    fn deliver(&self, incoming: Incoming) {
        match incoming {
            Incoming::Wire(payload, arrived) => {
                metrics::handling(arrived, || self.deliver_payload(payload));
            }
            Incoming::Local {
                name,
                args,
                meta,
                broadcast,
            } => {
                let Ok(data) = serde_json::from_str::<&RawValue>(&args) else {
                    return;
                };
                let meta = meta
                    .as_deref()
                    .and_then(|meta| serde_json::from_str::<&RawValue>(meta).ok());
                let sender = self.config.node_id.as_str();
                self.tell(&Event {
                    name: Cow::Owned(name),
                    data,
                    sender,
                    meta,
                    broadcast,
                });
            }
        }
    }

    fn deliver_payload(&self, payload: Bytes) {
        let json = match self.config.serializer.decode(PacketKind::Event, payload) {
            Ok(json) => json,
            Err(error) => return self.malformed(PacketKind::Event, &error),
        };
        let packet = match EventPacket::read(&json) {
            Ok(packet) => packet,
            Err(ReadError::Version(version)) => {
                return self.foreign_version(PacketKind::Event, &version);
            }
            Err(error) => return self.malformed(PacketKind::Event, &error),
        };
        let groups = packet.groups.as_deref().unwrap_or_default();
        if !self.services.load().listens(&packet.event, groups) {
            tracing::debug!(event = %packet.event, sender = %packet.sender, "nobody here listens to this event");
            return;
        }
        let nothing = RawValue::NULL;
        self.tell(&Event {
            data: packet.data.unwrap_or(nothing),
            name: packet.event,
            sender: &packet.sender,
            meta: packet.meta,
            broadcast: packet.broadcast.unwrap_or(false),
        });
    }

    /// A bug in the listener costs one event, not all later ones.
    fn tell(&self, event: &Event<'_>) {
        if catch_unwind(AssertUnwindSafe(|| self.listener.event(event))).is_err() {
            self.stats.panics.add(1);
            if let Some(left_out) = self.limits.panics.pass() {
                tracing::error!(event = %event.name, left_out, "the event listener panicked");
            }
        }
    }

    fn broadcast(&self, event: &str, args: &str, meta: Option<&str>, own: bool) {
        metrics::mesh_broadcast(event);
        let index = self.registry.index();
        let mut nodes: Vec<&NodeId> = Vec::new();
        let mut local = false;
        for list in index.listeners(event) {
            for node in &list.endpoints.nodes {
                if node.local {
                    local = true;
                } else if !nodes.contains(&&node.id) {
                    nodes.push(&node.id);
                }
            }
        }
        if !nodes.is_empty() {
            let id = Uuid::new_v4().to_string();
            let meta = meta.unwrap_or("{}");
            let out = EventOut {
                id: &id,
                event,
                args,
                groups: None,
                broadcast: true,
                meta,
            };
            match self
                .config
                .serializer
                .encode(PacketKind::Event, packet::event(&self.config.node_id, &out))
            {
                // The same bytes for all: only the subject differs.
                Ok(payload) => nodes
                    .iter()
                    .for_each(|node| self.send_event(event, node, payload.clone())),
                Err(error) => {
                    tracing::error!(event, %error, "an event cannot be written in the mesh's encoding")
                }
            }
        }
        if local && own {
            self.tell_later(event, args, meta, true);
        }
    }

    fn emit(&self, event: &str, args: &str) {
        let index = self.registry.index();
        let mut remote: Vec<(NodeId, Vec<&str>)> = Vec::new();
        let mut local = false;
        for list in index.listeners(event) {
            let Some(node) = self.balancer.pick(&list.group, &list.endpoints) else {
                continue;
            };
            if node.local {
                local = true;
            } else if let Some((_, groups)) = remote.iter_mut().find(|(id, _)| *id == node.id) {
                if !groups.contains(&list.group.as_str()) {
                    groups.push(&list.group);
                }
            } else {
                remote.push((node.id.clone(), vec![&list.group]));
            }
        }
        for (node, groups) in remote {
            let id = Uuid::new_v4().to_string();
            let out = EventOut {
                id: &id,
                event,
                args,
                groups: Some(&groups),
                broadcast: false,
                meta: "{}",
            };
            match self
                .config
                .serializer
                .encode(PacketKind::Event, packet::event(&self.config.node_id, &out))
            {
                Ok(payload) => self.send_event(event, &node, payload),
                Err(error) => {
                    tracing::error!(event, %error, "an event cannot be written in the mesh's encoding")
                }
            }
        }
        if local {
            self.tell_later(event, args, None, false);
        }
    }

    fn send_event(&self, event: &str, node: &NodeId, payload: Bytes) {
        let Err(error) = self.publish_payload(PacketKind::Event, Some(node), payload, None) else {
            return;
        };
        self.stats.events_lost_out.add(1);
        match error {
            PublishError::TooLarge { size, limit } => {
                if let Some(left_out) = self.limits.too_large.pass() {
                    tracing::error!(
                        event,
                        size,
                        limit,
                        left_out,
                        "an event is too large for the NATS server"
                    );
                }
            }
            PublishError::Away | PublishError::Full => {
                if let Some(left_out) = self.limits.lost_out.pass() {
                    tracing::warn!(
                        event,
                        left_out,
                        "events to the mesh are lost: it is away or does not take them"
                    );
                }
            }
        }
    }

    /// Events of this node go through the same queue: the listener is called by one task only.
    pub(super) fn tell_later(&self, event: &str, args: &str, meta: Option<&str>, broadcast: bool) {
        let bytes = event.len() + args.len();
        let incoming = Incoming::Local {
            name: event.to_owned(),
            args: args.to_owned(),
            meta: meta.map(str::to_owned),
            broadcast,
        };
        self.take_in(incoming, bytes);
    }
}
