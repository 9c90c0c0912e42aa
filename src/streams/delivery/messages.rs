//! Messages: to those who listen to the room, and to those who listen to all of their rooms at once.
//!
//! `__my_messages__` asks for each of its users whether the message's room is theirs. Each user and room has a queue of
//! its own, so a room's messages keep their order and a slow answer holds up nobody else. The message is framed once for
//! those who are in the room, and once for those who may only look in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use crate::client::{Client, UserId};
use crate::ddp::SharedFrame;
use crate::ddp::message::stream_event;
use crate::ejson::{RawObject, join};
use crate::streams::catalog::{MY_MESSAGES, Stream};
use crate::streams::rules::{Asker, Question, Unasked};
use crate::streams::state::Streams;
use crate::telemetry::{metrics, work};

/// A message on its way to `__my_messages__`.
struct MyMessage {
    rid: Box<str>,
    message: Box<RawValue>,
    /// For those who are not in the room, and for those who are.
    frames: [OnceLock<SharedFrame>; 2],
    /// Outboxes that took it.
    deliveries: AtomicUsize,
    /// Outboxes that did not.
    refused: AtomicUsize,
}

/// The last of its users was told: it is counted, once.
impl Drop for MyMessage {
    fn drop(&mut self) {
        let framed = || self.frames.iter().filter_map(OnceLock::get);
        let deliveries = *self.deliveries.get_mut();
        let encodings = framed().map(SharedFrame::encodings).sum();
        let refused = *self.refused.get_mut();
        metrics::stream_event(Stream::RoomMessages.name(), deliveries, encodings);
        work::delivered(deliveries, refused, encodings);
        if let Some(frame) = framed().next() {
            metrics::message_sent(frame.json(), deliveries);
        }
    }
}

impl MyMessage {
    /// The event's frame: `[message, {roomParticipant, roomType, roomName}]`; what the room lacks is missing.
    fn frame(&self, participant: bool, room: &RawValue) -> &SharedFrame {
        self.frames[usize::from(participant)].get_or_init(|| {
            let room = RawObject::of(room).unwrap_or_default();
            let mut about = RawObject::new();
            about.set_json("roomParticipant", participant.to_string());
            for (field, of_room) in [("roomType", "t"), ("roomName", "name")] {
                if let Some(value) = room.get(of_room) {
                    about.set(field, std::borrow::Cow::Borrowed(value));
                }
            }
            let args = join([self.message.get(), &about.to_json()]);
            SharedFrame::new(stream_event(
                Stream::RoomMessages.name(),
                MY_MESSAGES,
                &args,
            ))
            .keeping(work::written())
        })
    }
}

impl Streams {
    /// A message in a room.
    pub fn message(&self, rid: &str, message: &RawValue) {
        self.publish(Stream::RoomMessages, rid, &join([message.get()]));
        let channel = Stream::RoomMessages.channel();
        if self.hub.is_heard(channel, MY_MESSAGES) {
            self.my_message(rid, message);
        }
    }

    /// Whether anybody may hear a message in this room.
    #[must_use]
    pub fn hears_messages(&self, rid: &str) -> bool {
        let channel = Stream::RoomMessages.channel();
        self.hub.is_heard(channel, rid) || self.hub.is_heard(channel, MY_MESSAGES)
    }

    fn my_message(&self, rid: &str, message: &RawValue) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let mut listening: HashMap<Option<UserId>, Vec<Arc<Client>>> = HashMap::new();
        let channel = Stream::RoomMessages.channel();
        for client in self.hub.listeners(channel, MY_MESSAGES) {
            listening.entry(client.user()).or_default().push(client);
        }
        // All jobs share the message.
        let bytes = (message.get().len() + rid.len()) / listening.len().max(1);
        let message = Arc::new(MyMessage {
            rid: rid.into(),
            message: message.to_owned(),
            frames: Default::default(),
            deliveries: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        for (user, mut clients) in listening {
            // One for each publication: they are counted again when the answer is there.
            clients.sort_by_key(|client| client.id().clone());
            clients.dedup_by(|one, other| Arc::ptr_eq(one, other));
            let key = format!("{rid}/{}", user.as_ref().map_or("", UserId::as_str));
            let bytes = bytes + clients.len() * size_of::<Arc<Client>>();
            let job = me.clone().tell(user, clients, message.clone());
            self.messages.push_bytes(&key, bytes, job);
        }
    }

    async fn tell(
        self: Arc<Self>,
        user: Option<UserId>,
        clients: Vec<Arc<Client>>,
        message: Arc<MyMessage>,
    ) {
        let asker = Asker::from(user);
        let Ok(Some((participant, room))) = self.seen(&asker, &message.rid).await else {
            return;
        };
        let frame = message.frame(participant, &room);
        let mut sent = [0, 0];
        for client in clients {
            if asker.is(&client) {
                for _ in 0..listens(&client) {
                    sent[usize::from(client.send_shared(frame))] += 1;
                }
            }
        }
        message.refused.fetch_add(sent[0], Ordering::Relaxed);
        message.deliveries.fetch_add(sent[1], Ordering::Relaxed);
    }

    /// Whether the user sees the room: then, whether it is one of the user's own, and the room.
    async fn seen(
        &self,
        asker: &Asker,
        rid: &str,
    ) -> Result<Option<(bool, crate::store::Document)>, Unasked> {
        let access = Question::AccessRoom {
            rid: rid.into(),
            user: asker.user().cloned(),
            extra: None,
        };
        if !self.rules.may(access).await? {
            return Ok(None);
        }
        let Some(room) = self.rules.room(rid).await? else {
            return Ok(None);
        };
        let participant = match asker.user() {
            None => false,
            Some(user) => {
                let member = Question::Member {
                    rid: rid.into(),
                    user: user.clone(),
                };
                self.rules.may(member).await?
            }
        };
        Ok(Some((participant, room)))
    }
}

/// How many publications of `__my_messages__` hear, now.
fn listens(client: &Client) -> usize {
    let channel = Stream::RoomMessages.channel();
    client
        .publications
        .lock()
        .iter()
        .filter(|one| {
            one.topic.stream == channel.0
                && &*one.topic.event_name == MY_MESSAGES
                && crate::streams::listening::hub::hears(one)
        })
        .count()
}
