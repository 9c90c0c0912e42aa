//! Events on their way to the listener: one queue, one task.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::base::Base;
use super::event::Event;
use super::handle::Broker;
use super::packet::PacketKind;
use crate::telemetry::metrics;

/// Events that are dispatched before others of the runtime get a turn.
const BATCH: usize = 64;

/// What waits for the dispatcher.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A Moleculer packet, and when it came, if somebody counts.
    Packet(Bytes, Option<Instant>),
    /// A payload of the plain broker, which is the arguments; the name was in its subject.
    Named {
        name: String,
        payload: Bytes,
        arrived: Option<Instant>,
    },
    /// An event of this node.
    Local {
        name: String,
        args: String,
        meta: Option<String>,
        broadcast: bool,
    },
}

/// The only task that calls the listener.
pub(super) async fn run(broker: Broker, token: CancellationToken) {
    let inbox = &broker.base().inbox;
    loop {
        let mut next = tokio::select! {
            biased;
            () = token.cancelled() => return,
            next = inbox.pop() => Some(next),
        };
        let mut left = BATCH;
        while let Some(incoming) = next {
            broker.deliver(incoming);
            left -= 1;
            next = if left > 0 { inbox.try_pop() } else { None };
        }
        tokio::task::yield_now().await;
    }
}

impl Broker {
    fn deliver(&self, incoming: Incoming) {
        match (self, incoming) {
            (Self::Moleculer(node), Incoming::Packet(payload, arrived)) => {
                metrics::handling(arrived, || node.deliver_packet(payload));
            }
            (Self::Plain(_), Incoming::Packet(..)) => {}
            (
                _,
                Incoming::Named {
                    name,
                    payload,
                    arrived,
                },
            ) => metrics::handling(arrived, || self.base().deliver_named(name, &payload)),
            (
                _,
                Incoming::Local {
                    name,
                    args,
                    meta,
                    broadcast,
                },
            ) => self
                .base()
                .deliver_local(name, &args, meta.as_deref(), broadcast),
        }
    }
}

impl Base {
    /// Queues an event for the dispatcher; over the bound it is lost, and counted.
    pub(super) fn take_in(&self, incoming: Incoming, bytes: usize) {
        if self.inbox.push(incoming, bytes).is_err() {
            self.stats.events_lost_in.add(1);
            self.limits.lost_in.log(|left_out| {
                tracing::error!(
                    left_out,
                    "events are lost: their queue is full, this process does not keep up"
                );
            });
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

    fn deliver_named(&self, name: String, payload: &[u8]) {
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

    pub(super) fn malformed(&self, kind: PacketKind, error: &dyn std::fmt::Display) {
        self.stats.malformed.add(1);
        self.limits.malformed.log(|left_out| {
            tracing::warn!(packet = kind.name(), %error, left_out, "a packet that cannot be read was dropped");
        });
    }

    /// A bug in the listener costs one event, not all later ones.
    pub(super) fn tell(&self, event: &Event<'_>) {
        if catch_unwind(AssertUnwindSafe(|| self.listener.event(event))).is_err() {
            self.stats.panics.add(1);
            self.limits.panics.log(|left_out| {
                tracing::error!(event = %event.name, left_out, "the event listener panicked");
            });
        }
    }
}
