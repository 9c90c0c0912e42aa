//! The workspace: its documents, and what follows when somebody does something.
//!
//! Nothing here does I/O: a method changes the documents and leaves behind what is to be written and broadcast
//! ([`Effects`]), in the order in which the real core does it. One task owns the world (`core`).

mod date;
pub(super) mod documents;
mod editing;
mod effects;
mod messages;
mod permissions;
mod refusal;
mod rooms;
pub(super) mod seed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(super) use date::{Date, micros};
pub(super) use documents::{Message, Room, RoomType, Subscription, User};
pub(super) use effects::{Broadcast, Effects, Write};
pub(super) use messages::Draft;
pub(super) use permissions::roles_with;
pub(super) use refusal::Refusal;

use super::CoreRelease;
use super::presence::Presence;
use crate::store::Collection;
use documents::value;

/// Messages kept of one room; the oldest go.
const MESSAGES_KEPT: usize = 1000;

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub(super) release: CoreRelease,
    pub(super) users: BTreeMap<String, User>,
    pub(super) rooms: BTreeMap<String, Room>,
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    pub(super) messages: BTreeMap<String, Vec<Message>>,
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) presence: Presence,
    effects: Effects,
    last_date: i64,
}

impl World {
    /// Nobody and nothing.
    pub(super) fn empty(release: CoreRelease) -> Self {
        Self {
            release,
            users: BTreeMap::new(),
            rooms: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            messages: BTreeMap::new(),
            settings: BTreeMap::new(),
            presence: Presence::default(),
            effects: Effects::default(),
            last_date: 0,
        }
    }

    /// What has to be done by now; asked once after each thing that was done.
    pub(super) fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// This moment, later than all before: two changes of one document never carry the same `_updatedAt`.
    fn now(&mut self) -> Date {
        self.last_date = Date::now().0.max(self.last_date + 1);
        Date(self.last_date)
    }

    // Looking

    /// The user who calls, when the token is one of its own: the check of `callMethodWithToken`.
    pub(super) fn caller(&self, uid: Option<&str>, hashed: Option<&str>) -> Option<&User> {
        let user = self.users.get(uid?)?;
        let hashed = hashed?;
        let known = user.tokens.iter().any(|token| token.hashed_token == hashed);
        known.then_some(user)
    }

    pub(super) fn user_named(&self, username: &str) -> Option<&User> {
        self.users.values().find(|user| user.username == username)
    }

    pub(super) fn subscription(&self, rid: &str, uid: &str) -> Option<&Subscription> {
        self.members(rid)
            .find(|subscription| subscription.u.id == uid)
    }

    pub(super) fn members(&self, rid: &str) -> impl Iterator<Item = &Subscription> {
        self.subscriptions
            .values()
            .filter(move |subscription| subscription.rid == rid)
    }

    pub(super) fn setting(&self, id: &str) -> Option<&Value> {
        self.settings.get(id)?.get("value")
    }

    pub(super) fn message(&self, id: &str) -> Option<&Message> {
        self.messages
            .values()
            .flatten()
            .find(|message| message.id == id)
    }

    fn setting_is_true(&self, id: &str) -> bool {
        self.setting(id) == Some(&Value::Bool(true))
    }

    /// `rid` adds the roles that the user has in that room.
    pub(super) fn has_permission(&self, uid: &str, permission: &str, rid: Option<&str>) -> bool {
        let allowed = roles_with(permission);
        let user = self.users.get(uid).map(|user| user.roles.as_slice());
        let scoped = rid
            .and_then(|rid| self.subscription(rid, uid))
            .map(|subscription| subscription.roles.as_slice());
        let mut roles = user.into_iter().chain(scoped).flatten();
        roles.any(|role| allowed.contains(&role.as_str()))
    }

