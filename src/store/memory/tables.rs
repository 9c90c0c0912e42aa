//! The documents, and what is read of them.
//!
//! Made to be small, for the benches measure sessions beside some 100,000 documents: a document is kept as its text, and an id
//! once, however many documents name it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::to_raw_value;
use slab::Slab;

use super::super::documents::{Document, UserNames};
use super::super::error::StoreError;
use super::super::fields;
use super::Collection;
use super::projection::{project, text_at};

type Id = Arc<str>;

/// All tables. `sources` has every document as it was put; the others have what is read.
#[derive(Debug, Default)]
pub(super) struct Tables {
    sources: [HashMap<Id, Document>; Collection::ALL.len()],
    pub(super) rooms: HashMap<Id, Room>,
    subscriptions: Slab<Subscription>,
    /// Places of subscriptions by id, by room and by user.
    by_id: HashMap<Id, u32>,
    by_room: HashMap<Id, Vec<u32>>,
    by_user: HashMap<Id, Vec<u32>>,
    pub(super) users: HashMap<Id, User>,
    pub(super) settings: HashMap<Id, Option<Document>>,
    pub(super) conferences: HashMap<Id, Document>,
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
    pub(super) room: Option<Id>,
    pub(super) user: Option<Id>,
    pub(super) visitor: Option<Box<str>>,
    pub(super) served_by: Option<Box<str>>,
}

#[derive(Debug)]
pub(super) struct User {
    pub(super) names: UserNames,
    pub(super) roles: Document,
    pub(super) own: Document,
    pub(super) tokens: Vec<String>,
}

impl Tables {
    pub(super) fn document(&self, collection: Collection, id: &str) -> Option<Value> {
        let source = self.sources[collection as usize].get(id)?;
        serde_json::from_str(source.get()).ok()
    }

    pub(super) fn count(&self, collection: Collection) -> usize {
        self.sources[collection as usize].len()
    }

    pub(super) fn of_user(&self, user: &str) -> impl Iterator<Item = &Subscription> {
        self.listed(&self.by_user, user)
    }

    pub(super) fn of_room(&self, room: &str) -> impl Iterator<Item = &Subscription> {
        self.listed(&self.by_room, room)
    }

    fn listed(
        &self,
        index: &HashMap<Id, Vec<u32>>,
        key: &str,
    ) -> impl Iterator<Item = &Subscription> {
        let places = index.get(key).map_or(&[][..], |places| places);
        places
            .iter()
            .filter_map(|place| self.subscriptions.get(*place as usize))
    }

    pub(super) fn put(
        &mut self,
        collection: Collection,
        document: &Value,
    ) -> Result<(), StoreError> {
        let Some(id) = document.get("_id").and_then(Value::as_str) else {
            return Err(StoreError::Malformed(format!(
                "{}: no object with text as _id",
                collection.name()
            )));
        };
        let (id, source) = (Id::from(id), raw(document)?);
        match collection {
            Collection::Rooms => {
                let room = Room {
                    whole: source.clone(),
                    t: text_at(document, &["t"]),
                    visitor_token: text_at(document, &["v", "token"]),
                    served_by: text_at(document, &["servedBy", "_id"]),
                };
                self.rooms.insert(id.clone(), room);
            }
            Collection::Subscriptions => self.put_subscription(&id, document),
            Collection::Users => {
                let user = User {
                    names: UserNames {
                        username: text_at(document, &["username"]),
                        name: text_at(document, &["name"]),
                    },
                    roles: raw(&project(document, fields::ROLES))?,
                    own: raw(&project(document, fields::OWN_USER))?,
                    tokens: login_tokens(document),
                };
                self.users.insert(id.clone(), user);
            }
            Collection::Settings => {
                self.settings
                    .insert(id.clone(), document.get("value").map(raw).transpose()?);
            }
            Collection::VideoConferences => {
                self.conferences
                    .insert(id.clone(), raw(&project(document, fields::CONFERENCE))?);
            }
        }
        self.sources[collection as usize].insert(id, source);
        Ok(())
    }

    fn put_subscription(&mut self, id: &Id, document: &Value) {
        self.remove_subscription(id);
        let text = |path: &[&str]| text_at(document, path).map(Box::from);
        let place = self.subscriptions.vacant_key();
        // A slab of 2^32 documents does not fit a process.
        let number = u32::try_from(place).unwrap_or(u32::MAX);
        let subscription = Subscription {
            room: text_at(document, &["rid"]).map(|rid| list(&mut self.by_room, rid, number)),
            user: text_at(document, &["u", "_id"]).map(|uid| list(&mut self.by_user, uid, number)),
            visitor: text(&["v", "_id"]),
            served_by: text(&["servedBy", "_id"]),
        };
        self.subscriptions.insert(subscription);
        self.by_id.insert(id.clone(), number);
    }

    fn remove_subscription(&mut self, id: &str) {
        let Some(number) = self.by_id.remove(id) else {
            return;
        };
        let Some(former) = self.subscriptions.try_remove(number as usize) else {
            return;
        };
        for (index, key) in [
            (&mut self.by_room, former.room),
            (&mut self.by_user, former.user),
        ] {
            let Some(key) = key else { continue };
            if let Some(places) = index.get_mut(&key) {
                places.retain(|place| *place != number);
                if places.is_empty() {
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
        self.sources[collection as usize].remove(id).is_some()
    }

    /// Gives back what growing left empty, after a large number of documents was put.
    pub(super) fn settle(&mut self) {
        self.sources.iter_mut().for_each(HashMap::shrink_to_fit);
        self.rooms.shrink_to_fit();
        self.users.shrink_to_fit();
        self.by_id.shrink_to_fit();
        self.subscriptions.shrink_to_fit();
        for index in [&mut self.by_room, &mut self.by_user] {
            index.shrink_to_fit();
            index.values_mut().for_each(Vec::shrink_to_fit);
        }
    }
}

/// Lists a subscription's place under `key`; answers the key as it is kept.
fn list(index: &mut HashMap<Id, Vec<u32>>, key: String, number: u32) -> Id {
    if let Some((kept, _)) = index.get_key_value(&*key) {
        let kept = kept.clone();
        index.entry(kept.clone()).or_default().push(number);
        return kept;
    }
    let kept = Id::from(key);
    index.insert(kept.clone(), vec![number]);
    kept
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
