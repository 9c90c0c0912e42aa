//! What is said, and what was read of it.

use serde_json::{Map, Value, json};

use super::date::Date;
use super::documents::{Message, RoomType, User, new_id};
use super::documents::{UserBrief, value};
use super::refusal::Refusal;
use super::state::{MESSAGES_KEPT, World};
use crate::sandbox::options::CoreRelease;

/// What a client may add to a message of its own.
const EXTRAS: [&str; 5] = ["tmid", "alias", "attachments", "customFields", "groupable"];

/// What a client wants to say.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Draft {
    pub(in crate::sandbox) id: Option<String>,
    pub(in crate::sandbox) rid: String,
    pub(in crate::sandbox) msg: String,
    pub(in crate::sandbox) more: Map<String, Value>,
}

impl Draft {
    /// `{_id?, rid, msg?, …}`.
    pub(in crate::sandbox) fn read(message: &Value) -> Result<Self, Refusal> {
        let text = |key: &str| message.get(key).and_then(Value::as_str).map(str::to_owned);
        let extras = EXTRAS
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), message.get(*key)?.clone())));
        Ok(Self {
            id: text("_id").filter(|id| !id.is_empty()),
            rid: text("rid").ok_or_else(Refusal::match_failed)?,
            msg: text("msg").unwrap_or_default(),
            more: extras.collect(),
        })
    }
}

impl World {
    /// `sendMessage`.
    pub(in crate::sandbox) fn send_message(
        &mut self,
        user: &User,
        draft: Draft,
    ) -> Result<Value, Refusal> {
        const METHOD: &str = "sendMessage";
        let limit = self
            .setting("Message_MaxAllowedSize")
            .and_then(Value::as_u64)
            .unwrap_or(5000);
        if draft.msg.chars().count() as u64 > limit {
            let reason = "Message size exceeds Message_MaxAllowedSize";
            return Err(Refusal::new("error-message-size-exceeded", reason, METHOD));
        }
        let room = self.rooms.get(&draft.rid);
        let muted = room.is_some_and(|room| room.ro)
            && !self.has_permission(&user.id, "post-readonly", Some(&draft.rid));
        if muted
            || !self.can_access(&draft.rid, Some(&user.id), None)
            || self.subscription(&draft.rid, &user.id).is_none()
        {
            // The core tells the sender in the room as well.
            let word = json!({ "msg": "error-not-allowed" });
            self.broadcast("notify.ephemeralMessage", json!([user.id, draft.rid, word]));
            return Err(Refusal::not_allowed(METHOD));
        }
        if let Some(id) = draft.id.as_ref().filter(|id| self.message(id).is_some()) {
            return Err(Refusal::new(
                "error-duplicate-message",
                format!("Message {id} exists"),
                METHOD,
            ));
        }
        let now = self.now();
        let id = draft.id.unwrap_or_else(new_id);
        let mut message = Message::new(id, &draft.rid, user.brief(), &draft.msg, now);
        message.mentions = self
            .mentioned(&draft.msg)
            .iter()
            .map(|user| user.brief())
            .collect();
        message.more = draft.more;
        Ok(self.say(message))
    }

