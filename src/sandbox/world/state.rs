//! The documents, how they are looked at, and how a change of one is written and told.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::date::Date;
use super::documents::{Message, Room, RoomType, Subscription, User, value};
use super::effects::Effects;
use super::permissions::roles_with;
use super::presence::Presence;
use crate::sandbox::options::CoreRelease;
use crate::store::Collection;

/// Messages kept of one room; the oldest go.
pub(super) const MESSAGES_KEPT: usize = 1000;

/// Everything.
#[derive(Debug)]
pub(in crate::sandbox) struct World {
    pub(in crate::sandbox) release: CoreRelease,
    pub(in crate::sandbox) users: BTreeMap<String, User>,
    pub(in crate::sandbox) rooms: BTreeMap<String, Room>,
    pub(in crate::sandbox) subscriptions: BTreeMap<String, Subscription>,
    pub(in crate::sandbox) messages: BTreeMap<String, Vec<Message>>,
    pub(in crate::sandbox) settings: BTreeMap<String, Value>,
    pub(in crate::sandbox) presence: Presence,
    pub(super) effects: Effects,
    last_date: i64,
}

impl World {
    /// Nobody and nothing.
    pub(in crate::sandbox) fn empty(release: CoreRelease) -> Self {
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
    pub(in crate::sandbox) fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// This moment, later than all before: two changes of one document never carry the same `_updatedAt`.
    pub(super) fn now(&mut self) -> Date {
        self.last_date = Date::now().0.max(self.last_date + 1);
        Date(self.last_date)
    }

    // Looking

    /// The user who calls, when the token is one of its own: the check of `callMethodWithToken`.
    pub(in crate::sandbox) fn caller(
        &self,
        uid: Option<&str>,
        hashed: Option<&str>,
    ) -> Option<&User> {
        let user = self.users.get(uid?)?;
        let hashed = hashed?;
        let known = user.tokens.iter().any(|token| token.hashed_token == hashed);
        known.then_some(user)
    }

    pub(in crate::sandbox) fn user_named(&self, username: &str) -> Option<&User> {
        self.users.values().find(|user| user.username == username)
    }

    pub(in crate::sandbox) fn subscription(&self, rid: &str, uid: &str) -> Option<&Subscription> {
        self.members(rid)
            .find(|subscription| subscription.u.id == uid)
    }

    pub(in crate::sandbox) fn members(&self, rid: &str) -> impl Iterator<Item = &Subscription> {
        self.subscriptions
            .values()
            .filter(move |subscription| subscription.rid == rid)
    }

    pub(in crate::sandbox) fn setting(&self, id: &str) -> Option<&Value> {
        self.settings.get(id)?.get("value")
    }

    pub(in crate::sandbox) fn message(&self, id: &str) -> Option<&Message> {
        self.messages
            .values()
            .flatten()
            .find(|message| message.id == id)
    }

    pub(super) fn setting_is_true(&self, id: &str) -> bool {
        self.setting(id) == Some(&Value::Bool(true))
    }

    /// `rid` adds the roles that the user has in that room.
    pub(in crate::sandbox) fn has_permission(
        &self,
        uid: &str,
        permission: &str,
        rid: Option<&str>,
    ) -> bool {
        let allowed = roles_with(permission);
        let user = self.users.get(uid).map(|user| user.roles.as_slice());
        let scoped = rid
            .and_then(|rid| self.subscription(rid, uid))
            .map(|subscription| subscription.roles.as_slice());
        let mut roles = user.into_iter().chain(scoped).flatten();
        roles.any(|role| allowed.contains(&role.as_str()))
    }

    /// `authorization.canAccessRoom`; `token` is a livechat visitor's.
    pub(in crate::sandbox) fn can_access(
        &self,
        rid: &str,
        uid: Option<&str>,
        token: Option<&str>,
    ) -> bool {
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
    pub(in crate::sandbox) fn can_read(
        &self,
        rid: &str,
        uid: Option<&str>,
        token: Option<&str>,
    ) -> bool {
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

    pub(in crate::sandbox) fn broadcast(&mut self, event: &str, args: Value) {
        self.effects.broadcast(event, args);
    }

    /// Writes a document of a kind that has no rules of its own.
    pub(in crate::sandbox) fn write(&mut self, collection: Collection, document: Value) {
        self.effects.put(collection, document);
    }

    /// Writes the user; `watch.users` is the business of whoever changed it.
    pub(in crate::sandbox) fn save_user(&mut self, uid: &str) {
        let now = self.now();
        if let Some(user) = self.users.get_mut(uid) {
            user.updated_at = now;
            let document = user.document();
            self.effects.put(Collection::Users, document);
        }
    }

    /// Writes the room and tells of it.
    pub(super) fn save_room(&mut self, rid: &str, action: &str) {
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
    pub(super) fn save_subscription(&mut self, id: &str, action: &str) {
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

    pub(super) fn remove_subscription(&mut self, id: &str) {
        if let Some(gone) = self.subscriptions.remove(id) {
            self.effects.remove(Collection::Subscriptions, id);
            let brief = json!({ "_id": gone.id, "rid": gone.rid, "t": gone.t, "name": gone.name, "u": gone.u });
            self.broadcast(
                "watch.subscriptions",
                json!([{ "clientAction": "removed", "subscription": brief }]),
            );
        }
    }
}
