//! What is counted of the mesh itself: NATS, and who is there.

use super::installed::get as on;

/// What the node knows of the mesh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegistryCounts {
    /// Nodes known, this one included.
    pub nodes: usize,
    /// Nodes available.
    pub online: usize,
    /// Services.
    pub services: usize,
    /// Actions.
    pub actions: usize,
    /// Event subscriptions.
    pub events: usize,
}

/// The registry changed.
pub fn registry(counts: RegistryCounts) {
    if let Some(on) = on() {
        on.registry.nodes.set(counts.nodes as f64);
        on.registry.online.set(counts.online as f64);
        on.registry.services.set(counts.services as f64);
        on.registry.actions.set(counts.actions as f64);
        on.registry.events.set(counts.events as f64);
    }
}

/// So many nodes offer a service, as it is now.
pub fn service_nodes(service: &str, nodes: usize) {
    if let Some(on) = on() {
        on.service_nodes
            .with(service, |gauge| gauge.set(nodes as f64));
    }
}

/// NATS is connected, or no longer.
pub fn nats_connected(connected: bool) {
    if let Some(on) = on() {
        on.nats_connected.set(if connected { 1.0 } else { 0.0 });
    }
}

/// NATS was connected again.
pub fn nats_reconnected(count: u64) {
    if let Some(on) = on() {
        on.nats_reconnects.increment(count);
    }
}

/// NATS could not be connected.
pub fn nats_connect_failed(count: u64) {
    if let Some(on) = on() {
        on.nats_connect_failures.increment(count);
    }
}
