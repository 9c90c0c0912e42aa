//! What clients ask for, and whether they come or go.

use std::sync::Arc;
use std::task::{Context, Waker};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::heard::Expected;
use super::model::{Session, Verdict};
use super::play::{Outcome, Play, Slot};
use super::truth::{Topic, User};
use crate::client::{Buffered, Client, ClientSeed, Connection, Identity, SubOutcome};
use crate::ddp::{Close, Framing};
use crate::ejson;

impl Play {
    /// A session that is asked for nothing else and is not about to end.
    pub(super) fn free(&self, slot: usize) -> Option<Arc<Client>> {
        let session = self.model.sessions[slot].as_ref()?;
        let idle = !session.gone && session.doubted.is_none();
        let slot = self.slots[slot].as_ref().filter(|_| idle)?;
        slot.request.is_none().then(|| slot.client.clone())
    }

    /// A request begins, as the session's task would begin it.
    pub(super) fn begin(
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

    pub(super) fn subscribe(&mut self, slot: usize, topic: Topic) -> Verdict {
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

    pub(super) fn unsubscribe(&mut self, slot: usize, topic: Topic) {
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
    pub(super) fn login(&mut self, slot: usize, user: User) -> Verdict {
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

    pub(super) fn enter(&mut self, slot: usize, n: u64) {
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

    pub(super) fn logout(&mut self, slot: usize) {
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
}
