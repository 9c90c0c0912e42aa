//! What the mesh broadcasts, and the stream events that it becomes (reference/events.md).
//!
//! One table holds a row for each event: its name and the function that translates it; a file a family. [`Events`] is
//! called by the mesh in the order in which NATS brought the events, looks one or two levels deep into the arguments
//! (which stay slices of the packet), and hands what comes out to the [`House`]: the streams, the published
//! collections. It never awaits: a translation that must ask somebody (a licence, the database) goes to the keyed
//! queue, where the events of one key keep their order and nobody else waits.
//!
//! What is not of the documented form ends there: a row answers `None`, the event is counted as ignored, and the next
//! one follows. Where the reference gives a value a form, that form is checked; where it leaves it open, the value
//! must be there.

mod apps;
mod args;
mod context;
mod house;
mod late;
mod live;
mod messages;
mod omnichannel;
mod presence;
mod rooms;
mod settings;
mod table;
mod users;
mod workspace;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use context::Events;
pub use house::House;
pub use late::Late;
pub use live::Live;

use crate::client::Directory;
use crate::ejson::Glance;
use crate::mesh::{Event, EventListener};
use crate::streams::{KeyedQueue, QueueLimits, Stream};
use crate::telemetry::metrics;
use args::Args;
use table::TABLE;

/// What an event without a row is counted as.
const UNKNOWN: &str = "_OTHER";

/// Look-ups of events that may wait: a licence or a database that is away is asked with every change of an enterprise
/// setting or of a user's login tokens, and each gives up within a minute.
const LOOKUPS: QueueLimits = QueueLimits {
    name: "events",
    jobs: 10_000,
    jobs_of_key: 1_000,
    bytes: 16 * 1024 * 1024,
};

impl Events {
    /// The table, over one house. `parse_messages` is false with `DISABLE_MESSAGE_PARSER=true`; look-ups run in `tracker`
    /// until `stop`.
    #[must_use]
    pub fn new(
        house: Arc<dyn House>,
        directory: Arc<Directory>,
        parse_messages: bool,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            house,
            directory,
            queue: KeyedQueue::new(LOOKUPS, tracker.clone(), stop.clone()),
            parse_messages,
            rows: TABLE.iter().copied().collect(),
            now_ms: system_now_ms,
            new_id: random_id,
        }
    }

    /// The names of all events, as INFO lists them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|(name, _)| *name)
    }

    /// What waits for look-ups.
    #[must_use]
    pub fn queue(&self) -> &KeyedQueue {
        &self.queue
    }

    /// Translates one event; says whether it was of the documented form and somebody was to hear of it.
    fn translate(&self, name: &str, data: &RawValue) -> bool {
        let Some((name, handle)) = self.rows.get_key_value(name) else {
            // Not one that INFO lists: nobody should have sent it.
            metrics::mesh_event(UNKNOWN);
            metrics::mesh_event_ignored(UNKNOWN);
            return false;
        };
        metrics::mesh_event(name);
        let became = Args::of(data)
            .and_then(|args| handle(self, &args))
            .is_some();
        if !became {
            metrics::mesh_event_ignored(name);
        }
        became
    }
}

impl EventListener for Events {
    fn event(&self, event: &Event<'_>) {
        if !self.translate(&event.name, event.data) {
            tracing::trace!(
                event = &*event.name,
                sender = event.sender,
                "an event became nothing"
            );
        }
    }

    fn passes_over(&self, name: &str, json: Glance<'_>) -> bool {
        let unheard = name == messages::CHANGED && messages::is_unheard(self, json);
        if unheard {
            metrics::mesh_event(messages::CHANGED);
            metrics::stream_event(Stream::RoomMessages.name(), 0, 0);
        }
        unheard
    }
}

/// Milliseconds since 1970, as EJSON writes dates.
fn system_now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}

/// An id as Meteor makes them: 17 letters and figures that are not mistaken for one another.
fn random_id() -> String {
    const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz";
    (0..17)
        .map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]))
        .collect()
}