    /// A livechat visitor speaks.
    pub(in crate::sandbox) fn send_as_visitor(
        &mut self,
        draft: Draft,
        token: &str,
    ) -> Result<Value, Refusal> {
        let Some(room) = self
            .rooms
            .get(&draft.rid)
            .filter(|room| room.visitor_token() == Some(token))
        else {
            return Err(Refusal::new(
                "error-invalid-room",
                "Invalid room",
                "sendMessageLivechat",
            ));
        };
        let visitor = room.more.get("v").cloned().unwrap_or_default();
        let text = |key: &str| {
            visitor
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let by = UserBrief {
            id: text("_id"),
            username: text("username"),
            name: room.fname.clone(),
        };
        let now = self.now();
        let mut message = Message::new(
            draft.id.unwrap_or_else(new_id),
            &draft.rid,
            by,
            &draft.msg,
            now,
        );
        message.more.insert("token".to_owned(), token.into());
        Ok(self.say(message))
    }

    /// A system message, such as `uj`.
    pub(super) fn say_system(&mut self, rid: &str, user: &User, t: &str, msg: &str) {
        let now = self.now();
        let mut message = Message::new(new_id(), rid, user.brief(), msg, now);
        message.t = Some(t.to_owned());
        message.md = None;
        self.say(message);
    }

    /// Puts the message into its room: the event, the room's last message, the others' counts, in the core's order.
    fn say(&mut self, message: Message) -> Value {
        let said = value(&message);
        self.broadcast_message("inserted", &said);
        if let Some(room) = self.rooms.get_mut(&message.rid) {
            room.msgs += 1;
            room.lm = message.ts;
            room.last_message = Some(message.clone());
        }
        self.save_room(&message.rid, "updated");
        self.count(&message);
        let list = self.messages.entry(message.rid.clone()).or_default();
        list.push(message);
        if list.len() > MESSAGES_KEPT {
            list.remove(0);
        }
        said
    }

    /// Tells what a message is now.
    pub(super) fn broadcast_message(&mut self, action: &str, message: &Value) {
        let args = match self.release < CoreRelease::V8 {
            true => json!([{ "clientAction": action, "message": message }]),
            false => json!([{ "message": message }]),
        };
        self.broadcast("watch.messages", args);
    }

    /// The members' unread counts; with `Unread_Count` `all_messages`, as the sandbox sets it, every message counts.
    fn count(&mut self, message: &Message) {
        if message.t.is_some() {
            return;
        }
        let members: Vec<String> = self
            .members(&message.rid)
            .map(|one| one.id.clone())
            .collect();
        for id in members {
            let Some(one) = self.subscriptions.get_mut(&id) else {
                continue;
            };
            let own = one.u.id == message.u.id;
            let mentioned = message.mentions.iter().any(|user| user.id == one.u.id);
            if own {
                one.alert = false;
                one.unread = 0;
                one.ls = Some(message.ts);
            } else {
                one.alert = true;
                one.open = true;
                one.unread += 1;
                one.user_mentions += u64::from(mentioned);
            }
            let notified = !own && (mentioned || one.t == RoomType::Direct);
            let uid = one.u.id.clone();
            self.save_subscription(&id, "updated");
            if notified {
                self.notify(&uid, message);
            }
        }
    }

    fn notify(&mut self, uid: &str, message: &Message) {
        let room = self.rooms.get(&message.rid);
        let payload = json!({
            "_id": message.id, "rid": message.rid, "sender": message.u,
            "type": room.map(|room| room.t), "name": room.and_then(|room| room.name.clone()),
            "message": { "msg": message.msg },
        });
        let title = message
            .u
            .name
            .clone()
            .unwrap_or_else(|| message.u.username.clone());
        let notification =
            json!({ "title": title, "text": message.msg, "duration": 0, "payload": payload });
        self.broadcast("notify.desktop", json!([uid, notification]));
    }

    /// The people that a text calls by `@username`.
    pub(super) fn mentioned(&self, text: &str) -> Vec<&User> {
        let mut found: Vec<&User> = Vec::new();
        for word in text.split(|c: char| !(c.is_alphanumeric() || "@._-".contains(c))) {
            let Some(name) = word.strip_prefix('@') else {
                continue;
            };
            let user = self.user_named(name.trim_end_matches(['.', '-']));
            found.extend(user.filter(|user| !found.iter().any(|known| known.id == user.id)));
        }
        found
    }

    /// `readMessages`: the own counts go to nothing; the room learns up to when everybody has read.
    pub(in crate::sandbox) fn read_messages(
        &mut self,
        user: &User,
        rid: &str,
    ) -> Result<(), Refusal> {
        let Some(id) = self.subscription(rid, &user.id).map(|one| one.id.clone()) else {
            return Err(Refusal::new(
                "error-invalid-subscription",
                "Invalid subscription",
                "readMessages",
            ));
        };
        let now = self.now();
        if let Some(one) = self.subscriptions.get_mut(&id) {
            one.ls = Some(now);
            one.unread = 0;
            one.user_mentions = 0;
            one.group_mentions = 0;
            one.alert = false;
        }
        self.save_subscription(&id, "updated");
        let people = self
            .members(rid)
            .filter(|one| self.users.get(&one.u.id).is_none_or(|user| !user.is_bot()));
        let until = people.map(|one| one.ls.unwrap_or_default()).min();
        if let Some(until) = until.filter(|until| until.0 > 0) {
            self.broadcast(
                "notify.messagesRead",
                json!([{ "rid": rid, "until": until }]),
            );
        }
        Ok(())
    }

    /// `loadHistory`: the newest first, older than `end`; `false` for a room that may not be read.
    pub(in crate::sandbox) fn load_history(
        &self,
        uid: Option<&str>,
        rid: &str,
        end: Option<Date>,
        limit: usize,
        ls: Option<Date>,
    ) -> Value {
        if !self.can_read(rid, uid, None) {
            return Value::Bool(false);
        }
        let before = |message: &&Message| end.is_none_or(|end| message.ts < end);
        let list = self
            .messages
            .get(rid)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let messages: Vec<&Message> = list.iter().rev().filter(before).take(limit).collect();
        let oldest = messages.last().map(|message| message.ts);
        let unread = |message: &&Message| ls.is_some_and(|ls| message.ts > ls);
        let first_unread = list.iter().find(unread);
        let not_loaded = list
            .iter()
            .filter(unread)
            .filter(|message| oldest.is_some_and(|oldest| message.ts < oldest))
            .count();
        json!({ "messages": messages, "firstUnread": first_unread, "unreadNotLoaded": not_loaded })
    }
}
