//! On the way out: checked against the server's bound, queued for the connection, now or never.

use std::sync::atomic::Ordering;

use super::local_node::LocalNode;
use super::outgoing::{Outgoing, PublishError};

impl LocalNode {
    /// Queues something for the connection. Nothing over the server's bound is ever published.
    pub(crate) fn send(&self, outgoing: Outgoing) -> Result<(), PublishError> {
        let size = outgoing.size();
        let limit = self.max_payload.load(Ordering::Relaxed);
        if size > limit {
            self.stats.too_large.add(1);
            return Err(PublishError::TooLarge { size, limit });
        }
        let cost = size + outgoing.subject.len();
        Ok(self.outbox.push(outgoing, cost)?)
    }

    /// An event was not sent, nor will be.
    pub(crate) fn event_lost(&self, event: &str, error: PublishError) {
        self.stats.events_lost_out.add(1);
        match error {
            PublishError::TooLarge { size, limit } => {
                self.limits.too_large.log(|left_out| {
                    tracing::error!(
                        event,
                        size,
                        limit,
                        left_out,
                        "an event is too large for the NATS server"
                    );
                });
            }
            PublishError::Away | PublishError::Full => {
                self.limits.lost_out.log(|left_out| {
                    tracing::warn!(
                        event,
                        left_out,
                        "events to the mesh are lost: it is away or does not take them"
                    );
                });
            }
        }
    }
}
