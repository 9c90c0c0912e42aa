//! Access that may be lost while a publication listens (reference/streams.md, "Losing access"): its rule is asked again,
//! and what it refuses ends with `nosub`.
//!
//! Where access is probably gone (a subscription to a room was removed) the publication's events are held until the answer;
//! else they flow until it. Identical questions are one ([`Rules`]), few are away at a time, and a question that cannot be
//! asked is asked again: a slow authorization service must not end everybody's streams.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use futures_util::{FutureExt, StreamExt};

use super::recheck::{Answered, Standing, standing_on};
use crate::client::{Client, SessionId, Topic};
use crate::ddp::DdpError;
use crate::streams::again::{FIRST_PAUSE, LAST_PAUSE};
use crate::streams::catalog::{ROWS, Stream};
use crate::streams::listening::doubts::{AWAY, Key};
use crate::streams::rules::{Asks, Rules};
use crate::streams::state::Streams;
use crate::telemetry::work;

/// What a publication may hold until its rule is answered, in bytes.
const HELD_BYTES: usize = 64 * 1024;
/// And how long; after that it counts as refused.
const HELD_FOR: Duration = Duration::from_secs(5);
/// Publications of one cause that wait to be asked for or asked again; the others wait for them.
const AT_ONCE: usize = 5 * AWAY;
/// Clients that are looked at before others of the runtime get a turn.
const CHUNK: usize = 256;

/// Why rules are asked again.
enum Cause {
    /// A room is not what it was.
    Room(Box<str>),
    /// A permission is not, or any.
    Permission(Option<Box<str>>),
}

/// A publication whose rule is asked again, by nobody else meanwhile.
pub(super) struct Asking {
    streams: Arc<Streams>,
    client: Arc<Client>,
    one: Standing,
    key: Key,
    done: bool,
}

impl Asking {
    /// `None` where somebody asks already: that goes on until it is known on today's ground.
    pub(super) fn begin(
        streams: &Arc<Streams>,
        client: &Arc<Client>,
        one: Standing,
    ) -> Option<Self> {
        let key = Key {
            session: client.id().clone(),
            user: client.user(),
            id: one.id.clone(),
            stream: one.topic.stream,
            event_name: one.topic.event_name.clone(),
        };
        streams.doubts.begin(key.clone()).then(|| Self {
            streams: streams.clone(),
            client: client.clone(),
            one,
            key,
            done: false,
        })
    }

    pub(super) async fn ask(mut self) {
        while !self.done {
            self.streams.settle(&self.client, &self.one).await;
            self.done = self.streams.doubts.is_done(&self.key);
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.done {
            self.streams.doubts.give_up(&self.key);
        }
    }
}

impl Streams {
    /// A publication of this room was granted: the type that the rule saw counts from now on, if none does. To be said
    /// where the ground of the answer stands, and before the publication hears: no event with another type comes between.
    pub(super) fn granted_under(&self, stream: Stream, event_name: &str) {
        if let Asks::Room(rid) = Rules::asks(stream, event_name)
            && !self.doubts.knows(rid)
        {
            // Unknown where the answer took longer than rooms are remembered: the room's next event asks again.
            let t = self.rules.known_type(rid);
            self.doubts.learn(rid, t.as_deref());
        }
    }

    /// A publication hears now. What its room was when it was granted may have been forgotten just before.
    pub(super) fn hears_now(&self, stream: Stream, event_name: &str) {
        self.granted_under(stream, event_name);
        if self.doubts.are_many() {
            self.forget_rooms();
        }
    }

    /// The ground of a publication moved while it was made: whoever asked again for that did not find it.
    pub(super) fn ask_for(&self, client: &Arc<Client>, id: &str) {
        let all = standing_on(client, |_, _| true);
        let Some(one) = all.into_iter().find(|one| one.id == id) else {
            return;
        };
        let client = client.clone();
        self.later(|me| async move {
            if let Some(asking) = Asking::begin(&me, &client, one) {
                asking.ask().await;
            }
        });
    }

    /// Keeps only the types of rooms that somebody hears.
    fn forget_rooms(&self) {
        let since = self.doubts.begin_sweep();
        let mut heard = HashSet::new();
        self.each_topic(|stream, topic| {
            if let Asks::Room(rid) = Rules::asks(stream, &topic.event_name) {
                heard.insert(Box::<str>::from(rid));
            }
        });
        self.doubts.keep(&heard, since);
    }

    /// Looks at everything that is heard by a rule that can be lost.
    fn each_topic(&self, mut look: impl FnMut(Stream, &Topic)) {
        for row in ROWS.iter().filter(|row| row.read.can_be_lost()) {
            self.hub
                .each_topic(row.stream.channel(), |topic| look(row.stream, topic));
        }
    }

