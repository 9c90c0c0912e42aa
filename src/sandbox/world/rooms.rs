//! Rooms made, found, joined, left; people added and removed.

use serde_json::{Value, json};

use super::date::Date;
use super::documents::{Room, RoomType, Subscription, User, new_id};
use super::documents::{UserBrief, value};
use super::refusal::Refusal;
use super::state::World;
use crate::store::Collection;

impl World {
    /// `createChannel`, `createPrivateGroup`.
    pub(in crate::sandbox) fn create_room(
        &mut self,
        user: &User,
        t: RoomType,
        name: &str,
        members: &[String],
    ) -> Result<Value, Refusal> {
        let (method, permission) = match t {
            RoomType::Channel => ("createChannel", "create-c"),
            _ => ("createPrivateGroup", "create-p"),
        };
        if !self.has_permission(&user.id, permission, None) {
            return Err(Refusal::not_allowed(method));
        }
        let good = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.chars().count() > 80 || !name.chars().all(good) {
            let reason = format!("{name} is not a valid room name.");
            return Err(Refusal::new("error-invalid-room-name", reason, method));
        }
        if self
            .rooms
            .values()
            .any(|room| room.name.as_deref() == Some(name))
        {
            let reason = format!("A channel with name '{name}' exists");
            return Err(Refusal::new("error-duplicate-channel-name", reason, method));
        }
        let now = self.now();
        let mut room = Room::new(new_id(), t, now);
        room.name = Some(name.to_owned());
        room.fname = Some(name.to_owned());
        room.u = Some(UserBrief {
            name: None,
            ..user.brief()
        });
        let rid = room.id.clone();
        let mut inside: Vec<User> = vec![user.clone()];
        for username in members {
            inside.extend(
                self.user_named(username)
                    .filter(|one| one.id != user.id)
                    .cloned(),
            );
        }
        room.users_count = inside.len();
        self.rooms.insert(rid.clone(), room);
        self.save_room(&rid, "inserted");
        for member in inside {
            let roles = if member.id == user.id {
                vec!["owner".to_owned()]
            } else {
                Vec::new()
            };
            self.subscribe(&rid, &member, roles);
        }
        Ok(json!({ "rid": rid, "name": name }))
    }

    /// `createDirectMessage`: with one person or several; the same people always get the same room.
    pub(in crate::sandbox) fn create_direct(
        &mut self,
        user: &User,
        usernames: &[String],
    ) -> Result<Value, Refusal> {
        const METHOD: &str = "createDirectMessage";
        if usernames.is_empty() || !self.has_permission(&user.id, "create-d", None) {
            return Err(Refusal::not_allowed(METHOD));
        }
        let mut people = vec![user.clone()];
        for username in usernames {
            let other = self
                .user_named(username)
                .ok_or_else(|| Refusal::invalid_user(METHOD))?;
            if !people.iter().any(|known| known.id == other.id) {
                people.push(other.clone());
            }
        }
        let mut uids: Vec<String> = people.iter().map(|one| one.id.clone()).collect();
        uids.sort();
        let known = self.rooms.values().find(|room| {
            let mut theirs = room.uids.clone();
            theirs.sort();
            room.t == RoomType::Direct && theirs == uids
        });
        let usernames: Vec<String> = people.iter().map(|one| one.username.clone()).collect();
        let rid = match known {
            Some(room) => room.id.clone(),
            None => {
                let now = self.now();
                let mut room = Room::new(uids.concat(), RoomType::Direct, now);
                room.uids = uids;
                room.usernames = usernames.clone();
                room.users_count = people.len();
                let rid = room.id.clone();
                self.rooms.insert(rid.clone(), room);
                self.save_room(&rid, "inserted");
                rid
            }
        };
        // Opened by the one who asks; the other learns of it with the first message.
        for member in &people {
            if self.subscription(&rid, &member.id).is_none() {
                self.subscribe(&rid, member, Vec::new());
            }
        }
        Ok(json!({ "t": "d", "rid": rid, "usernames": usernames }))
    }

    /// A new subscription, told of.
    fn subscribe(&mut self, rid: &str, user: &User, roles: Vec<String>) {
        let now = self.now();
        let Some(mut one) = self
            .rooms
            .get(rid)
            .map(|room| subscription(room, user, now))
        else {
            return;
        };
        if let Some(room) = self
            .rooms
            .get(rid)
            .filter(|room| room.t == RoomType::Direct)
        {
            let others: Vec<&User> = room
                .uids
                .iter()
                .filter(|uid| **uid != user.id)
                .filter_map(|uid| self.users.get(uid))
                .collect();
            let join = |names: Vec<&str>| names.join(", ");
            one.name = join(others.iter().map(|other| other.username.as_str()).collect());
            one.fname = join(others.iter().map(|other| other.name.as_str()).collect());
        }
        one.roles = roles;
        let id = one.id.clone();
        self.subscriptions.insert(id.clone(), one);
        self.save_subscription(&id, "inserted");
    }

