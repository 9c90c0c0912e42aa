//! Presence: connections are counted, and what others see of a person is worked out from them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::state::World;
use crate::sandbox::options::CoreRelease;

/// The statuses that a client may choose.
pub(in crate::sandbox) const STATUSES: [&str; 4] = ["online", "away", "busy", "offline"];

/// The connections of everybody.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Presence {
    users: BTreeMap<String, BTreeMap<String, Connection>>,
}

/// One session, as the streamer told of it.
#[derive(Debug)]
struct Connection {
    node: String,
    status: String,
}

impl Presence {
    /// How many sessions are logged in.
    pub(in crate::sandbox) fn connections(&self) -> usize {
        self.users.values().map(BTreeMap::len).sum()
    }

    /// The best of a user's connections: online, then away, then busy.
    fn of(&self, uid: &str) -> &'static str {
        let has = |status: &str| {
            self.users
                .get(uid)
                .is_some_and(|list| list.values().any(|one| one.status == status))
        };
        ["online", "away", "busy"]
            .into_iter()
            .find(|status| has(status))
            .unwrap_or("offline")
    }
}

impl World {
    /// `presence.newConnection`.
    pub(in crate::sandbox) fn new_connection(
        &mut self,
        uid: &str,
        session: &str,
        node: &str,
    ) -> Value {
        let connection = Connection {
            node: node.to_owned(),
            status: "online".to_owned(),
        };
        self.presence
            .users
            .entry(uid.to_owned())
            .or_default()
            .insert(session.to_owned(), connection);
        self.refresh_presence(uid, None);
        json!({ "uid": uid, "connectionId": session })
    }

    /// `presence.updateConnection`: still there.
    pub(in crate::sandbox) fn update_connection(&self, uid: &str, session: &str) -> Option<Value> {
        let known = self.presence.users.get(uid)?.contains_key(session);
        known.then(|| json!({ "uid": uid, "connectionId": session }))
    }

    /// `presence.removeConnection`.
    pub(in crate::sandbox) fn remove_connection(&mut self, uid: &str, session: &str) -> Value {
        if let Some(list) = self.presence.users.get_mut(uid) {
            list.remove(session);
            if list.is_empty() {
                self.presence.users.remove(uid);
            }
        }
        self.refresh_presence(uid, None);
        json!({ "uid": uid, "session": session })
    }

    /// `presence.removeLostConnections`: a streamer is gone, and its sessions with it.
    pub(in crate::sandbox) fn remove_lost_connections(&mut self, node: &str) -> Vec<String> {
        let mut lost = BTreeSet::new();
        for (uid, list) in &mut self.presence.users {
            let before = list.len();
            list.retain(|_, one| one.node != node);
            if list.len() != before {
                lost.insert(uid.clone());
            }
        }
        self.presence.users.retain(|_, list| !list.is_empty());
        for uid in &lost {
            self.refresh_presence(uid, None);
        }
        lost.into_iter().collect()
    }

    /// `presence.setStatus`: what the user wants to be seen as.
    pub(in crate::sandbox) fn set_status(
        &mut self,
        uid: &str,
        status: &str,
        text: Option<&str>,
    ) -> bool {
        if !STATUSES.contains(&status) {
            return false;
        }
        if let Some(user) = self.users.get_mut(uid) {
            user.status_default = status.to_owned();
        }
        self.refresh_presence(uid, text)
    }

    /// `presence.setConnectionStatus`: one session fell asleep, or woke.
    pub(in crate::sandbox) fn set_connection_status(
        &mut self,
        uid: &str,
        status: &str,
        session: &str,
    ) -> bool {
        let Some(one) = self
            .presence
            .users
            .get_mut(uid)
            .and_then(|list| list.get_mut(session))
        else {
            return false;
        };
        one.status = status.to_owned();
        self.refresh_presence(uid, None)
    }

    /// A user as `presence.status` tells of one; with a name since 7.x.
    fn shown(&self, uid: &str) -> Option<Value> {
        let user = self.users.get(uid)?;
        let mut shown = json!({
            "_id": user.id, "username": user.username,
            "status": user.status, "statusText": user.status_text, "roles": user.roles,
        });
        if self.release >= CoreRelease::V7 {
            shown["name"] = user.name.clone().into();
        }
        Some(shown)
    }

    /// `status-visibility.refresh`: these users, or all; nobody hides here.
    pub(in crate::sandbox) fn shown_users(&self, targets: Option<&[Value]>) -> Vec<Value> {
        match targets {
            None => self
                .users
                .keys()
                .filter_map(|uid| self.shown(uid))
                .collect(),
            Some(targets) => targets
                .iter()
                .filter_map(|uid| self.shown(uid.as_str()?))
                .collect(),
        }
    }

    /// Works the status out again, and tells everybody when others see something new.
    fn refresh_presence(&mut self, uid: &str, text: Option<&str>) -> bool {
        let connection = self.presence.of(uid);
        let Some(user) = self.users.get_mut(uid) else {
            return false;
        };
        let chosen = user.status_default.as_str();
        let status = match (connection, chosen) {
            ("offline", _) => "offline",
            (connection, "online") => connection,
            (_, chosen) => chosen,
        }
        .to_owned();
        let previous = std::mem::replace(&mut user.status, status);
        let mut changed = user.status != previous;
        connection.clone_into(&mut user.status_connection);
        if let Some(text) = text.filter(|text| *text != user.status_text) {
            text.clone_into(&mut user.status_text);
            changed = true;
        }
        self.save_user(uid);
        if changed && let Some(seen) = self.shown(uid) {
            self.broadcast(
                "presence.status",
                json!([{ "user": seen, "previousStatus": previous }]),
            );
        }
        changed
    }
}
