//! The instances of services that were met.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::mesh::node_id::NodeId;

/// See the module.
#[derive(Default)]
pub(super) struct Instances {
    pub(super) known: Mutex<Known>,
    /// Something came.
    pub(super) answered: Notify,
    /// A round is wanted.
    pub(super) wanted: Notify,
}

#[derive(Default)]
pub(super) struct Known {
    pub(super) instances: HashMap<String, Instance>,
    /// Nodes of which the registry does not know yet what is known here.
    pub(super) changed: HashSet<NodeId>,
    /// Version of what the registry was told.
    pub(super) seq: u64,
}

/// One run of one service.
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) node: NodeId,
    pub(super) heard: Instant,
    /// `None` until it was told.
    pub(super) actions: Option<Vec<String>>,
}

impl Instances {
    /// The next round is not to wait for its time.
    pub(super) fn look_soon(&self) {
        self.wanted.notify_one();
    }

    /// Nobody could be heard until now: silence counts from here.
    pub(super) fn give_time(&self) {
        let now = Instant::now();
        let mut known = self.known.lock();
        known
            .instances
            .values_mut()
            .for_each(|instance| instance.heard = now);
    }

    /// Instances not heard since then: their ids and names.
    pub(super) fn unheard(&self, since: Instant) -> Vec<(String, String)> {
        let known = self.known.lock();
        let unheard = known
            .instances
            .iter()
            .filter(|(_, instance)| instance.heard < since);
        unheard
            .map(|(id, instance)| (id.clone(), instance.name.clone()))
            .collect()
    }
}
