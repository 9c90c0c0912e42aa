//! The streams themselves: who listens, under which rules, and what waits.

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::catalog::Stream;
use super::delivery::queue::{KeyedQueue, QueueLimits};
use super::delivery::relay::Relay;
use super::listening::doubts::Doubts;
use super::listening::hub::{Channel, Hub};
use super::listening::presence::Presence;
use super::listening::rooms::{self, RoomSets};
use super::rules::Rules;
use super::visibility::Visibility;
use crate::client::{Client, Directory, Publication};
use crate::services::{Release, Services};
use crate::store::{Settings, Store};

/// Rooms for `rooms-changed` that wait to be read, and what waits behind them.
const LOOK_UPS: QueueLimits = QueueLimits {
    name: "streams",
    ..MESSAGES
};
/// Messages for `__my_messages__`, which wait to be asked for: a queue of their own, since there are many while the core is
/// slow. A message has a kilobyte: this is what a busy workspace (1,000 a second) brings in the time in which it answers.
const MESSAGES: QueueLimits = QueueLimits {
    name: "my-messages",
    jobs: 20_000,
    jobs_of_key: 1_000,
    bytes: 32 * 1024 * 1024,
};

/// What the streams are made of.
pub struct StreamsSeed {
    /// Who listens: made with [`CHANNELS`](super::CHANNELS) channels.
    pub hub: Arc<Hub>,
    /// Who is there.
    pub directory: Arc<Directory>,
    /// The core's services.
    pub services: Services,
    /// The database.
    pub store: Store,
    /// The local copy of its settings; whoever hears `watch.settings` keeps it fresh.
    pub settings: Settings,
    /// Where tasks are tracked.
    pub tracker: TaskTracker,
    /// Ends them.
    pub cancel: CancellationToken,
    /// An id of this process, by which it knows its own events.
    pub origin: String,
}

/// All streams.
pub struct Streams {
    pub(super) me: Weak<Self>,
    pub(super) hub: Arc<Hub>,
    pub(super) directory: Arc<Directory>,
    pub(super) services: Services,
    pub(super) rules: Arc<Rules>,
    pub(super) relay: Relay,
    pub(super) presence: Presence,
    pub(super) visibility: Visibility,
    pub(super) rooms: Arc<RoomSets>,
    pub(super) queue: KeyedQueue,
    pub(super) messages: KeyedQueue,
    /// Held by whoever writes more to the members of a room than the mesh takes at once.
    pub(super) relaying: Arc<Semaphore>,
    pub(super) doubts: Doubts,
    pub(super) tracker: TaskTracker,
    pub(super) cancel: CancellationToken,
    /// The release by whose rules the publications were granted.
    pub(super) release: Mutex<Release>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("topics", &self.hub.topics())
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl Streams {
    /// Streams that nobody listens to yet.
    #[must_use]
    pub fn new(seed: StreamsSeed) -> Arc<Self> {
        let release = Mutex::new(seed.services.mesh().release());
        let rules = Rules::new(seed.services.clone(), seed.store, seed.settings);
        let visibility = Visibility::new(seed.services.clone(), rules.clone());
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            hub: seed.hub,
            directory: seed.directory,
            services: seed.services,
            rules,
            relay: Relay::new(&seed.origin),
            presence: Presence::default(),
            visibility,
            rooms: Arc::default(),
            queue: KeyedQueue::new(LOOK_UPS, seed.tracker.clone(), seed.cancel.clone()),
            messages: KeyedQueue::new(MESSAGES, seed.tracker.clone(), seed.cancel.clone()),
            relaying: Arc::new(Semaphore::new(1)),
            doubts: Doubts::default(),
            tracker: seed.tracker,
            cancel: seed.cancel,
            release,
        })
    }

    /// Who listens.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// What waits for look-ups.
    #[must_use]
    pub fn queues(&self) -> [&KeyedQueue; 2] {
        [&self.queue, &self.messages]
    }

    /// A publication ends: `nosub` is sent when it was active. Says whether it was.
    pub fn unsubscribe(&self, client: &Arc<Client>, id: &str) -> bool {
        let ended = self.hub.end(client, |publication| publication.id() == id);
        self.ended(client, &ended);
        if ended.is_empty() {
            return false;
        }
        client.send(&crate::ddp::message::nosub(id, None));
        true
    }

    /// Teardown: nothing more is published to this client, and nothing of it is kept.
    pub fn leave(&self, client: &Client) {
        let ended = self.hub.leave(client);
        self.ended(client, &ended);
        self.presence.leave(client.id());
    }

    /// What hung on publications goes with them.
    pub(super) fn ended(&self, client: &Client, ended: &[Publication]) {
        for publication in ended {
            match Stream::of(Channel(publication.topic.stream)) {
                Some(Stream::UserPresence) => self.presence.ended(client.id(), publication.id()),
                Some(Stream::NotifyUser) => {
                    if let Some(user) = rooms::holder(&publication.topic.event_name) {
                        self.rooms.release(user);
                    }
                }
                _ => {}
            }
        }
    }
}
