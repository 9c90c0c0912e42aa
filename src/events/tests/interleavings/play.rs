//! One interleaving: what happens, happens to the streams and to the model alike.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::desk::{Desk, Front};
use super::model::{Model, State, Verdict};
use super::truth::{ROOMS, Room, Topic, USERS, User};
use super::{Events, Live, Step};
use crate::client::{Client, Directory, Listed};
use crate::collections::Collections;
use crate::services::Services;
use crate::store::{Collection, Settings, Store};
use crate::streams::{CHANNELS, Hub, KeyedQueue, Streams, StreamsSeed};

/// A publication among no listeners (`streams::listening::hub`).
const PAUSED: u32 = u32::MAX;

/// How a request for a publication went, once it did.
pub(super) type Outcome = Arc<Mutex<Option<Option<String>>>>;

/// A session, and the request that it has away.
pub(super) struct Slot {
    pub(super) client: Arc<Client>,
    pub(super) _listed: Listed,
    pub(super) request: Option<(Option<Topic>, Outcome)>,
    pub(super) stop: CancellationToken,
}

/// See the module.
pub(super) struct Play {
    pub(super) desk: Arc<Mutex<Desk>>,
    pub(super) model: Model,
    pub(super) slots: [Option<Slot>; 3],
    pub(super) events: Events,
    pub(super) streams: Arc<Streams>,
    pub(super) directory: Arc<Directory>,
    pub(super) store: Store,
    pub(super) tracker: TaskTracker,
    pub(super) stop: CancellationToken,
    /// Numbers of events, rooms, tokens.
    pub(super) n: u64,
}

impl Play {
    /// Streams that nobody listens to yet, before a core whose desk is empty.
    pub(super) fn new(services: &Services, front: &Front, new: bool) -> Self {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let desk = Arc::<Mutex<Desk>>::default();
        *front.lock() = desk.clone();
        let (hub, directory, store) = (
            Arc::new(Hub::new(CHANNELS)),
            Arc::new(Directory::default()),
            Store::memory(),
        );
        let settings = Settings::new(store.clone());
        let streams = Streams::new(StreamsSeed {
            hub: hub.clone(),
            directory: directory.clone(),
            services: services.clone(),
            store: store.clone(),
            settings: settings.clone(),
            tracker: tracker.clone(),
            cancel: stop.clone(),
            origin: "me".to_owned(),
        });
        let live = Live {
            streams: streams.clone(),
            collections: Arc::new(Collections::new(hub, services.clone())),
            services: services.clone(),
            store: store.clone(),
            settings,
        };
        let events = Events::new(Arc::new(live), directory.clone(), false, &tracker, &stop);
        let play = Self {
            desk,
            model: Model::new(new),
            slots: Default::default(),
            events,
            streams,
            directory,
            store,
            tracker,
            stop,
            n: 0,
        };
        {
            let truth = &mut play.desk.lock().truth;
            truth.members = [(0, 0), (0, 1), (1, 1)].into();
            truth.public = [1].into();
            truth.agents = [0].into();
            truth.permissions = [0, 1].into();
        }
        (0..ROOMS).for_each(|room| play.put_room(room));
        (0..USERS).for_each(|user| play.put_user(user));
        for (user, room) in [(0, 0), (0, 1), (1, 1)] {
            play.put_member(user, room);
        }
        play
    }

    /// Something happens; nothing of what it leads to, but what it does at once.
    pub(super) fn step(&mut self, step: &Step) -> Verdict {
        match *step {
            Step::Sub(slot, topic) => self.subscribe(slot, topic)?,
            Step::Unsub(slot, topic) => self.unsubscribe(slot, topic),
            Step::Login(slot, user) => self.login(slot, user)?,
            Step::Logout(slot) => self.logout(slot),
            Step::Tell => self.tell(),
            Step::TellMuch(room, times) => {
                let much = "x".repeat(24_000);
                (0..times).for_each(|_| self.relay(Topic::Activity(room), &much));
            }
            Step::Touch(room) => self.touch(room),
            Step::Join(user, room) => self.join(user, room),
            Step::Kick(user, room) => self.kick(user, room),
            Step::Retype(room) => self.retype(room),
            Step::Role(user) => self.role(user),
            Step::Permission(which) => self.permission(which),
            Step::RolesChanged => self.roles_changed(),
            Step::ForceOut(user, slot) => self.force_out(user, slot),
            Step::TokenGone(slot, stale) => self.token_gone(slot, stale),
            Step::Deactivate(user) => self.deactivate(user),
            Step::Answer { nth, late, fails } => self.desk.lock().answer(nth, late, fails),
            Step::AnswerAll(fails) => self.desk.lock().answer_all(fails),
            Step::Wait(_) => {}
        }
        Ok(())
    }

