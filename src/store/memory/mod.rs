//! The store in memory: for the sandbox, tests and benches.
//!
//! Documents are EJSON values. What is asked for is worked out when a document is put, so that a read is a look-up and a handle's clone.

#[cfg(test)]
pub(crate) mod broken;
mod projection;
mod seed;
mod tables;
#[cfg(test)]
mod tests;

use parking_lot::RwLock;
use serde_json::Value;

use super::documents::{Document, RoomServing, RoomVisitor, UserNames};
use super::error::StoreError;
use super::fields;
pub(super) use seed::seeded;
use tables::Tables;

/// The collections that can be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Collection {
    /// `rocketchat_room`
    Rooms,
    /// `rocketchat_subscription`
    Subscriptions,
    /// `users`
    Users,
    /// `rocketchat_settings`
    Settings,
    /// `rocketchat_video_conference`
    VideoConferences,
}

impl Collection {
    /// Every collection.
    pub const ALL: [Self; 5] = [
        Self::Rooms,
        Self::Subscriptions,
        Self::Users,
        Self::Settings,
        Self::VideoConferences,
    ];

    /// The collection's name in MongoDB.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rooms => fields::ROOMS,
            Self::Subscriptions => fields::SUBSCRIPTIONS,
            Self::Users => fields::USERS,
            Self::Settings => fields::SETTINGS,
            Self::VideoConferences => fields::VIDEO_CONFERENCES,
        }
    }
}

/// Everything, behind one lock that is never held across an await.
#[derive(Debug, Default)]
pub struct Memory {
    tables: RwLock<Tables>,
    /// Reads that fail.
    #[cfg(test)]
    pub(crate) broken: broken::Broken,
}

impl Memory {
    /// Inserts `document`, or replaces the one with its `_id`.
    ///
    /// # Errors
    /// It is no object, or has no text as `_id`.
    pub fn put(&self, collection: Collection, document: Value) -> Result<(), StoreError> {
        self.tables.write().put(collection, &document)
    }

    /// Changes the document `id` in place; `false` when there is none. A changed `_id` is put back.
    ///
    /// # Errors
    /// `change` left something that is no object.
    pub fn update(
        &self,
        collection: Collection,
        id: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables.write();
        let Some(mut document) = tables.document(collection, id) else {
            return Ok(false);
        };
        change(&mut document);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("_id".to_owned(), id.into());
        }
        tables.put(collection, &document)?;
        Ok(true)
    }

    /// Removes the document `id`; `false` when there was none.
    pub fn remove(&self, collection: Collection, id: &str) -> bool {
        self.tables.write().remove(collection, id)
    }

    /// A copy of the document `id`.
    pub fn document(&self, collection: Collection, id: &str) -> Option<Value> {
        self.tables.read().document(collection, id)
    }

    fn settle(&self) {
        self.tables.write().settle();
    }

    /// How many documents a collection has.
    pub fn count(&self, collection: Collection) -> usize {
        self.tables.read().count(collection)
    }

    /// The open sockets that the `instances` document `id` tells of.
    pub fn instance_conns(&self, id: &str) -> Option<u64> {
        self.tables.read().instances.get(id).copied()
    }

    pub(super) fn room(&self, id: &str) -> Option<Document> {
        Some(self.tables.read().rooms.get(id)?.whole.clone())
    }

    pub(super) fn room_visitor(&self, id: &str) -> Option<RoomVisitor> {
        let tables = self.tables.read();
        let room = tables.rooms.get(id)?;
        Some(RoomVisitor {
            t: room.t.clone(),
            visitor_token: room.visitor_token.clone(),
        })
    }

    pub(super) fn room_serving(&self, id: &str) -> Option<RoomServing> {
        let tables = self.tables.read();
        let room = tables.rooms.get(id)?;
        Some(RoomServing {
            t: room.t.clone(),
            served_by: room.served_by.clone(),
        })
    }

    pub(super) fn subscribed_rooms(&self, user: &str) -> Vec<String> {
        self.tables
            .read()
            .of_user(user)
            .filter_map(|one| one.room.as_deref().map(str::to_owned))
            .collect()
    }

    pub(super) fn is_member(&self, room: &str, user: &str) -> bool {
        self.tables
            .read()
            .of_user(user)
            .any(|one| one.room.as_deref() == Some(room))
    }

    pub(super) fn other_members(&self, room: &str, user: &str) -> Vec<String> {
        let tables = self.tables.read();
        tables
            .of_room(room)
            .filter_map(|one| one.user.as_deref())
            .filter(|other| *other != user)
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn other_visitors(&self, room: &str, agent: &str) -> Vec<String> {
        let tables = self.tables.read();
        let others = tables
            .of_room(room)
            .filter(|one| one.served_by.as_deref() != Some(agent));
        others
            .filter_map(|one| one.visitor.as_deref().map(str::to_owned))
            .collect()
    }

    pub(super) fn user_names(&self, user: &str) -> Option<UserNames> {
        Some(self.tables.read().users.get(user)?.names.clone())
    }

    pub(super) fn user_roles(&self, user: &str) -> Option<Document> {
        Some(self.tables.read().users.get(user)?.roles.clone())
    }

    pub(super) fn own_user(&self, user: &str) -> Option<Document> {
        Some(self.tables.read().users.get(user)?.own.clone())
    }

    pub(super) fn has_login_token(&self, user: &str, hashed: &str) -> bool {
        self.tables
            .read()
            .users
            .get(user)
            .is_some_and(|user| user.tokens.iter().any(|token| token == hashed))
    }

    pub(super) fn setting(&self, id: &str) -> Option<Document> {
        self.tables.read().settings.get(id)?.clone()
    }

    pub(super) fn video_conference(&self, id: &str) -> Option<Document> {
        self.tables.read().conferences.get(id).cloned()
    }

    pub(super) fn put_instance(&self, id: &str, conns: u64) {
        self.tables.write().instances.insert(id.to_owned(), conns);
    }

    pub(super) fn has_instance(&self, id: &str) -> bool {
        self.tables.read().instances.contains_key(id)
    }

    /// `false` when there is no such document.
    pub(super) fn set_instance_conns(&self, id: &str, conns: u64) -> bool {
        self.tables
            .write()
            .instances
            .get_mut(id)
            .map(|known| *known = conns)
            .is_some()
    }

    /// Drops the `instances` document, as its expiry would.
    pub fn remove_instance(&self, id: &str) {
        self.tables.write().instances.remove(id);
    }
}