    /// A user's subscription to a room was removed: all that the user hears of it is held until it is known what may go on.
    pub(super) fn room_left(&self, uid: &str, rid: &str) {
        let cause = Cause::Room(rid.into());
        for client in self.directory.of_user(uid) {
            for one in standing_on(&client, |stream, name| self.concerns(&cause, stream, name)) {
                if self.hub.hold(&client, &one.id, &one.topic, HELD_BYTES) {
                    let client = client.clone();
                    self.later(|me| async move { me.settle_held(&client, &one).await });
                }
            }
        }
    }

    async fn settle_held(&self, client: &Arc<Client>, one: &Standing) {
        let answer = tokio::time::timeout(HELD_FOR, self.ask_again(client, one)).await;
        let error = match answer {
            Ok(Answered::Stays) => return,
            Ok(Answered::Refused(error)) => error,
            Ok(Answered::Unasked) => DdpError::internal(),
            Err(_late) => DdpError::not_allowed(),
        };
        if self.hub.is_held(client, &one.id, &one.topic) {
            self.end_refused(client, one, &error);
        }
    }

    /// A room has another type than publications were granted under: their rules are asked again.
    pub(super) fn room_retyped(&self, rid: &str) {
        self.ask_about(None, Cause::Room(rid.into()));
    }

    /// What a user may do is not what it was; `None`: what anybody may. `permission` is the one, where that is known.
    pub(super) fn permissions_moved(&self, uid: Option<&str>, permission: Option<&str>) {
        self.ask_about(uid, Cause::Permission(permission.map(Into::into)));
    }

    fn concerns(&self, cause: &Cause, stream: Stream, event_name: &str) -> bool {
        match cause {
            Cause::Room(rid) => Rules::asks(stream, event_name) == Asks::Room(rid),
            Cause::Permission(permission) => {
                let permission = permission.as_deref();
                self.rules.asks_permission(stream, event_name, permission)
            }
        }
    }

    /// Asks the rules again of a user's publications, or everybody's, a few at a time. Looked for elsewhere: there may be
    /// many, and whoever brings the event has others to bring.
    fn ask_about(&self, uid: Option<&str>, cause: Cause) {
        let uid = uid.map(Box::<str>::from);
        self.later(|me| async move {
            let clients = match uid {
                Some(uid) => me.directory.of_user(&uid),
                None => me.listeners_of(&cause),
            };
            let mut all = Vec::new();
            for chunk in clients.chunks(CHUNK) {
                for client in chunk {
                    let which = |stream, name: &str| me.concerns(&cause, stream, name);
                    let asked = standing_on(client, which).into_iter();
                    all.extend(asked.filter_map(|one| Asking::begin(&me, client, one)));
                }
                tokio::task::yield_now().await;
            }
            stream::iter(all)
                .for_each_concurrent(AT_ONCE, Asking::ask)
                .await;
        });
    }

    /// Whoever has a publication that is concerned.
    fn listeners_of(&self, cause: &Cause) -> Vec<Arc<Client>> {
        let mut sessions = HashSet::new();
        self.each_topic(|stream, topic| {
            if self.concerns(cause, stream, &topic.event_name) {
                topic.listeners.read().each(|listener| {
                    sessions.insert(listener.id().clone());
                });
            }
        });
        // By their sessions: for a publication that is held another listens.
        let client = |id: &SessionId| self.directory.session(id.as_str());
        sessions.iter().filter_map(client).collect()
    }

    async fn settle(&self, client: &Arc<Client>, one: &Standing) {
        let mut pause = FIRST_PAUSE;
        let is_there = || client.publications.lock().of(&one.id, &one.topic).is_some();
        while is_there() {
            let turn = self.doubts.turn().await;
            let answer = self.ask_again(client, one).await;
            drop(turn);
            match answer {
                Answered::Stays => return,
                Answered::Refused(error) => return self.end_refused(client, one, &error),
                Answered::Unasked => {}
            }
            tokio::time::sleep(pause).await;
            pause = LAST_PAUSE.min(2 * pause);
        }
    }

    pub(in crate::streams) fn later<F: Future<Output = ()> + Send + 'static>(
        &self,
        job: impl FnOnce(Arc<Self>) -> F,
    ) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let job = self.cancel.clone().run_until_cancelled_owned(job(me));
        // It may go on for hours: a broadcast that led to it is over before.
        self.tracker.spawn(work::outlive(job.map(drop)));
    }
}
