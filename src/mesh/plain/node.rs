//! The node that speaks with the plain broker, as its parts see it.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::sync::Notify;

use super::census::Census;
use super::micro::Micro;
use crate::mesh::base::Base;
use crate::mesh::config::MeshConfig;
use crate::mesh::event::EventListener;
use crate::mesh::packet::PacketKind;
use crate::mesh::publish::PublishError;
use crate::mesh::queue::ByteQueue;
use crate::mesh::service::{LocalServices, ServiceSpec};
use crate::mesh::transport::NatsTarget;

/// See the module.
pub(in crate::mesh) struct PlainNode {
    base: Base,
    pub(super) target: NatsTarget,
    pub(super) census: Census,
    /// The own services as NATS's service protocol shows them.
    pub(super) micro: ArcSwap<Vec<Micro>>,
    /// Other services are offered: the connection's subscriptions are no longer right.
    pub(super) renew: Notify,
    /// Open exactly while there is a connection.
    pub(in crate::mesh) outbox: ByteQueue<Outgoing>,
}

/// What waits for the connection.
#[derive(Debug)]
pub(in crate::mesh) struct Outgoing {
    /// What it counts as.
    pub(super) kind: PacketKind,
    pub(super) subject: String,
    pub(super) reply: Reply,
    pub(super) headers: Option<HeaderMap>,
    pub(super) payload: Bytes,
}

/// Where the answer goes, as the last token of a subject of this connection's inbox.
#[derive(Debug)]
pub(super) enum Reply {
    Nowhere,
    Inbox(String),
}

impl PlainNode {
    /// The node id becomes one token of a subject: that is the name under which others see this node.
    pub(in crate::mesh) fn new(
        mut config: MeshConfig,
        target: NatsTarget,
        services: &[ServiceSpec],
        listener: Arc<dyn EventListener>,
    ) -> Self {
        config.node_id = config.node_id.token();
        let node = Self {
            target,
            census: Census::default(),
            micro: ArcSwap::from_pointee(Micro::of(&config.node_id, services)),
            renew: Notify::new(),
            outbox: ByteQueue::new(config.outbox_bytes, false),
            base: Base::new(config, LocalServices::plain(services, 1), listener),
        };
        node.register_self();
        node
    }

    /// Offers other services from now on: over a new connection, since the subscriptions of one are made when it is.
    pub(in crate::mesh) fn set_services(&self, specs: &[ServiceSpec], seq: u64) {
        self.services
            .store(Arc::new(LocalServices::plain(specs, seq)));
        self.micro
            .store(Arc::new(Micro::of(&self.config.node_id, specs)));
        self.register_self();
        self.renew.notify_one();
    }

    /// Queues something for the connection.
    pub(super) fn publish(&self, outgoing: Outgoing) -> Result<(), PublishError> {
        let headers = outgoing.headers.as_ref().map_or(0, |headers| {
            // `name: value` and a line end each, after the line that says that these are headers.
            headers.iter().fold(16, |bytes, (name, values)| {
                let value = |value: &async_nats::HeaderValue| {
                    name.to_string().len() + value.as_str().len() + 4
                };
                bytes + values.iter().map(value).sum::<usize>()
            })
        });
        let size = outgoing.payload.len() + headers;
        self.check_size(size)?;
        let cost = size + outgoing.subject.len();
        Ok(self.outbox.push(outgoing, cost)?)
    }
}

impl Deref for PlainNode {
    type Target = Base;

    fn deref(&self) -> &Base {
        &self.base
    }
}
