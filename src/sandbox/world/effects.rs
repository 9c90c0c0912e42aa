//! What a decision leads to: documents in the database, then events in the mesh, in this order.

use serde_json::Value;

use crate::store::Collection;

/// A change of the database.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Write {
    /// Inserted or replaced.
    Put(Collection, Value),
    /// Removed, by `_id`.
    Remove(Collection, String),
}

/// An event for every node that listens to it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Broadcast {
    pub(in crate::sandbox) event: String,
    /// The listeners' arguments, a JSON array.
    pub(in crate::sandbox) args: Value,
}

/// What waits to be done. The database comes first: who hears an event and asks must find what it told of.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Effects {
    pub(in crate::sandbox) writes: Vec<Write>,
    pub(in crate::sandbox) broadcasts: Vec<Broadcast>,
}

impl Effects {
    pub(super) fn put(&mut self, collection: Collection, document: Value) {
        self.writes.push(Write::Put(collection, document));
    }

    pub(super) fn remove(&mut self, collection: Collection, id: &str) {
        self.writes.push(Write::Remove(collection, id.to_owned()));
    }

    pub(super) fn broadcast(&mut self, event: &str, args: Value) {
        self.broadcasts.push(Broadcast {
            event: event.to_owned(),
            args,
        });
    }
}
