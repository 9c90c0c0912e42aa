//! `memory:<seed file>`: a JSON object of collections, each a list of EJSON documents.

use std::path::Path;

use serde_json::{Map, Value};

use super::super::StoreError;
use super::{Collection, Memory};

/// A store filled from the file at `path`.
pub(in crate::store) fn seeded(path: &Path) -> Result<Memory, StoreError> {
    let wrong = |reason: String| StoreError::Seed {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let collections: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let memory = Memory::default();
    for (name, documents) in collections {
        let Some(collection) = Collection::ALL.into_iter().find(|one| one.name() == name) else {
            let known = Collection::ALL.map(Collection::name).join(", ");
            return Err(wrong(format!(
                "no collection is called {name:?}; known are {known}"
            )));
        };
        let Value::Array(documents) = documents else {
            return Err(wrong(format!("{name} is not a list")));
        };
        for document in documents {
            memory
                .put(collection, document)
                .map_err(|error| wrong(error.to_string()))?;
        }
    }
    Ok(memory)
}
