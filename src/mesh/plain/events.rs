//! Events: sent to everybody, and read when their turn comes.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::node::PlainNode;
use super::{headers, subject};
use crate::ejson::Glance;
use crate::mesh::event::Event;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::incoming::Received;
use crate::mesh::shared::outgoing::{Outgoing, PublishError};
use crate::telemetry::{metrics, work};

impl PlainNode {
    /// To everybody who listens; with `own`, to the own listener too.
    pub(crate) fn broadcast(&self, event: &str, args: &str, meta: Option<&str>, own: bool) {
        metrics::mesh_broadcast(event);
        self.publish_event(event, args, subject::event(event));
        if own && self.services.load().listens::<&str>(event, &[]) {
            self.tell_later(event, args, meta, true);
        }
    }

    /// To one node of each service that listens. NATS gives nothing back to the node that sent it: the own listener is told
    /// where no other node has the own service.
    pub(crate) fn emit(&self, event: &str, args: &str) {
        self.publish_event(event, args, subject::emit(event));
        let services = self.services.load();
        let index = self.registry.index();
        let alone = |service: &str| {
            let nodes = index.nodes_of(service);
            nodes.iter().all(|node| *node == self.config.node_id)
        };
        if services.groups(event).any(alone) {
            self.tell_later(event, args, None, false);
        }
    }

    fn publish_event(&self, event: &str, args: &str, subject: Option<String>) {
        let published = match subject {
            Some(subject) => {
                let args = Bytes::copy_from_slice(args.as_bytes());
                self.send(Outgoing {
                    headers: work::carried().as_ref().map(headers::write),
                    ..Outgoing::new(PacketKind::Event, subject, args)
                })
            }
            None => Err(PublishError::Away),
        };
        if let Err(error) = published {
            self.event_lost(event, error);
        }
    }

    /// Tells the listener.
    pub(super) fn deliver_args(&self, received: Received) {
        let (name, payload) = (&received.name, &received.payload);
        if received.sender.is_none()
            && Glance::at(payload).is_some_and(|glance| self.listener.passes_over(name, glance))
        {
            return;
        }
        work::named(&received.name, || received.sender.clone());
        let payload = &*received.payload;
        // Nothing at all is "no arguments".
        let args = if payload.is_empty() { b"[]" } else { payload };
        match serde_json::from_slice::<&RawValue>(args) {
            Ok(data) => self.tell(&Event {
                name: Cow::Owned(received.name),
                data,
                sender: "",
                meta: None,
                broadcast: received.broadcast,
            }),
            Err(error) => self.malformed(PacketKind::Event, &error),
        }
    }
}
