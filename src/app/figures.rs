//! What metrics know of the rooms: names that are there from the start, and figures that are read when somebody scrapes.

use std::sync::Arc;

use crate::client::Directory;
use crate::events::Events;
use crate::mesh::{CallError, Mesh};
use crate::methods::{BROADCASTS, Methods, publications};
use crate::services::{ACTIONS, NEEDED};
use crate::streams::{KeyedQueue, RELAYED, Stream, Streams};
use crate::telemetry::metrics::{self, Known};

/// Where figures are from.
pub(super) struct Figures {
    pub(super) directory: Arc<Directory>,
    pub(super) mesh: Mesh,
    pub(super) streams: Arc<Streams>,
    pub(super) events: Arc<Events>,
    pub(super) methods: Arc<Methods>,
}

impl Figures {
    /// Every series that is sure to come is there from now on.
    pub(super) fn expect(&self) {
        let broadcasts: Vec<_> = BROADCASTS.iter().copied().chain([RELAYED]).collect();
        let events: Vec<_> = Events::names().collect();
        let streams: Vec<_> = Stream::all().map(Stream::name).collect();
        let publications = publications();
        let publications: Vec<_> = publications.iter().map(String::as_str).collect();
        let queues = self.queues().map(KeyedQueue::limits);
        let known = Known {
            actions: ACTIONS,
            call_errors: CallError::NAMES,
            broadcasts: &broadcasts,
            events: &events,
            streams: &streams,
            publications: &publications,
            queues: &queues.map(|limits| (limits.name, limits.jobs)),
        };
        metrics::expect(&known);
        let (inbox, outbox) = self.mesh.queue_limits();
        metrics::mesh_limits(inbox, outbox);
    }

    /// Reads what would cost too much to keep up to date all the time.
    pub(super) fn sample(&self) {
        metrics::queue_bytes(self.directory.unsent());
        metrics::topics(self.streams.hub().topics());
        let waiting = self.mesh.stats();
        metrics::mesh_waiting(
            waiting.queued_event_bytes,
            waiting.outbox_bytes,
            waiting.pending_calls,
        );
        for service in NEEDED {
            metrics::service_nodes(service, self.mesh.nodes_of(service).len());
        }
        for queue in self.queues() {
            metrics::lookups_waiting(queue.limits().name, queue.jobs());
        }
    }

    fn queues(&self) -> [&KeyedQueue; 4] {
        let [streams, messages] = self.streams.queues();
        [streams, messages, self.events.queue(), self.methods.queue()]
    }
}
