//! What changes under publications and answers, as the mesh tells it.
//!
//! Always in this order: the ground first, then what stands on it ends, then what is to be told.

use serde_json::value::RawValue;
use tokio::time::sleep;

use crate::ejson::{RawObject, join, quoted};
use crate::streams::again::FIRST_PAUSE;
use crate::streams::catalog::Stream;
use crate::streams::delivery::publish::rooms_key;
use crate::streams::listening::rooms::ROOMS_CHANGED;
use crate::streams::state::Streams;

impl Streams {
    /// `watch.subscriptions`: a user's subscription to a room came, changed or went. Does not publish
    /// `subscriptions-changed` itself.
    pub fn subscription_changed(&self, action: &str, subscription: &RawValue) {
        let Some(subscription) = RawObject::of(subscription) else {
            return;
        };
        let rid = subscription.text("rid");
        let user = subscription.object("u");
        let uid = user.as_ref().and_then(|user| user.text("_id"));
        let grounds = self.rules.grounds();
        let (rid, uid) = match (&rid, &uid) {
            (Some(rid), Some(uid)) => (&**rid, &**uid),
            // Something of this user, or of this room, is not what it was: more is not known.
            (rid, uid) => {
                uid.iter().for_each(|uid| grounds.user_moved(uid));
                rid.iter().for_each(|rid| grounds.room_moved(rid));
                return;
            }
        };
        match action {
            "updated" => grounds.user(uid),
            _ => grounds.user_moved(uid),
        }
        match action {
            "inserted" if self.rooms.joined(uid, rid) => self.tell_of_room(uid, rid),
            "removed" => {
                self.rooms.left(uid, rid);
                self.end_room(uid, rid);
                self.room_left(uid, rid);
            }
            _ => {}
        }
    }

    /// The user's publications of the room's messages end, without a word.
    fn end_room(&self, uid: &str, rid: &str) {
        let channel = Stream::RoomMessages.channel();
        for client in self.directory.of_user(uid) {
            let ended = self.hub.end(&client, |publication| {
                publication.topic.stream == channel.0 && &*publication.topic.event_name == rid
            });
            self.ended(&client, &ended);
        }
    }

    /// `["inserted", room]`, once the room is read.
    fn tell_of_room(&self, uid: &str, rid: &str) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let (user, room) = (uid.to_owned(), rid.to_owned());
        self.queue.push(&rooms_key(uid), async move {
            let mut pauses = [FIRST_PAUSE, 2 * FIRST_PAUSE].into_iter();
            let found = loop {
                // What cannot be read is in the log.
                let found = me.rules.room(&room).await;
                // The user may be out again.
                if !me.rooms.has(&user, &room) {
                    return;
                }
                match (found, pauses.next()) {
                    (Ok(found), _) => break found,
                    (Err(_), Some(pause)) => sleep(pause).await,
                    (Err(_), None) => return,
                }
            };
            let found = found.as_deref().map_or("null", RawValue::get);
            let args = join(["\"inserted\"", found]);
            let event_name = format!("{user}/{ROOMS_CHANGED}");
            me.deliver_now(Stream::NotifyUser, &event_name, &args, None);
        });
    }

    /// `watch.rooms`: a room came, changed or went. Tells `rooms-changed`; does not publish `room-data` itself.
    pub fn room_changed(&self, action: &str, room: &RawValue) {
        let Some(fields) = RawObject::of(room) else {
            return;
        };
        let Some(rid) = fields.text("_id") else {
            return;
        };
        let t = fields.text("t");
        let is_retyped = t.is_some_and(|t| self.doubts.retyped(&rid, &t));
        match is_retyped || action != "updated" || self.rules.has_moved(&rid, &fields) {
            true => self.rules.grounds().room_moved(&rid),
            false => self.rules.grounds().room(&rid),
        }
        if is_retyped {
            self.room_retyped(&rid);
        }
        let listening = self.rooms.listening(&rid);
        if listening.is_empty() {
            return;
        }
        let args = join([&*quoted(action), room.get()]);
        for user in listening {
            let event_name = format!("{user}/{ROOMS_CHANGED}");
            self.deliver(Stream::NotifyUser, &event_name, &args, None);
        }
    }

    /// `watch.users`, and what else tells of one user: nothing granted to the user is reused.
    pub fn user_changed(&self, uid: &str) {
        self.rules.grounds().user_moved(uid);
    }

    /// `watch.users` that tells of the user's roles.
    pub fn user_roles_changed(&self, uid: &str) {
        self.permissions_moved(Some(uid), None);
    }

    /// `watch.roles`: what a role may is not what it was.
    pub fn role_changed(&self) {
        self.forget_answers();
        self.permissions_moved(None, None);
    }

    /// `permission.changed`: the same of one permission, where it is named.
    pub fn permission_changed(&self, permission: Option<&str>) {
        self.forget_answers();
        self.permissions_moved(None, permission);
    }

    /// `user.roleUpdate`, and whatever was missed: nothing that was answered before is reused.
    pub fn forget_answers(&self) {
        self.rules.grounds().everything();
    }

    /// `watch.settings`: rules of the core depend on many a setting. The copy of the settings is kept by others.
    pub fn setting_changed(&self, id: &str) {
        self.rules.grounds().everything();
        self.gate_changed(id);
    }
}
