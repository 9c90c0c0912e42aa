//! Events: sent to everybody, and read when their turn comes.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::node::PlainNode;
use super::subject;
use crate::mesh::event::Event;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::outgoing::{Outgoing, PublishError};
use crate::telemetry::metrics;

impl PlainNode {
    /// To everybody who listens; with `own`, to the own listener too.
    pub(crate) fn broadcast(&self, event: &str, args: &str, meta: Option<&str>, own: bool) {
        metrics::mesh_broadcast(event);
        let published = match subject::event(event) {
            Some(subject) => {
                let args = Bytes::copy_from_slice(args.as_bytes());
                self.send(Outgoing::new(PacketKind::Event, subject, args))
            }
            None => Err(PublishError::Away),
        };
        if let Err(error) = published {
            self.event_lost(event, error);
        }
        if own && self.services.load().listens::<&str>(event, &[]) {
            self.tell_later(event, args, meta, true);
        }
    }

    /// Tells the listener.
    pub(super) fn deliver_args(&self, name: String, payload: &[u8]) {
        // Nothing at all is "no arguments".
        let args = if payload.is_empty() { b"[]" } else { payload };
        match serde_json::from_slice::<&RawValue>(args) {
            Ok(data) => self.tell(&Event {
                name: Cow::Owned(name),
                data,
                sender: "",
                meta: None,
                broadcast: true,
            }),
            Err(error) => self.malformed(PacketKind::Event, &error),
        }
    }
}
