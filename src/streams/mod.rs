//! Who listens to what, under which rules, and the fan-out.
//!
//! [`hub`] knows who listens and pushes frames; [`catalog`] is the table of all streams; `rules` says who may read and
//! write, with what was asked before (`reuse`) for as long as nothing changed under it (`ground`). [`Streams`] is the
//! room as others see it:
//!
//! - a session's requests: [`Streams::subscribe`], [`Streams::unsubscribe`], [`Streams::write`], [`Streams::recheck`]
//!   after a login as somebody else, [`Streams::leave`] at its end;
//! - what the mesh tells: [`Streams::publish`], [`Streams::relayed`], [`Streams::message`],
//!   [`Streams::presence_changed`], [`Streams::status_changed`], and what changed underneath: [`Streams::subscription_changed`],
//!   [`Streams::room_changed`], …
//!
//! What the mesh tells never waits here. What needs a look-up first goes through a [`KeyedQueue`].
//!
//! **Nothing is granted on stale ground.** A publication is made under its client's lock, after a last look at the
//! ground; an event first counts up the ground and then ends publications. So it either makes the last look fail, or
//! finds the publication.

pub mod catalog;
pub mod hub;

mod changes;
mod ground;
mod messages;
mod params;
mod presence;
mod publish;
mod queue;
mod recheck;
mod relation;
mod relay;
mod reuse;
mod rooms;
mod rules;
mod slack;
mod status;
mod subscribe;
#[cfg(test)]
mod tests;
mod visibility;
mod write;

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use catalog::{CHANNELS, CLIENT_VERSIONS, LOGIN_SERVICES, MY_MESSAGES, Stream};
pub use hub::{Channel, Delivered, Hub, Subscribed};
pub use queue::{KeyedQueue, QueueLimits};
pub use relay::EVENT as RELAYED;
pub use status::status_code;
pub use write::Written;

use crate::client::{Client, Directory, Publication};
use crate::services::{Release, Services};
use crate::store::{Settings, Store};
use presence::Presence;
use relay::Relay;
use rooms::RoomSets;
use rules::Rules;
use visibility::Visibility;

/// What waits for look-ups: messages for `__my_messages__` and rooms for `rooms-changed`. A message has a kilobyte: this
/// is what a busy workspace (1,000 a second) brings in the time in which a slow core answers.
const LOOK_UPS: QueueLimits = QueueLimits {
    name: "streams",
    jobs: 20_000,
    jobs_of_key: 1_000,
    bytes: 32 * 1024 * 1024,
};

/// What the streams are made of.
pub struct StreamsSeed {
    /// Who listens: made with [`CHANNELS`] channels.
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
    me: Weak<Self>,
    hub: Arc<Hub>,
    directory: Arc<Directory>,
    services: Services,
    rules: Arc<Rules>,
    relay: Relay,
    presence: Presence,
    visibility: Visibility,
    rooms: Arc<RoomSets>,
    queue: KeyedQueue,
    /// The release by whose rules the publications were granted.
    release: Mutex<Release>,
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
            queue: KeyedQueue::new(LOOK_UPS, seed.tracker, seed.cancel),
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
    pub fn queue(&self) -> &KeyedQueue {
        &self.queue
    }

    /// A publication ends: `nosub` is sent when it was active. Says whether it was.
    pub fn unsubscribe(&self, client: &Arc<Client>, id: &str) -> bool {
        let ended = self.hub.end(client, |publication| publication.id == id);
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
    fn ended(&self, client: &Client, ended: &[Publication]) {
        for publication in ended {
            match Stream::of(Channel(publication.topic.stream)) {
                Some(Stream::UserPresence) => self.presence.ended(client.id(), &publication.id),
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