    /// All that runs has run; then what came of it is compared.
    pub(super) async fn settle(&mut self, pause: Duration) -> Verdict {
        tokio::time::sleep(pause + Duration::from_millis(1)).await;
        self.end_doubts();
        let desk = self.desk.clone();
        let mut desk = desk.lock();
        desk.deliver();
        self.model.tell_later(&desk.truth);
        for slot in 0..self.slots.len() {
            self.look(slot, &desk)?;
            self.hear(slot, &desk)?;
        }
        let asks = |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.request.is_some());
        let asks = [0, 1, 2].map(|slot| asks(&self.slots[slot]));
        self.model.settled(asks, &desk)?;
        self.model.messages_settled(&desk)
    }

    /// The core answers whatever it is asked, until nothing is asked any more: then everybody hears what is theirs, and
    /// when all have left nothing remains.
    pub(super) async fn end(&mut self) -> Verdict {
        for _ in 0..12 {
            self.desk.lock().answer_all(false);
            self.settle(Duration::ZERO).await?;
            if self.desk.lock().waits(None) {
                continue;
            }
            if !self.model.doubts() {
                break;
            }
            self.settle(Duration::from_secs(61)).await?;
        }
        {
            let desk = self.desk.lock();
            for session in self.model.sessions.iter().flatten() {
                for (topic, one) in &session.publications {
                    if one.state != State::Hears || !desk.truth.may_hear(session.user, *topic) {
                        return Err(format!(
                            "in the end {:?} {topic:?} is {one:?}",
                            session.user
                        ));
                    }
                }
            }
        }
        self.tell();
        self.desk.lock().answer_all(false);
        self.settle(Duration::ZERO).await?;
        self.desk.lock().answer_all(false);
        self.settle(Duration::ZERO).await?;
        for slot in self.slots.iter_mut().filter_map(Option::take) {
            self.streams.leave(&slot.client);
            self.directory.identify(&slot.client, None);
        }
        let jobs = self.streams.queues().map(KeyedQueue::jobs);
        let left = (self.streams.hub().topics(), jobs.iter().sum::<usize>());
        self.stop.cancel();
        if left != (0, 0) {
            return Err(format!("topics and look-ups remain: {left:?}"));
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.n += 1;
        self.n
    }

    pub(super) fn tick(&self) -> u64 {
        self.desk.lock().tick()
    }

    /// What became of a session's publications.
    pub(super) fn look(&mut self, slot: usize, desk: &Desk) -> Verdict {
        let Some(one) = &mut self.slots[slot] else {
            return Ok(());
        };
        if self.model.sessions[slot]
            .as_ref()
            .is_some_and(|session| session.gone)
        {
            return Ok(());
        }
        let listed: Vec<_> = {
            let publications = one.client.publications.lock();
            let topic = |id: &str| {
                Topic::EVERY
                    .into_iter()
                    .find(|topic| topic.id() == id)
                    .unwrap()
            };
            let state = |slot| {
                if slot == PAUSED {
                    State::Paused
                } else {
                    State::Hears
                }
            };
            let all = publications.iter();
            all.map(|one| (topic(one.id()), state(one.slot), one.topic.clone()))
                .collect()
        };
        let seen = listed.into_iter().map(|(topic, state, of)| {
            let is_held = self.streams.hub().is_held(&one.client, &topic.id(), &of);
            (topic, if is_held { State::Held } else { state })
        });
        let seen = seen.collect();
        let done = one.request.as_ref().and_then(|(topic, done)| {
            let refused = done.lock().take()?;
            Some(topic.zip(refused))
        });
        if done.is_some() {
            one.request = None;
        }
        self.model.look(slot, &seen, done.flatten(), desk)
    }

    /// What a session was sent, and whether it ends.
    pub(super) fn hear(&mut self, slot: usize, desk: &Desk) -> Verdict {
        let Some(one) = &self.slots[slot] else {
            return Ok(());
        };
        let mut batch = VecDeque::new();
        let _nothing_is_empty = one
            .client
            .outbox()
            .poll_take(&mut Context::from_waker(Waker::noop()), &mut batch);
        let text = |bytes: &[u8]| {
            let header = match bytes[1] {
                126 => 4,
                127 => 10,
                _ => 2,
            };
            String::from_utf8(bytes[header..].to_vec()).unwrap()
        };
        let frames = batch.iter().map(|frame| text(frame.bytes())).collect();
        self.model.heard(slot, frames, desk)?;
        let ends = one.client.outbox().closing();
        let gone = self.model.sessions[slot]
            .as_ref()
            .is_some_and(|session| session.gone);
        if gone != ends.is_some() {
            return Err(format!("session {slot} ends: {ends:?}, and not {gone}"));
        }
        if gone {
            one.stop.cancel();
            self.streams.leave(&one.client);
            self.directory.identify(&one.client, None);
            (self.slots[slot], self.model.sessions[slot]) = (None, None);
        }
        Ok(())
    }

    pub(super) fn put(&self, collection: Collection, document: Value) {
        let memory = self.store.as_memory().unwrap();
        memory.put(collection, document).unwrap();
    }

    pub(super) fn put_room(&self, room: Room) {
        let document = self.desk.lock().truth.room(room);
        self.put(Collection::Rooms, document);
    }

    pub(super) fn put_user(&self, user: User) {
        let document = self.desk.lock().truth.user(user);
        self.put(Collection::Users, document);
    }

    pub(super) fn put_member(&self, user: User, room: Room) {
        self.put(
            Collection::Subscriptions,
            json!({"_id": format!("r{room}-u{user}"), "rid": format!("r{room}"), "u": {"_id": format!("u{user}")}}),
        );
    }
}