    fn recount(&mut self, rid: &str) {
        let members = self.members(rid).count();
        if let Some(room) = self.rooms.get_mut(rid) {
            room.users_count = members;
        }
        self.save_room(rid, "updated");
    }

    /// `joinRoom`: public rooms only.
    pub(in crate::sandbox) fn join_room(
        &mut self,
        user: &User,
        rid: &str,
    ) -> Result<bool, Refusal> {
        const METHOD: &str = "joinRoom";
        let Some(room) = self.rooms.get(rid) else {
            return Err(Refusal::new("error-invalid-room", "Invalid room", METHOD));
        };
        if room.t != RoomType::Channel || !self.can_access(rid, Some(&user.id), None) {
            return Err(Refusal::not_allowed(METHOD));
        }
        if self.subscription(rid, &user.id).is_none() {
            self.subscribe(rid, user, Vec::new());
            self.say_system(rid, user, "uj", &user.username);
            self.recount(rid);
        }
        Ok(true)
    }

    /// The last owner of a room with others in it cannot go.
    fn is_last_owner(&self, rid: &str, uid: &str) -> bool {
        let owns = |one: &&Subscription| one.roles.iter().any(|role| role == "owner");
        self.subscription(rid, uid).as_ref().is_some_and(owns)
            && self.members(rid).filter(owns).count() == 1
            && self.members(rid).count() > 1
    }

    fn last_owner(method: &str) -> Refusal {
        let reason = "You are the last owner. Please set new owner before leaving the room.";
        Refusal::new("error-you-are-last-owner", reason, method)
    }

    /// `leaveRoom`.
    pub(in crate::sandbox) fn leave_room(&mut self, user: &User, rid: &str) -> Result<(), Refusal> {
        const METHOD: &str = "leaveRoom";
        let Some(room) = self.rooms.get(rid) else {
            return Err(Refusal::new("error-invalid-room", "Invalid room", METHOD));
        };
        let permission = match room.t {
            RoomType::Channel => "leave-c",
            RoomType::Private => "leave-p",
            _ => return Err(Refusal::not_allowed(METHOD)),
        };
        if !self.has_permission(&user.id, permission, None) {
            return Err(Refusal::not_allowed(METHOD));
        }
        let Some(id) = self.subscription(rid, &user.id).map(|one| one.id.clone()) else {
            return Err(Refusal::new(
                "error-user-not-in-room",
                "You are not in this room",
                METHOD,
            ));
        };
        if self.is_last_owner(rid, &user.id) {
            return Err(Self::last_owner(METHOD));
        }
        self.say_system(rid, user, "ul", &user.username);
        self.remove_subscription(&id);
        self.recount(rid);
        Ok(())
    }

    /// `addUserToRoom`, `addUsersToRoom`.
    pub(in crate::sandbox) fn add_user(
        &mut self,
        user: &User,
        rid: &str,
        username: &str,
    ) -> Result<bool, Refusal> {
        const METHOD: &str = "addUserToRoom";
        let Some(room) = self
            .rooms
            .get(rid)
            .filter(|room| matches!(room.t, RoomType::Channel | RoomType::Private))
        else {
            return Err(Refusal::new("error-invalid-room", "Invalid room", METHOD));
        };
        let member = self.subscription(rid, &user.id).is_some();
        let joined = member && self.has_permission(&user.id, "add-user-to-joined-room", Some(rid));
        let any = room.t == RoomType::Channel
            && self.has_permission(&user.id, "add-user-to-any-c-room", Some(rid));
        if !joined && !any {
            return Err(Refusal::not_allowed(METHOD));
        }
        let other = self.user_named(username).cloned();
        let other = other
            .ok_or_else(|| Refusal::new("error-invalid-username", "Invalid username", METHOD))?;
        if self.subscription(rid, &other.id).is_none() {
            self.subscribe(rid, &other, Vec::new());
            self.say_system(rid, user, "au", &other.username);
            self.recount(rid);
        }
        Ok(true)
    }