    /// `authorization.canAccessRoom`; `token` is a livechat visitor's.
    pub(super) fn can_access(&self, rid: &str, uid: Option<&str>, token: Option<&str>) -> bool {
        let Some(room) = self.rooms.get(rid) else {
            return false;
        };
        let user = uid.filter(|uid| self.users.contains_key(*uid));
        let is_member = user.is_some_and(|uid| self.subscription(rid, uid).is_some());
        match room.t {
            RoomType::Channel => match user {
                Some(uid) => is_member || self.has_permission(uid, "view-c-room", None),
                None => self.setting_is_true("Accounts_AllowAnonymousRead"),
            },
            RoomType::Private | RoomType::Direct => is_member,
            RoomType::Livechat => {
                let visits = token.is_some() && token == room.visitor_token();
                let serves = user.is_some_and(|uid| {
                    room.served_by() == Some(uid) || self.has_permission(uid, "view-l-room", None)
                });
                visits || serves
            }
        }
    }

    /// `authorization.canReadRoom`: looking into a public room without joining it is a permission of its own.
    pub(super) fn can_read(&self, rid: &str, uid: Option<&str>, token: Option<&str>) -> bool {
        if !self.can_access(rid, uid, token) {
            return false;
        }
        let is_channel = self
            .rooms
            .get(rid)
            .is_some_and(|room| room.t == RoomType::Channel);
        match uid.filter(|uid| is_channel && !uid.is_empty()) {
            Some(uid) => {
                self.subscription(rid, uid).is_some()
                    || self.has_permission(uid, "preview-c-room", None)
            }
            None => true,
        }
    }

    // Changing: each change is written and, where the core tells of it, broadcast

    pub(super) fn broadcast(&mut self, event: &str, args: Value) {
        self.effects.broadcast(event, args);
    }

    /// Writes a document of a kind that has no rules of its own.
    pub(super) fn write(&mut self, collection: Collection, document: Value) {
        self.effects.put(collection, document);
    }

    /// Writes the user; `watch.users` is the business of whoever changed it.
    pub(super) fn save_user(&mut self, uid: &str) {
        let now = self.now();
        if let Some(user) = self.users.get_mut(uid) {
            user.updated_at = now;
            let document = user.document();
            self.effects.put(Collection::Users, document);
        }
    }

    /// Writes the room and tells of it.
    fn save_room(&mut self, rid: &str, action: &str) {
        let now = self.now();
        if let Some(room) = self.rooms.get_mut(rid) {
            room.updated_at = now;
            let document = value(room);
            self.effects.put(Collection::Rooms, document.clone());
            self.broadcast(
                "watch.rooms",
                json!([{ "clientAction": action, "room": document }]),
            );
        }
    }

    /// Writes the subscription and tells of it.
    fn save_subscription(&mut self, id: &str, action: &str) {
        let now = self.now();
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            subscription.updated_at = now;
            let document = value(subscription);
            self.effects
                .put(Collection::Subscriptions, document.clone());
            self.broadcast(
                "watch.subscriptions",
                json!([{ "clientAction": action, "subscription": document }]),
            );
        }
    }

    fn remove_subscription(&mut self, id: &str) {
        if let Some(gone) = self.subscriptions.remove(id) {
            self.effects.remove(Collection::Subscriptions, id);
            let brief = json!({ "_id": gone.id, "rid": gone.rid, "t": gone.t, "name": gone.name, "u": gone.u });
            self.broadcast(
                "watch.subscriptions",
                json!([{ "clientAction": "removed", "subscription": brief }]),
            );
        }
    }

    /// Everything that the streamer reads from the database.
    pub(super) fn documents(&self) -> Vec<(Collection, Value)> {
        let mut all = Vec::new();
        all.extend(
            self.users
                .values()
                .map(|user| (Collection::Users, user.document())),
        );
        all.extend(
            self.rooms
                .values()
                .map(|room| (Collection::Rooms, value(room))),
        );
        all.extend(
            self.subscriptions
                .values()
                .map(|one| (Collection::Subscriptions, value(one))),
        );
        all.extend(
            self.settings
                .values()
                .map(|one| (Collection::Settings, one.clone())),
        );
        all.extend(
            seed::conferences()
                .into_iter()
                .map(|one| (Collection::VideoConferences, one)),
        );
        all
    }
}

/// An id as Meteor makes them: 17 letters and figures that are not mistaken for one another.
pub(super) fn new_id() -> String {
    const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz";
    (0..17)
        .map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]))
        .collect()
}
