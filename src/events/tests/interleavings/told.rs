//! What the mesh tells, after the core did it.

use serde_json::{Value, json};

use super::heard::Expected;
use super::play::{Play, Slot};
use super::truth::{PERMISSIONS, ROOMS, Room, Topic, User};
use crate::ejson;
use crate::store::Collection;

impl Play {
    /// An event of the mesh.
    pub(super) fn event(&self, name: &str, data: &Value) {
        let data = ejson::raw(data.to_string()).unwrap();
        assert!(self.events.translate(name, &data), "{name} {data}");
    }

    pub(super) fn relay(&mut self, topic: Topic, arg: &str) {
        let (stream, event_name) = topic.names();
        let args = json!([arg]);
        self.event("stream", &json!([[stream, event_name, args]]));
        self.model.event(topic, &args.to_string());
    }

    /// Something for everybody, of everything.
    pub(super) fn tell(&mut self) {
        for room in 0..ROOMS {
            let (n, tick) = (self.next(), self.tick());
            let message = json!({"_id": format!("m{n}"), "rid": format!("r{room}"), "n": n});
            self.event(
                "watch.messages",
                &json!([{"clientAction": "inserted", "message": message}]),
            );
            self.model
                .event(Topic::Messages(room), &json!([message]).to_string());
            self.model.message(n, room, tick);
        }
        for topic in Topic::EVERY {
            match topic {
                Topic::Messages(_)
                | Topic::Data(_)
                | Topic::Mine
                | Topic::Forced(_)
                | Topic::RoomsChanged(_) => {}
                _ => {
                    let n = self.next();
                    self.relay(topic, &n.to_string());
                }
            }
        }
    }

    /// `watch.rooms`
    pub(super) fn room_event(&mut self, room: Room, tick: u64) {
        self.desk.lock().truth.writes[room].push(tick);
        let document = self.desk.lock().truth.room(room);
        self.put_room(room);
        self.event(
            "watch.rooms",
            &json!([{"clientAction": "updated", "room": document}]),
        );
        let members = self.desk.lock().truth.members.clone();
        for (user, _) in members.into_iter().filter(|(_, of)| *of == room) {
            let args = json!(["updated", document]).to_string();
            self.model.event(Topic::RoomsChanged(user), &args);
        }
        self.model
            .event(Topic::Data(room), &json!([document]).to_string());
    }

    pub(super) fn touch(&mut self, room: Room) {
        let tick = self.tick();
        self.model.room_touched(room, tick);
        self.room_event(room, tick);
    }

    pub(super) fn retype(&mut self, room: Room) {
        let tick = self.tick();
        {
            let public = &mut self.desk.lock().truth.public;
            if !public.remove(&room) {
                public.insert(room);
            }
        }
        self.model.room_moved(room, tick);
        self.model
            .doubt(tick, |_, topic| topic.room() == Some(room));
        self.room_event(room, tick);
    }

    /// `watch.subscriptions`
    pub(super) fn subscription(&self, action: &str, user: User, room: Room) {
        let subscription =
            json!({"_id": "s", "rid": format!("r{room}"), "u": {"_id": format!("u{user}")}});
        self.event(
            "watch.subscriptions",
            &json!([{"clientAction": action, "subscription": subscription}]),
        );
    }

    pub(super) fn join(&mut self, user: User, room: Room) {
        if !self.desk.lock().truth.members.insert((user, room)) {
            return;
        }
        self.put_member(user, room);
        let tick = self.tick();
        self.model.user_moved(user, tick);
        let topic = Topic::RoomsChanged(user);
        let mut sessions = self.model.sessions.iter().flatten();
        if sessions.any(|one| one.publications.contains_key(&topic)) {
            self.model
                .later
                .push((user, Expected::inserted(user, room)));
        }
        self.subscription("inserted", user, room);
    }

    pub(super) fn kick(&mut self, user: User, room: Room) {
        if !self.desk.lock().truth.members.remove(&(user, room)) {
            return;
        }
        let memory = self.store.as_memory().unwrap();
        memory.remove(Collection::Subscriptions, &format!("r{room}-u{user}"));
        let tick = self.tick();
        self.model.user_moved(user, tick);
        self.model.left(user, room, tick);
        self.subscription("removed", user, room);
    }

    /// `watch.users`
    pub(super) fn user_event(&mut self, user: User, diff: &Value) {
        self.put_user(user);
        let tick = self.tick();
        self.model.user_moved(user, tick);
        self.event(
            "watch.users",
            &json!([{"id": format!("u{user}"), "clientAction": "updated", "diff": diff}]),
        );
    }

