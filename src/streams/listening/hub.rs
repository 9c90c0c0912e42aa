//! The hub: who listens to what, and the fan-out.
//!
//! A [`Topic`] is interned while somebody listens to it, so an event that nobody hears costs one look-up and no frame.
//! Publishing never awaits: it builds the frame at most once a framing and pushes shares of it into outboxes.
//!
//! Lock order: a client's publications, a channel's shard, a topic's listeners, an outbox. A topic is entered and left
//! under its shard's lock, so that it cannot vanish while somebody enters it.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::RwLock;
use serde_json::value::RawValue;

use crate::client::{Client, Places, Publication, SessionId, Topic, give_back};
use crate::ddp::SharedFrame;
use crate::telemetry::{metrics, work};

/// A row of the catalogue, as the hub sees it: a stream, or a published collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Channel(pub u16);

/// The slot of a publication that is in its session's table, but among no topic's listeners.
const PAUSED: u32 = u32::MAX;

/// Who listens to what.
#[derive(Debug)]
pub struct Hub {
    channels: Box<[DashMap<ByName, ()>]>,
}

/// A topic of one channel, found by its name.
#[derive(Debug)]
struct ByName(Arc<Topic>);

impl Borrow<str> for ByName {
    fn borrow(&self) -> &str {
        &self.0.event_name
    }
}

impl Hash for ByName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.event_name.hash(state);
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.event_name == other.0.event_name
    }
}

impl Eq for ByName {}

/// How a request for a publication went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// It listens now, and the opening messages are sent.
    Ready,
    /// The session has a publication with this id: that one is left alone.
    IdInUse,
    /// The session has as many publications as it may have.
    TooMany,
    /// The session has left.
    Left,
}

/// Whether a publication hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It does.
    Hears,
    /// Whoever was asked said no.
    NotNow,
    /// More was kept back for it than may be: that is gone, and the publication has to end.
    TooMuch,
    /// There is no such publication.
    Gone,
}

/// What a fan-out did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Outboxes that took the frame.
    pub deliveries: usize,
    /// Outboxes that did not: their sessions are closing.
    pub refused: usize,
    /// How often the message was framed: at most once for each framing.
    pub encodings: usize,
}

impl Hub {
    /// A hub for channels `0..channels`.
    #[must_use]
    pub fn new(channels: u16) -> Self {
        Self {
            channels: (0..channels).map(|_| DashMap::new()).collect(),
        }
    }

    /// Adds a publication and sends `opening` (`added` for what is there, then `ready`) before any event of the topic.
    pub fn subscribe(
        &self,
        client: &Arc<Client>,
        id: &str,
        channel: Channel,
        event_name: &str,
        args: Option<Box<RawValue>>,
        opening: &[Vec<u8>],
    ) -> Subscribed {
        self.subscribe_if(client, id, channel, event_name, args, opening, || true)
            .unwrap_or(Subscribed::Left)
    }

