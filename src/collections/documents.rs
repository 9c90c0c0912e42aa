//! The documents of one collection, and what is said when they change.

use std::collections::{BTreeMap, BTreeSet};

use crate::ddp::message::{Change, document};
use crate::ejson::{self, RawObject};

/// The fields of a document, as JSON texts by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    pub(super) fn of(object: &RawObject<'_>) -> Self {
        Self(
            object
                .iter()
                .map(|(name, value)| (name.to_owned(), value.get().to_owned()))
                .collect(),
        )
    }

    fn to_json<'a>(fields: impl Iterator<Item = (&'a String, &'a String)>) -> String {
        let fields: Vec<_> = fields
            .map(|(name, value)| format!("{}:{value}", ejson::quoted(name)))
            .collect();
        format!("{{{}}}", fields.join(","))
    }
}

/// All documents of a collection, by id.
#[derive(Debug, Default)]
pub(super) struct Documents {
    all: BTreeMap<String, Fields>,
    changes: u64,
}

impl Documents {
    /// `added` for each.
    pub(super) fn added(&self, collection: &str) -> Vec<Vec<u8>> {
        let added = |(id, fields): (&String, &Fields)| {
            document(
                Change::Added,
                collection,
                id,
                Some(&Fields::to_json(fields.0.iter())),
            )
        };
        self.all.iter().map(added).collect()
    }

    /// How often an event changed a document, or could have.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// One document is this now, or gone; what is to be said of it.
    pub(super) fn set(
        &mut self,
        collection: &str,
        id: &str,
        fields: Option<Fields>,
    ) -> Option<Vec<u8>> {
        self.changes += 1;
        self.put(collection, id, fields)
    }

    /// These are all documents now; what is to be said of it.
    pub(super) fn replace(&mut self, collection: &str, all: Vec<(String, Fields)>) -> Vec<Vec<u8>> {
        let kept: BTreeSet<_> = all.iter().map(|(id, _)| id.clone()).collect();
        let gone: Vec<_> = self
            .all
            .keys()
            .filter(|id| !kept.contains(*id))
            .cloned()
            .collect();
        let gone = gone.into_iter().map(|id| (id, None));
        let here = all.into_iter().map(|(id, fields)| (id, Some(fields)));
        gone.chain(here)
            .filter_map(|(id, fields)| self.put(collection, &id, fields))
            .collect()
    }

    fn put(&mut self, collection: &str, id: &str, fields: Option<Fields>) -> Option<Vec<u8>> {
        let Some(fields) = fields else {
            self.all.remove(id)?;
            return Some(document(Change::Removed, collection, id, None));
        };
        let former = self.all.insert(id.to_owned(), fields.clone());
        let Some(former) = former else {
            return Some(document(
                Change::Added,
                collection,
                id,
                Some(&Fields::to_json(fields.0.iter())),
            ));
        };
        if former == fields {
            return None;
        }
        let new = fields
            .0
            .iter()
            .filter(|(name, value)| former.0.get(*name) != Some(value));
        let mut changed = document(Change::Changed, collection, id, Some(&Fields::to_json(new)));
        let cleared: Vec<_> = former
            .0
            .keys()
            .filter(|name| !fields.0.contains_key(*name))
            .collect();
        if !cleared.is_empty() {
            // The DDP specification names fields that are gone beside those that are new.
            changed.pop();
            changed.extend_from_slice(b",\"cleared\":");
            changed.extend_from_slice(
                ejson::join(cleared.into_iter().map(|name| ejson::quoted(name))).as_bytes(),
            );
            changed.push(b'}');
        }
        Some(changed)
    }
}