    pub(super) fn role(&mut self, user: User) {
        {
            let agents = &mut self.desk.lock().truth.agents;
            if !agents.remove(&user) {
                agents.insert(user);
            }
        }
        self.user_event(user, &json!({"roles": ["user"]}));
        let tick = self.tick();
        let old = !self.model.new;
        self.model.doubt(tick, |of, topic| {
            of == Some(user) && asks_permission(topic, old)
        });
    }

    pub(super) fn permission(&mut self, which: usize) {
        {
            let permissions = &mut self.desk.lock().truth.permissions;
            if !permissions.remove(&which) {
                permissions.insert(which);
            }
        }
        let tick = self.tick();
        self.model.everything_moved(tick);
        self.model
            .doubt(tick, |_, topic| topic.permission() == Some(which));
        let data = json!({"_id": PERMISSIONS[which], "roles": []});
        self.event(
            "permission.changed",
            &json!([{"clientAction": "updated", "data": data}]),
        );
    }

    pub(super) fn roles_changed(&mut self) {
        let (tick, old) = (self.tick(), !self.model.new);
        self.model.everything_moved(tick);
        self.model
            .doubt(tick, |_, topic| asks_permission(topic, old));
        self.event(
            "watch.roles",
            &json!([{"clientAction": "updated", "role": {"_id": "livechat-agent"}}]),
        );
    }

    pub(super) fn force_out(&mut self, user: User, only: Option<usize>) {
        let id = |slot: &Slot| slot.client.id().as_str().to_owned();
        let only = match only {
            None => None,
            Some(slot) => match &self.slots[slot] {
                None => return,
                Some(one) => Some((slot, id(one))),
            },
        };
        let mut data = vec![json!(format!("u{user}"))];
        data.extend(only.iter().map(|(_, id)| json!(id)));
        let args = Value::from(data[1..].to_vec()).to_string();
        self.event("user.forceLogout", &Value::from(data));
        self.model.event(Topic::Forced(user), &args);
        for (slot, session) in self.model.sessions.iter_mut().enumerate() {
            let Some(session) = session else { continue };
            let meant = only.as_ref().is_none_or(|(only, _)| *only == slot);
            if session.user == Some(user) && meant && !session.gone {
                session.gone = true;
                if session.doubted.is_some() {
                    session.expected.clear();
                }
            }
        }
    }

    pub(super) fn token_gone(&mut self, slot: usize, stale: bool) {
        let Some(session) = self.model.sessions[slot].as_mut() else {
            return;
        };
        let (Some(user), token) = (session.user, session.token) else {
            return;
        };
        self.doubt_tokens(user, |of| of == token, stale);
    }

    pub(super) fn deactivate(&mut self, user: User) {
        self.doubt_tokens(user, |_| true, false);
    }

    /// The list of a user's tokens comes without some; the database has them no more, unless the list is `stale`.
    pub(super) fn doubt_tokens(&mut self, user: User, is_gone: impl Fn(u64) -> bool, stale: bool) {
        let listed: Vec<_> = {
            let tokens = &mut self.desk.lock().truth.tokens;
            let listed = tokens
                .iter()
                .copied()
                .filter(|(of, token)| *of == user && !is_gone(*token));
            let listed = listed.collect();
            if !stale {
                tokens.retain(|(of, token)| *of != user || !is_gone(*token));
            }
            listed
        };
        let there = self.desk.lock().truth.tokens.clone();
        for session in self.model.sessions.iter_mut().flatten() {
            let key = (user, session.token);
            if session.user == Some(user) && !listed.contains(&key) && !session.gone {
                let stays = session.doubted.unwrap_or(true) && there.contains(&key);
                session.doubted = Some(stays);
            }
        }
        let listed: Vec<_> = listed
            .iter()
            .map(|(_, token)| json!({"hashedToken": format!("h{token}")}))
            .collect();
        self.user_event(user, &json!({"services.resume.loginTokens": listed}));
    }

    /// The tokens were looked up.
    pub(super) fn end_doubts(&mut self) {
        for session in self.model.sessions.iter_mut().flatten() {
            if session.doubted.take() == Some(false) && !session.gone {
                session.gone = true;
                session.expected.clear();
            }
        }
    }
}

/// Whether a topic's rule asks a permission; before 8.x that of messages does too, where the core says no.
fn asks_permission(topic: Topic, old: bool) -> bool {
    topic.permission().is_some() || old && matches!(topic, Topic::Messages(_))
}
