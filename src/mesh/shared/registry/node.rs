//! What is known of one node.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;

use super::info::{ActionInfo, ClientInfo, EventInfo, NodeInfo, ServiceInfo};
use crate::mesh::node_id::NodeId;
use crate::mesh::shared::pattern::Pattern;

/// What the balancer looks at: shared between the registry, which writes, and calls, which read.
#[derive(Debug)]
pub(crate) struct Vitals {
    pub(crate) id: NodeId,
    /// Which run of the node it is.
    pub(crate) instance: Arc<str>,
    pub(crate) local: bool,
    pub(crate) hostname: Option<String>,
    cpu: AtomicU32,
}

impl Vitals {
    pub(crate) fn new(
        id: NodeId,
        instance: Arc<str>,
        local: bool,
        hostname: Option<String>,
    ) -> Self {
        Self {
            id,
            instance,
            local,
            hostname,
            cpu: AtomicU32::new(f32::NAN.to_bits()),
        }
    }

    /// Percent, when a heartbeat told.
    pub(crate) fn cpu(&self) -> Option<f32> {
        let cpu = f32::from_bits(self.cpu.load(Relaxed));
        (!cpu.is_nan()).then_some(cpu)
    }

    pub(crate) fn set_cpu(&self, cpu: f32) {
        self.cpu.store(cpu.to_bits(), Relaxed);
    }
}

/// A node, here or gone less than [`forget_after`](crate::mesh::MeshConfig::forget_after) ago.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) available: bool,
    pub(crate) seq: u64,
    /// When it was last heard of.
    pub(crate) heard: Instant,
    /// The connection over which it last told of itself.
    pub(crate) told: u64,
    /// The one over which it was first met.
    pub(crate) met: u64,
    /// Another number each time that it came, came back or was started again.
    pub(crate) run: u64,
    pub(crate) offline_since: Option<Instant>,
    pub(crate) services: Vec<Service>,
    pub(crate) ip_list: Vec<String>,
    pub(crate) client: ClientInfo,
    pub(crate) config: Option<Box<RawValue>>,
    pub(crate) metadata: Option<Box<RawValue>>,
    /// Place in the order in which nodes were met: endpoints are taken in this order.
    pub(crate) rank: u64,
}

/// A service of a node.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) version: Option<Box<RawValue>>,
    pub(crate) settings: Option<Box<RawValue>>,
    pub(crate) metadata: Option<Box<RawValue>>,
    pub(crate) actions: Vec<Action>,
    pub(crate) events: Vec<EventEntry>,
}

/// An action and its definition.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) name: String,
    pub(crate) definition: Box<RawValue>,
}

/// An event that is listened to and its definition.
#[derive(Debug, Clone)]
pub(crate) struct EventEntry {
    pub(crate) pattern: Pattern,
    pub(crate) group: String,
    pub(crate) definition: Box<RawValue>,
}

impl Node {
    /// Whether this INFO is what it said before it left, no longer ago than `within`.
    pub(super) fn has_just_left(&self, info: &NodeInfo<'_>, within: Duration) -> bool {
        info.services.is_empty()
            && info.instance_id.as_deref().unwrap_or_default() == &**self.instance()
            && self
                .offline_since
                .is_some_and(|since| since.elapsed() < within)
    }

    pub(crate) fn from_info(id: NodeId, info: &NodeInfo<'_>, local: bool, rank: u64) -> Self {
        let owned = |raw: Option<&RawValue>| raw.map(ToOwned::to_owned);
        Self {
            vitals: Arc::new(Vitals::new(
                id,
                info.instance_id.as_deref().unwrap_or_default().into(),
                local,
                info.hostname.clone(),
            )),
            available: true,
            seq: info.seq.unwrap_or(1),
            heard: Instant::now(),
            told: 0,
            met: 0,
            run: 0,
            offline_since: None,
            services: info.services.iter().map(Service::from_info).collect(),
            ip_list: info.ip_list.clone(),
            client: info.client.clone(),
            config: owned(info.config),
            metadata: owned(info.metadata),
            rank,
        }
    }

    pub(crate) fn id(&self) -> &NodeId {
        &self.vitals.id
    }

    /// Which run of the node it is.
    pub(crate) fn instance(&self) -> &Arc<str> {
        &self.vitals.instance
    }

    /// The events that the node's service of this name listens to; `None` when it has no such service.
    pub(crate) fn events_of(&self, service: &str) -> Option<HashSet<String>> {
        let mut found = self
            .services
            .iter()
            .filter(|s| s.full_name == service)
            .peekable();
        found.peek()?;
        Some(
            found
                .flat_map(|s| s.events.iter().map(|e| e.pattern.text().to_owned()))
                .collect(),
        )
    }
}

impl Service {
    pub(crate) fn from_info(info: &ServiceInfo<'_>) -> Self {
        let owned = |raw: Option<&RawValue>| raw.map(ToOwned::to_owned);
        let actions = info.actions.iter().flatten().filter_map(|(key, raw)| {
            let action: ActionInfo = serde_json::from_str(raw.get()).unwrap_or_default();
            let hidden = action.protected
                || matches!(action.visibility.as_deref(), Some("protected" | "private"));
            (!hidden).then(|| Action {
                name: action.name.unwrap_or_else(|| key.clone().into_owned()),
                definition: (*raw).to_owned(),
            })
        });
        let events = info.events.iter().flatten().map(|(key, raw)| {
            let event: EventInfo = serde_json::from_str(raw.get()).unwrap_or_default();
            EventEntry {
                pattern: Pattern::new(event.name.as_deref().unwrap_or(key)),
                group: event
                    .group
                    .unwrap_or_else(|| info.name.clone().into_owned()),
                definition: (*raw).to_owned(),
            }
        });
        Self {
            name: info.name.clone().into_owned(),
            full_name: info.full_name(),
            version: owned(info.version).filter(|version| version.get() != "null"),
            settings: owned(info.settings),
            metadata: owned(info.metadata),
            actions: actions.collect(),
            events: events.collect(),
        }
    }
}
