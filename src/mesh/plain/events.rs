//! Sending events.

use bytes::Bytes;

use super::node::PlainNode;
use super::subject;
use crate::mesh::packet::PacketKind;
use crate::mesh::publish::{Outgoing, PublishError};
use crate::telemetry::metrics;

impl PlainNode {
    /// To everybody who listens; with `own`, to the own listener too.
    pub(in crate::mesh) fn broadcast(
        &self,
        event: &str,
        args: &str,
        meta: Option<&str>,
        own: bool,
    ) {
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
}
