//! One interleaving: what happens, happens to the streams and to the model alike.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::desk::{Desk, Front};
use super::heard::Expected;
use super::model::{Model, Session, State, Verdict};
use super::truth::{PERMISSIONS, ROOMS, Room, Topic, USERS, User};
use super::{Events, Live, Step};
use crate::client::{
    Buffered, Client, ClientSeed, Connection, Directory, Identity, Listed, SubOutcome,
};
use crate::collections::Collections;
use crate::ddp::{Close, Framing};
use crate::ejson;
use crate::services::Services;
use crate::store::{Collection, Settings, Store};
use crate::streams::{CHANNELS, Hub, Streams, StreamsSeed};

/// A publication among no listeners (`streams::listening::hub`).
const PAUSED: u32 = u32::MAX;

/// How a request for a publication went, once it did.
type Outcome = Arc<Mutex<Option<Option<String>>>>;

/// A session, and the request that it has away.
struct Slot {
    client: Arc<Client>,
    _listed: Listed,
    request: Option<(Option<Topic>, Outcome)>,
    stop: CancellationToken,
}

/// See the module.
pub(super) struct Play {
    desk: Arc<Mutex<Desk>>,
    model: Model,
    slots: [Option<Slot>; 3],
    events: Events,
    streams: Arc<Streams>,
    directory: Arc<Directory>,
    store: Store,
    tracker: TaskTracker,
    stop: CancellationToken,
    /// Numbers of events, rooms, tokens.
    n: u64,
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
            Step::TellMuch(room) => self.relay(Topic::Activity(room), &"x".repeat(24_000)),
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
        self.model.tell_later(|room| desk.truth.room(room));
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
        let left = (self.streams.hub().topics(), self.streams.queue().jobs());
        self.stop.cancel();
        if left != (0, 0) {
            return Err(format!("topics and look-ups remain: {left:?}"));
        }
        Ok(())
    }

    fn next(&mut self) -> u64 {
        self.n += 1;
        self.n
    }

    fn tick(&self) -> u64 {
        self.desk.lock().tick()
    }

    /// A session that is asked for nothing else and is not about to end.
    fn free(&self, slot: usize) -> Option<Arc<Client>> {
        let session = self.model.sessions[slot].as_ref()?;
        let idle = !session.gone && session.doubted.is_none();
        let slot = self.slots[slot].as_ref().filter(|_| idle)?;
        slot.request.is_none().then(|| slot.client.clone())
    }

    /// A request begins, as the session's task would begin it.
    fn begin(
        &mut self,
        slot: usize,
        topic: Option<Topic>,
        request: BoxFuture<'static, Option<SubOutcome>>,
    ) -> Verdict {
        let done = Outcome::default();
        let told = done.clone();
        let mut request = async move {
            let refused = match request.await {
                Some(SubOutcome::Refused(Some(code))) => Some(code.to_string()),
                _ => None,
            };
            *told.lock() = Some(refused);
        }
        .boxed();
        let now = &mut Context::from_waker(Waker::noop());
        if request.poll_unpin(now).is_pending() {
            let stop = self.slots[slot].as_ref().unwrap().stop.clone();
            self.tracker.spawn(stop.run_until_cancelled_owned(request));
        }
        self.slots[slot].as_mut().unwrap().request = Some((topic, done));
        let desk = self.desk.clone();
        self.look(slot, &desk.lock())
    }

    fn subscribe(&mut self, slot: usize, topic: Topic) -> Verdict {
        let Some(client) = self.free(slot) else {
            return Ok(());
        };
        let session = self.model.sessions[slot].as_mut().unwrap();
        let has = session.publications.contains_key(&topic);
        match has {
            true => session
                .expected
                .push(Expected::nosub(&topic.id(), &["400"])),
            false => {
                let tick = self.tick();
                self.model.asked(slot, topic, tick);
            }
        }
        let (stream, event_name) = topic.names();
        let params = ejson::raw(json!([event_name]).to_string()).unwrap();
        let streams = self.streams.clone();
        let request = async move {
            let id = topic.id();
            let outcome = streams.subscribe(client, stream, &id, &params);
            Some(outcome.await)
        };
        self.begin(slot, (!has).then_some(topic), request.boxed())
    }

    fn unsubscribe(&mut self, slot: usize, topic: Topic) {
        let Some(client) = self.free(slot) else {
            return;
        };
        let session = self.model.sessions[slot].as_mut().unwrap();
        if session.publications.remove(&topic).is_some() {
            session.expected.push(Expected::nosub(&topic.id(), &[]));
        }
        if topic == Topic::Mine {
            session.mine.iter_mut().for_each(|one| one.sure = false);
        }
        self.streams.unsubscribe(&client, &topic.id());
    }

    /// A session logs in, or logs in as somebody else; where there is none, one comes.
    fn login(&mut self, slot: usize, user: User) -> Verdict {
        let token = self.next();
        if self.slots[slot].is_none() {
            self.enter(slot, token);
        }
        let former = self.model.sessions[slot].as_ref().unwrap().user;
        let Some(client) = self.free(slot).filter(|_| former != Some(user)) else {
            return Ok(());
        };
        self.desk.lock().truth.tokens.insert((user, token));
        self.put_user(user);
        let tick = self.tick();
        let session = self.model.sessions[slot].as_mut().unwrap();
        session.token = token;
        self.model.becomes(slot, user, tick);
        let identity = Identity {
            user: format!("u{user}").as_str().into(),
            hashed_token: format!("h{token}").as_str().into(),
        };
        self.directory.identify(&client, Some(identity));
        if former.is_none() {
            return Ok(());
        }
        let streams = self.streams.clone();
        let recheck = async move {
            streams.recheck(client).await;
            None
        };
        self.begin(slot, None, recheck.boxed())
    }

    fn enter(&mut self, slot: usize, n: u64) {
        let client = Client::new(ClientSeed {
            id: format!("s{n}").as_str().into(),
            framing: Framing::Raw,
            connection: Connection {
                instance: "i".into(),
                address: None,
                headers: "{}".into(),
            },
            buffered: Buffered::new(10_000_000, 1 << 30),
            max_subscriptions: 100,
        });
        self.slots[slot] = Some(Slot {
            _listed: self.directory.enter(&client),
            client,
            request: None,
            stop: self.stop.child_token(),
        });
        self.model.sessions[slot] = Some(Session::default());
    }

    fn logout(&mut self, slot: usize) {
        let Some(client) = self.free(slot) else {
            return;
        };
        let session = self.model.sessions[slot].as_mut().unwrap();
        session.publications.clear();
        session.mine.clear();
        (session.user, session.gone) = (None, true);
        self.streams.leave(&client);
        self.directory.identify(&client, None);
        client.close(Close::ProtocolError);
    }

    /// An event of the mesh.
    fn event(&self, name: &str, data: &Value) {
        let data = ejson::raw(data.to_string()).unwrap();
        assert!(self.events.translate(name, &data), "{name} {data}");
    }

    fn relay(&mut self, topic: Topic, arg: &str) {
        let (stream, event_name) = topic.names();
        let args = json!([arg]);
        self.event("stream", &json!([[stream, event_name, args]]));
        self.model.event(topic, &args.to_string());
    }

    /// Something for everybody, of everything.
    fn tell(&mut self) {
        for room in 0..ROOMS {
            let (n, tick) = (self.next(), self.tick());
            let message = json!({"_id": format!("m{n}"), "rid": format!("r{room}"), "n": n});
            self.event(
                "watch.messages",
                &json!([{"clientAction": "inserted", "message": message}]),
            );
            self.model
                .event(Topic::Messages(room), &json!([message]).to_string());
            self.model.message(n, room, tick);
        }
        for topic in Topic::EVERY {
            match topic {
                Topic::Messages(_)
                | Topic::Data(_)
                | Topic::Mine
                | Topic::Forced(_)
                | Topic::RoomsChanged(_) => {}
                _ => {
                    let n = self.next();
                    self.relay(topic, &n.to_string());
                }
            }
        }
    }

    /// `watch.rooms`
    fn room_event(&mut self, room: Room) {
        let n = self.next();
        self.desk.lock().truth.versions[room] = n;
        let document = self.desk.lock().truth.room(room);
        self.put_room(room);
        self.event(
            "watch.rooms",
            &json!([{"clientAction": "updated", "room": document}]),
        );
        let members = self.desk.lock().truth.members.clone();
        for (user, _) in members.into_iter().filter(|(_, of)| *of == room) {
            let args = json!(["updated", document]).to_string();
            self.model.event(Topic::RoomsChanged(user), &args);
        }
        self.model
            .event(Topic::Data(room), &json!([document]).to_string());
    }

    fn touch(&mut self, room: Room) {
        let tick = self.tick();
        self.model.room_touched(room, tick);
        self.room_event(room);
    }

    fn retype(&mut self, room: Room) {
        let tick = self.tick();
        {
            let public = &mut self.desk.lock().truth.public;
            if !public.remove(&room) {
                public.insert(room);
            }
        }
        self.model.room_moved(room, tick);
        self.model
            .doubt(tick, |_, topic| topic.room() == Some(room));
        self.room_event(room);
    }

    /// `watch.subscriptions`
    fn subscription(&self, action: &str, user: User, room: Room) {
        let subscription =
            json!({"_id": "s", "rid": format!("r{room}"), "u": {"_id": format!("u{user}")}});
        self.event(
            "watch.subscriptions",
            &json!([{"clientAction": action, "subscription": subscription}]),
        );
    }

    fn join(&mut self, user: User, room: Room) {
        if !self.desk.lock().truth.members.insert((user, room)) {
            return;
        }
        self.put_member(user, room);
        let tick = self.tick();
        self.model.user_moved(user, tick);
        let topic = Topic::RoomsChanged(user);
        let mut sessions = self.model.sessions.iter().flatten();
        if sessions.any(|one| one.publications.contains_key(&topic)) {
            self.model
                .later
                .push((user, Expected::inserted(user, room)));
        }
        self.subscription("inserted", user, room);
    }

    fn kick(&mut self, user: User, room: Room) {
        if !self.desk.lock().truth.members.remove(&(user, room)) {
            return;
        }
        let memory = self.store.as_memory().unwrap();
        memory.remove(Collection::Subscriptions, &format!("r{room}-u{user}"));
        let tick = self.tick();
        self.model.user_moved(user, tick);
        self.model.left(user, room, tick);
        self.subscription("removed", user, room);
    }

    /// `watch.users`
    fn user_event(&mut self, user: User, diff: &Value) {
        self.put_user(user);
        let tick = self.tick();
        self.model.user_moved(user, tick);
        self.event(
            "watch.users",
            &json!([{"id": format!("u{user}"), "clientAction": "updated", "diff": diff}]),
        );
    }

    fn role(&mut self, user: User) {
        {
            let agents = &mut self.desk.lock().truth.agents;
            if !agents.remove(&user) {
                agents.insert(user);
            }
        }
        self.user_event(user, &json!({"roles": ["user"]}));
        let tick = self.tick();
        let old = !self.model.new;
        self.model.doubt(tick, |of, topic| {
            of == Some(user) && asks_permission(topic, old)
        });
    }

    fn permission(&mut self, which: usize) {
        {
            let permissions = &mut self.desk.lock().truth.permissions;
            if !permissions.remove(&which) {
                permissions.insert(which);
            }
        }
        let tick = self.tick();
        self.model.everything_moved(tick);
        self.model
            .doubt(tick, |_, topic| topic.permission() == Some(which));
        let data = json!({"_id": PERMISSIONS[which], "roles": []});
        self.event(
            "permission.changed",
            &json!([{"clientAction": "updated", "data": data}]),
        );
    }

    fn roles_changed(&mut self) {
        let (tick, old) = (self.tick(), !self.model.new);
        self.model.everything_moved(tick);
        self.model
            .doubt(tick, |_, topic| asks_permission(topic, old));
        self.event(
            "watch.roles",
            &json!([{"clientAction": "updated", "role": {"_id": "livechat-agent"}}]),
        );
    }

    fn force_out(&mut self, user: User, only: Option<usize>) {
        let id = |slot: &Slot| slot.client.id().as_str().to_owned();
        let only = match only {
            None => None,
            Some(slot) => match &self.slots[slot] {
                None => return,
                Some(one) => Some((slot, id(one))),
            },
        };
        let mut data = vec![json!(format!("u{user}"))];
        data.extend(only.iter().map(|(_, id)| json!(id)));
        let args = Value::from(data[1..].to_vec()).to_string();
        self.event("user.forceLogout", &Value::from(data));
        self.model.event(Topic::Forced(user), &args);
        for (slot, session) in self.model.sessions.iter_mut().enumerate() {
            let Some(session) = session else { continue };
            let meant = only.as_ref().is_none_or(|(only, _)| *only == slot);
            if session.user == Some(user) && meant && !session.gone {
                session.gone = true;
                if session.doubted.is_some() {
                    session.expected.clear();
                }
            }
        }
    }

    fn token_gone(&mut self, slot: usize, stale: bool) {
        let Some(session) = self.model.sessions[slot].as_mut() else {
            return;
        };
        let (Some(user), token) = (session.user, session.token) else {
            return;
        };
        self.doubt_tokens(user, |of| of == token, stale);
    }

    fn deactivate(&mut self, user: User) {
        self.doubt_tokens(user, |_| true, false);
    }

    /// The list of a user's tokens comes without some; the database has them no more, unless the list is `stale`.
    fn doubt_tokens(&mut self, user: User, is_gone: impl Fn(u64) -> bool, stale: bool) {
        let listed: Vec<_> = {
            let tokens = &mut self.desk.lock().truth.tokens;
            let listed = tokens
                .iter()
                .copied()
                .filter(|(of, token)| *of == user && !is_gone(*token));
            let listed = listed.collect();
            if !stale {
                tokens.retain(|(of, token)| *of != user || !is_gone(*token));
            }
            listed
        };
        let there = self.desk.lock().truth.tokens.clone();
        for session in self.model.sessions.iter_mut().flatten() {
            let key = (user, session.token);
            if session.user == Some(user) && !listed.contains(&key) && !session.gone {
                let stays = session.doubted.unwrap_or(true) && there.contains(&key);
                session.doubted = Some(stays);
            }
        }
        let listed: Vec<_> = listed
            .iter()
            .map(|(_, token)| json!({"hashedToken": format!("h{token}")}))
            .collect();
        self.user_event(user, &json!({"services.resume.loginTokens": listed}));
    }

    /// The tokens were looked up.
    fn end_doubts(&mut self) {
        for session in self.model.sessions.iter_mut().flatten() {
            if session.doubted.take() == Some(false) && !session.gone {
                session.gone = true;
                session.expected.clear();
            }
        }
    }

    /// What became of a session's publications.
    fn look(&mut self, slot: usize, desk: &Desk) -> Verdict {
        let Some(one) = &mut self.slots[slot] else {
            return Ok(());
        };
        if self.model.sessions[slot]
            .as_ref()
            .is_some_and(|session| session.gone)
        {
            return Ok(());
        }
        let mut seen: BTreeMap<_, _> = {
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
            all.map(|one| (topic(&one.id), state(one.slot))).collect()
        };
        for (topic, state) in &mut seen {
            if self.streams.hub().is_held(&one.client, &topic.id()) {
                *state = State::Held;
            }
        }
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
    fn hear(&mut self, slot: usize, desk: &Desk) -> Verdict {
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

    fn put(&self, collection: Collection, document: Value) {
        let memory = self.store.as_memory().unwrap();
        memory.put(collection, document).unwrap();
    }

    fn put_room(&self, room: Room) {
        let document = self.desk.lock().truth.room(room);
        self.put(Collection::Rooms, document);
    }

    fn put_user(&self, user: User) {
        let document = self.desk.lock().truth.user(user);
        self.put(Collection::Users, document);
    }

    fn put_member(&self, user: User, room: Room) {
        self.put(
            Collection::Subscriptions,
            json!({"_id": format!("r{room}-u{user}"), "rid": format!("r{room}"), "u": {"_id": format!("u{user}")}}),
        );
    }
}

/// Whether a topic's rule asks a permission; before 8.x that of messages does too, where the core says no.
fn asks_permission(topic: Topic, old: bool) -> bool {
    topic.permission().is_some() || old && matches!(topic, Topic::Messages(_))
}
