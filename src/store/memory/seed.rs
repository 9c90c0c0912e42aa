//! `memory:<seed file>`: a JSON object of collections, each a list of EJSON documents.
//!
//! The file is read document by document: what a large seed leaves behind in the allocator would be found again as "memory
//! of sessions" that were never paid for.

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::super::error::StoreError;
use super::{Collection, Memory};

/// A store filled from the file at `path`.
pub(in crate::store) fn seeded(path: &Path) -> Result<Memory, StoreError> {
    let wrong = |reason: String| StoreError::Seed {
        path: path.to_owned(),
        reason,
    };
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(file));
    let memory = Memory::default();
    json.deserialize_map(Collections(&memory))
        .and_then(|()| json.end())
        .map_err(|error| wrong(error.to_string()))?;
    memory.settle();
    Ok(memory)
}

/// The whole file.
struct Collections<'a>(&'a Memory);

impl<'de> Visitor<'de> for Collections<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of collections")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let Some(collection) = Collection::ALL.into_iter().find(|one| one.name() == name)
            else {
                let known = Collection::ALL.map(Collection::name).join(", ");
                return Err(Error::custom(format_args!(
                    "no collection is called {name:?}; known are {known}"
                )));
            };
            map.next_value_seed(Documents {
                memory: self.0,
                collection,
            })?;
        }
        Ok(())
    }
}

/// The documents of one collection.
struct Documents<'a> {
    memory: &'a Memory,
    collection: Collection,
}

impl<'de> DeserializeSeed<'de> for Documents<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Documents<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of documents as {}", self.collection.name())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(document) = list.next_element::<Value>()? {
            self.memory
                .put(self.collection, document)
                .map_err(Error::custom)?;
        }
        Ok(())
    }
}