    /// Like [`Hub::subscribe`], if `still` says so; else `None`, and nothing was done. It is asked when nobody can end
    /// publications of this client any more before the new one is among them: whoever makes it say no *and then* ends
    /// publications misses none.
    #[allow(
        clippy::too_many_arguments,
        reason = "a publication is made of these, and made in one place"
    )]
    pub fn subscribe_if(
        &self,
        client: &Arc<Client>,
        id: &str,
        channel: Channel,
        event_name: &str,
        args: Option<Box<RawValue>>,
        opening: &[Vec<u8>],
        still: impl FnOnce() -> bool,
    ) -> Option<Subscribed> {
        let mut publications = client.publications.lock();
        if publications.is_closed() {
            return Some(Subscribed::Left);
        }
        if publications.get(id).is_some() {
            return Some(Subscribed::IdInUse);
        }
        if publications.len() >= client.max_subscriptions() {
            return Some(Subscribed::TooMany);
        }
        if !still() {
            return None;
        }
        let Some((topic, slot)) = self.enter_topic(client, channel, event_name, opening) else {
            return Some(Subscribed::Left);
        };
        publications.push(Publication::new(id, args, topic, slot));
        Some(Subscribed::Ready)
    }

    fn enter_topic(
        &self,
        client: &Arc<Client>,
        channel: Channel,
        event_name: &str,
        opening: &[Vec<u8>],
    ) -> Option<(Arc<Topic>, u32)> {
        let topics = self.channels.get(usize::from(channel.0))?;
        // Either way the shard is locked until the listener is in.
        if let Some(known) = topics.get(event_name) {
            return Some(listen(&known.key().0, client, opening));
        }
        let topic = ByName(Arc::new(Topic {
            stream: channel.0,
            event_name: event_name.into(),
            listeners: RwLock::new(Places::default()),
        }));
        let entered = topics.entry(topic).or_default();
        Some(listen(&entered.key().0, client, opening))
    }

    /// Takes the publications that `which` names out of their topics: they stay in the session's table and hear
    /// nothing.
    pub fn pause(&self, client: &Client, mut which: impl FnMut(&Publication) -> bool) {
        for publication in client.publications.lock().iter_mut() {
            if which(publication) {
                self.leave_topic(publication);
                publication.slot = PAUSED;
            }
        }
    }

    /// Keeps back what a publication would hear, up to so many bytes, until [`Hub::resume`]. Says whether there is such a
    /// publication and it heard.
    pub fn hold(&self, client: &Arc<Client>, id: &str, topic: &Topic, bytes: usize) -> bool {
        let publications = client.publications.lock();
        let Some(publication) = publications.of(id, topic) else {
            return false;
        };
        let mut listeners = publication.topic.listeners.write();
        match listeners.get_mut(publication.slot) {
            Some(listener) if Arc::ptr_eq(listener, client) => {
                *listener = client.stand_in(bytes);
                true
            }
            _ => false,
        }
    }

    /// Whether something is kept back for a publication.
    pub fn is_held(&self, client: &Arc<Client>, id: &str, topic: &Topic) -> bool {
        self.listens(client, id, topic) == Some(false)
    }

    /// Whether a publication hears: it is neither paused nor held.
    pub fn hears(&self, client: &Arc<Client>, id: &str, topic: &Topic) -> bool {
        self.listens(client, id, topic) == Some(true)
    }

    /// Whether it is the client itself that listens, and no stand-in; `None` where nobody does.
    fn listens(&self, client: &Arc<Client>, id: &str, topic: &Topic) -> Option<bool> {
        let publications = client.publications.lock();
        let publication = publications.of(id, topic)?;
        let listeners = publication.topic.listeners.read();
        let listener = listeners.get(publication.slot)?;
        Some(Arc::ptr_eq(listener, client))
    }

    /// Lets a publication hear that was paused or held, if `still` says so (as in [`Hub::subscribe_if`]): first what was
    /// kept back for it, in order.
    pub fn resume(
        &self,
        client: &Arc<Client>,
        id: &str,
        topic: &Topic,
        still: impl FnOnce() -> bool,
    ) -> Resumed {
        let mut publications = client.publications.lock();
        let Some(publication) = publications.iter_mut().find(|one| one.is(id, topic)) else {
            return Resumed::Gone;
        };
        if !still() {
            return Resumed::NotNow;
        }
        let topic = publication.topic.clone();
        if publication.slot == PAUSED {
            let channel = Channel(topic.stream);
            return match self.enter_topic(client, channel, &topic.event_name, &[]) {
                Some((topic, slot)) => {
                    (publication.topic, publication.slot) = (topic, slot);
                    Resumed::Hears
                }
                None => Resumed::Gone,
            };
        }
        // Nothing comes between what was kept back and what follows.
        let mut listeners = topic.listeners.write();
        match listeners.get_mut(publication.slot) {
            Some(listener) if !Arc::ptr_eq(listener, client) => {
                if !client.take_from(listener) {
                    return Resumed::TooMuch;
                }
                *listener = client.clone();
                Resumed::Hears
            }
            Some(_) => Resumed::Hears,
            None => Resumed::Gone,
        }
    }

    /// Ends a publication; says whether there was one.
    pub fn unsubscribe(&self, client: &Client, id: &str) -> bool {
        let removed = client.publications.lock().remove(id);
        removed
            .inspect(|publication| self.leave_topic(publication))
            .is_some()
    }

    /// Ends the publications that `which` names, and answers them. No message is sent.
    pub fn end(
        &self,
        client: &Client,
        which: impl FnMut(&Publication) -> bool,
    ) -> Vec<Publication> {
        let ended = client.publications.lock().remove_if(which);
        ended
            .iter()
            .for_each(|publication| self.leave_topic(publication));
        ended
    }

    /// Ends all publications of a client, for good: it gets no new ones. Answers those that there were.
    pub fn leave(&self, client: &Client) -> Vec<Publication> {
        let ended = client.publications.lock().close();
        ended
            .iter()
            .for_each(|publication| self.leave_topic(publication));
        ended
    }

    fn leave_topic(&self, publication: &Publication) {
        // A paused one is in no topic: another topic of the same name may be there meanwhile.
        if publication.slot == PAUSED {
            return;
        }
        let topic = &publication.topic;
        let Some(topics) = self.channels.get(usize::from(topic.stream)) else {
            return;
        };
        if let Entry::Occupied(entry) = topics.entry(ByName(topic.clone())) {
            let mut listeners = topic.listeners.write();
            listeners.remove(publication.slot);
            if listeners.is_empty() {
                drop(listeners);
                entry.remove();
            }
        }
    }

    /// Sends an event to everybody who listens; `build` makes the message, and is called only when somebody does.
    pub fn publish(
        &self,
        channel: Channel,
        event_name: &str,
        build: impl FnOnce() -> Vec<u8>,
    ) -> Delivered {
        self.publish_except(channel, event_name, None, build)
    }

    /// Like [`Hub::publish`], but not to the session that wrote the event.
    pub fn publish_except(
        &self,
        channel: Channel,
        event_name: &str,
        except: Option<&SessionId>,
        build: impl FnOnce() -> Vec<u8>,
    ) -> Delivered {
        let Some(topic) = self.topic(channel, event_name) else {
            return Delivered::default();
        };
        let frame = SharedFrame::new(build()).keeping(work::written());
        let mut delivered = Delivered::default();
        topic.listeners.read().each(|listener| {
            if except.is_some_and(|session| listener.id() == session) {
                return;
            }
            match listener.send_shared(&frame) {
                true => delivered.deliveries += 1,
                false => delivered.refused += 1,
            }
        });
        delivered.encodings = frame.encodings();
        metrics::message_sent(frame.json(), delivered.deliveries);
        delivered
    }

    /// Everybody who listens to a topic, once for each publication.
    #[must_use]
    pub fn listeners(&self, channel: Channel, event_name: &str) -> Vec<Arc<Client>> {
        let mut all = Vec::new();
        if let Some(topic) = self.topic(channel, event_name) {
            topic
                .listeners
                .read()
                .each(|listener| all.push(listener.clone()));
        }
        all
    }

    /// Looks at each topic of a channel.
    pub fn each_topic(&self, channel: Channel, mut look: impl FnMut(&Topic)) {
        let topics = self.channels.get(usize::from(channel.0));
        for topic in topics.into_iter().flat_map(DashMap::iter) {
            look(&topic.key().0);
        }
    }

    /// Whether anybody listens to a topic.
    #[must_use]
    pub fn is_heard(&self, channel: Channel, event_name: &str) -> bool {
        self.topic(channel, event_name).is_some()
    }

    /// How many topics are listened to.
    #[must_use]
    pub fn topics(&self) -> usize {
        self.channels.iter().map(DashMap::len).sum()
    }

    fn topic(&self, channel: Channel, event_name: &str) -> Option<Arc<Topic>> {
        self.channels
            .get(usize::from(channel.0))?
            .get(event_name)
            .map(|topic| topic.key().0.clone())
    }

    /// Gives memory back when many topics have gone: a table keeps the size that it had at its fullest. To be called now
    /// and then.
    pub fn settle(&self) {
        self.channels.iter().for_each(give_back);
    }
}

/// Puts a client among a topic's listeners and sends `opening` before any event can come.
fn listen(topic: &Arc<Topic>, client: &Arc<Client>, opening: &[Vec<u8>]) -> (Arc<Topic>, u32) {
    let mut listeners = topic.listeners.write();
    let slot = listeners.insert(client.clone());
    for message in opening {
        client.send(message);
    }
    (topic.clone(), slot)
}

/// Whether a publication is among its topic's listeners: not paused.
pub(in crate::streams) fn hears(publication: &Publication) -> bool {
    publication.slot != PAUSED
}

#[cfg(test)]
mod tests;