    /// `removeUserFromRoom`.
    pub(in crate::sandbox) fn remove_user(
        &mut self,
        user: &User,
        rid: &str,
        username: &str,
    ) -> Result<bool, Refusal> {
        const METHOD: &str = "removeUserFromRoom";
        let refused = || Refusal::not_allowed(METHOD);
        let room = self.rooms.get(rid).ok_or_else(refused)?;
        if !matches!(room.t, RoomType::Channel | RoomType::Private)
            || !self.can_access(rid, Some(&user.id), None)
            || !self.has_permission(&user.id, "remove-user", Some(rid))
        {
            return Err(refused());
        }
        let other = self.user_named(username).cloned();
        let other = other.ok_or_else(|| Refusal::invalid_user(METHOD))?;
        let Some(id) = self.subscription(rid, &other.id).map(|one| one.id.clone()) else {
            return Err(Refusal::new(
                "error-user-not-in-room",
                "User is not in this room",
                METHOD,
            ));
        };
        if self.is_last_owner(rid, &other.id) {
            return Err(Self::last_owner(METHOD));
        }
        self.remove_subscription(&id);
        self.say_system(rid, user, "ru", &other.username);
        self.recount(rid);
        Ok(true)
    }

    /// `eraseRoom`.
    pub(in crate::sandbox) fn erase_room(
        &mut self,
        user: &User,
        rid: &str,
    ) -> Result<bool, Refusal> {
        const METHOD: &str = "eraseRoom";
        let Some(room) = self.rooms.get(rid) else {
            return Err(Refusal::new("error-invalid-room", "Invalid room", METHOD));
        };
        let permission = if room.t == RoomType::Channel {
            "delete-c"
        } else {
            "delete-p"
        };
        if room.default || !self.has_permission(&user.id, permission, Some(rid)) {
            return Err(Refusal::not_allowed(METHOD));
        }
        let members: Vec<String> = self.members(rid).map(|one| one.id.clone()).collect();
        self.messages.remove(rid);
        for id in members {
            self.remove_subscription(&id);
        }
        if let Some(room) = self.rooms.remove(rid) {
            self.effects.remove(Collection::Rooms, rid);
            self.broadcast(
                "watch.rooms",
                json!([{ "clientAction": "removed", "room": { "_id": room.id } }]),
            );
        }
        Ok(true)
    }

    // Finding

    /// `getRoomIdByNameOrId`, `getRoomNameById`.
    pub(in crate::sandbox) fn find_room(
        &self,
        uid: &str,
        name_or_id: &str,
        method: &str,
    ) -> Result<&Room, Refusal> {
        let by_name = || {
            self.rooms
                .values()
                .find(|room| room.name.as_deref() == Some(name_or_id))
        };
        let room = self.rooms.get(name_or_id).or_else(by_name);
        room.filter(|room| self.can_access(&room.id, Some(uid), None))
            .ok_or_else(|| Refusal::not_allowed(method))
    }

    /// `rooms/get`: the user's rooms.
    pub(in crate::sandbox) fn rooms_of(&self, uid: &str) -> Vec<&Room> {
        let own = self.subscriptions.values().filter(|one| one.u.id == uid);
        own.filter_map(|one| self.rooms.get(&one.rid)).collect()
    }

    /// `getUsersOfRoom`: `{total, records}`.
    pub(in crate::sandbox) fn users_of(&self, uid: &str, rid: &str) -> Result<Value, Refusal> {
        const METHOD: &str = "getUsersOfRoom";
        if !self.can_read(rid, Some(uid), None) {
            return Err(Refusal::not_allowed(METHOD));
        }
        let users = self
            .members(rid)
            .filter_map(|one| self.users.get(&one.u.id));
        let records: Vec<Value> = users
            .map(|user| json!({ "_id": user.id, "username": user.username, "name": user.name, "status": user.status }))
            .collect();
        Ok(json!({ "total": records.len(), "records": records }))
    }

    /// `browseChannels`: the public rooms, by name.
    pub(in crate::sandbox) fn channels(&self) -> Value {
        let mut rooms: Vec<&Room> = self
            .rooms
            .values()
            .filter(|room| room.t == RoomType::Channel)
            .collect();
        rooms.sort_by(|a, b| a.name.cmp(&b.name));
        json!({ "total": rooms.len(), "results": rooms.into_iter().map(value).collect::<Vec<_>>() })
    }
}

/// A subscription as it begins.
pub(super) fn subscription(room: &Room, user: &User, now: Date) -> Subscription {
    Subscription {
        id: new_id(),
        rid: room.id.clone(),
        t: room.t,
        name: room.name.clone().unwrap_or_default(),
        fname: room.fname.clone().unwrap_or_default(),
        u: user.brief(),
        open: true,
        alert: false,
        unread: 0,
        user_mentions: 0,
        group_mentions: 0,
        roles: Vec::new(),
        ts: now,
        ls: None,
        more: serde_json::Map::new(),
        updated_at: now,
    }
}
