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

use super::recheck::{Answered, Standing, standing};
use crate::client::Client;
use crate::ddp::DdpError;
use crate::streams::catalog::Stream;
use crate::streams::listening::doubts::AWAY;
use crate::streams::rules::{Asks, Rules};
use crate::streams::state::Streams;
use crate::streams::visibility::{FIRST_PAUSE, LAST_PAUSE};

/// What a publication may hold until its rule is answered, in bytes.
const HELD_BYTES: usize = 64 * 1024;
/// And how long; after that it counts as refused.
const HELD_FOR: Duration = Duration::from_secs(5);
/// Publications of one cause that wait to be asked for or asked again; the others wait for them.
const AT_ONCE: usize = 5 * AWAY;
impl Streams {
    /// A publication of this room was granted: the type that the rule saw counts from now on, if none does.
    pub(super) fn granted_under(&self, stream: Stream, event_name: &str) {
        let Asks::Room(rid) = Rules::asks(stream, event_name) else {
            return;
        };
        if self.doubts.knows(rid) {
            return;
        }
        if let Some(t) = self.rules.known_type(rid)
            && self.doubts.learn(rid, &t)
        {
            self.forget_rooms();
        }
    }

    /// Keeps only the types of rooms that somebody hears.
    fn forget_rooms(&self) {
        let heard: HashSet<_> = self
            .directory
            .all()
            .iter()
            .flat_map(|client| standing(client))
            .filter_map(|one| match one.asks() {
                Asks::Room(rid) => Some(Box::<str>::from(rid)),
                _ => None,
            })
            .collect();
        self.doubts.keep(&heard);
    }

    /// A user's subscription to a room was removed: all that the user hears of it is held until it is known what may go on.
    pub(super) fn room_left(&self, uid: &str, rid: &str) {
        for client in self.directory.of_user(uid) {
            let of_room = |one: &Standing| matches!(one.asks(), Asks::Room(room) if room == rid);
            let all: Vec<_> = standing(&client).into_iter().filter(of_room).collect();
            for one in all {
                if self.hub.hold(&client, &one.id, HELD_BYTES) {
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
        if self.hub.is_held(client, &one.id) {
            self.end_refused(client, one, &error);
        }
    }

    /// A room has this type now: where publications were granted under another, their rules are asked again.
    pub(super) fn room_has_type(&self, rid: &str, t: &str) {
        if self.doubts.retyped(rid, t) {
            self.ask_about(
                self.directory.all(),
                |one| matches!(one.asks(), Asks::Room(room) if room == rid),
            );
        }
    }

    /// What a user may do is not what it was; `None`: what anybody may. `permission` is the one, where that is known.
    pub(super) fn permissions_moved(&self, uid: Option<&str>, permission: Option<&str>) {
        let clients = match uid {
            Some(uid) => self.directory.of_user(uid),
            None => self.directory.all(),
        };
        self.ask_about(clients, |one| {
            self.rules
                .asks_permission(one.stream, &one.topic.event_name, permission)
        });
    }

    /// Asks the rules of these publications again, a few at a time.
    fn ask_about(&self, clients: Vec<Arc<Client>>, which: impl Fn(&Standing) -> bool) {
        let mut all = Vec::new();
        for client in clients {
            for one in standing(&client).into_iter().filter(&which) {
                if self.doubts.begin((client.id().clone(), one.id.clone())) {
                    all.push((client.clone(), one));
                }
            }
        }
        if all.is_empty() {
            return;
        }
        self.later(|me| async move {
            stream::iter(all)
                .for_each_concurrent(AT_ONCE, |(client, one)| {
                    let me = me.clone();
                    async move {
                        let key = (client.id().clone(), one.id.clone());
                        loop {
                            me.settle(&client, &one).await;
                            if me.doubts.is_done(&key) {
                                return;
                            }
                        }
                    }
                })
                .await;
        });
    }

    async fn settle(&self, client: &Arc<Client>, one: &Standing) {
        let mut pause = FIRST_PAUSE;
        loop {
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
            if client.publications.lock().get(&one.id).is_none() {
                return;
            }
        }
    }

    fn later<F: Future<Output = ()> + Send + 'static>(&self, job: impl FnOnce(Arc<Self>) -> F) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let job = self.cancel.clone().run_until_cancelled_owned(job(me));
        self.tracker.spawn(job.map(drop));
    }
}
