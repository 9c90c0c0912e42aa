//! The documents, and what is read of them.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use serde_json::value::to_raw_value;

use super::super::{Document, StoreError, UserNames, fields};
use super::Collection;
use super::projection::{project, text_at};

/// All tables. `sources` has every document as it was put; the others have what is read.
#[derive(Debug, Default)]
pub(super) struct Tables {
    sources: HashMap<(Collection, String), Value>,
    pub(super) rooms: HashMap<String, Room>,
    subscriptions: HashMap<String, Subscription>,
    /// Ids of subscriptions by room and by user.
    by_room: HashMap<String, BTreeSet<String>>,
    by_user: HashMap<String, BTreeSet<String>>,
    pub(super) users: HashMap<String, User>,
    pub(super) settings: HashMap<String, Option<Document>>,
    pub(super) conferences: HashMap<String, Document>,
    pub(super) instances: HashMap<String, u64>,
}

#[derive(Debug)]
pub(super) struct Room {
    pub(super) whole: Document,
    pub(super) t: Option<String>,
    pub(super) visitor_token: Option<String>,
    pub(super) served_by: Option<String>,
}

#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) room: Option<String>,
    pub(super) user: Option<String>,
    pub(super) visitor: Option<String>,
    pub(super) served_by: Option<String>,
}

#[derive(Debug)]
pub(super) struct User {
    pub(super) names: UserNames,
    pub(super) roles: Document,
    pub(super) own: Document,
    pub(super) tokens: Vec<String>,
}

impl Tables {
    pub(super) fn document(&self, collection: Collection, id: &str) -> Option<&Value> {
        self.sources.get(&(collection, id.to_owned()))
    }

    pub(super) fn count(&self, collection: Collection) -> usize {
        self.sources
            .keys()
            .filter(|(of, _)| *of == collection)
            .count()
    }

    pub(super) fn of_user(&self, user: &str) -> impl Iterator<Item = &Subscription> {
        self.by_user
            .get(user)
            .into_iter()
            .flatten()
            .filter_map(|id| self.subscriptions.get(id))
    }

    pub(super) fn of_room(&self, room: &str) -> impl Iterator<Item = &Subscription> {
        self.by_room
            .get(room)
            .into_iter()
            .flatten()
            .filter_map(|id| self.subscriptions.get(id))
    }

    pub(super) fn put(
        &mut self,
        collection: Collection,
        document: Value,
    ) -> Result<(), StoreError> {
        let Some(id) = document
            .get("_id")
            .and_then(Value::as_str)
            .map(str::to_owned)
        else {
            return Err(StoreError::Malformed(format!(
                "{}: no object with text as _id",
                collection.name()
            )));
        };
        match collection {
            Collection::Rooms => {
                let room = Room {
                    whole: raw(&document)?,
                    t: text_at(&document, &["t"]),
                    visitor_token: text_at(&document, &["v", "token"]),
                    served_by: text_at(&document, &["servedBy", "_id"]),
                };
                self.rooms.insert(id.clone(), room);
            }
            Collection::Subscriptions => self.put_subscription(&id, &document),
            Collection::Users => {
                let user = User {
                    names: UserNames {
                        username: text_at(&document, &["username"]),
                        name: text_at(&document, &["name"]),
                    },
                    roles: raw(&project(&document, fields::ROLES))?,
                    own: raw(&project(&document, fields::OWN_USER))?,
                    tokens: login_tokens(&document),
                };
                self.users.insert(id.clone(), user);
            }
            Collection::Settings => {
                self.settings
                    .insert(id.clone(), document.get("value").map(raw).transpose()?);
            }
            Collection::VideoConferences => {
                self.conferences
                    .insert(id.clone(), raw(&project(&document, fields::CONFERENCE))?);
            }
        }
        self.sources.insert((collection, id), document);
        Ok(())
    }

    fn put_subscription(&mut self, id: &str, document: &Value) {
        self.remove_subscription(id);
        let subscription = Subscription {
            room: text_at(document, &["rid"]),
            user: text_at(document, &["u", "_id"]),
            visitor: text_at(document, &["v", "_id"]),
            served_by: text_at(document, &["servedBy", "_id"]),
        };
        if let Some(room) = &subscription.room {
            self.by_room
                .entry(room.clone())
                .or_default()
                .insert(id.to_owned());
        }
        if let Some(user) = &subscription.user {
            self.by_user
                .entry(user.clone())
                .or_default()
                .insert(id.to_owned());
        }
        self.subscriptions.insert(id.to_owned(), subscription);
    }

    fn remove_subscription(&mut self, id: &str) {
        let Some(former) = self.subscriptions.remove(id) else {
            return;
        };
        for (index, key) in [
            (&mut self.by_room, former.room),
            (&mut self.by_user, former.user),
        ] {
            let Some(key) = key else { continue };
            if let Some(ids) = index.get_mut(&key) {
                ids.remove(id);
                if ids.is_empty() {
                    index.remove(&key);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, collection: Collection, id: &str) -> bool {
        match collection {
            Collection::Rooms => drop(self.rooms.remove(id)),
            Collection::Subscriptions => self.remove_subscription(id),
            Collection::Users => drop(self.users.remove(id)),
            Collection::Settings => drop(self.settings.remove(id)),
            Collection::VideoConferences => drop(self.conferences.remove(id)),
        }
        self.sources.remove(&(collection, id.to_owned())).is_some()
    }
}

fn raw(value: &Value) -> Result<Document, StoreError> {
    to_raw_value(value)
        .map(Document::from)
        .map_err(|error| StoreError::Malformed(error.to_string()))
}

/// `services.resume.loginTokens.hashedToken`, each.
fn login_tokens(user: &Value) -> Vec<String> {
    let tokens = user
        .pointer("/services/resume/loginTokens")
        .and_then(Value::as_array);
    tokens
        .into_iter()
        .flatten()
        .filter_map(|token| text_at(token, &["hashedToken"]))
        .collect()
}
