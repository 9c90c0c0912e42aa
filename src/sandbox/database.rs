//! Where the documents are put that the streamer reads: its store in memory when it runs in this process, MongoDB, or a seed file.

use std::path::Path;

use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::{Map, Value};

use super::world::{World, Write};
use crate::store::{Collection, Store, StoreError};

/// See the module.
#[derive(Debug, Clone)]
pub(super) enum Database {
    /// The streamer's own store, in this process.
    Memory(Store),
    /// A MongoDB that the streamer reads as well.
    Mongo(mongodb::Database),
    /// Nobody reads along: a seed file was written at the start, or nothing.
    Nowhere,
}

/// Documents were not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// By the store in memory.
    #[error(transparent)]
    Memory(#[from] StoreError),
    /// By MongoDB.
    #[error("MongoDB: {0}")]
    Mongo(#[from] mongodb::error::Error),
    /// Somebody's workspace is there.
    #[error(
        "the database '{0}' is not empty and not a sandbox's: name another one, such as mongodb://host/sandbox"
    )]
    NotOurs(String),
    /// To the seed file.
    #[error("the seed file {path} cannot be written: {reason}")]
    Seed {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
}

/// Where Rocket.Chat's documents are when the URL names no database.
const DEFAULT_DATABASE: &str = "rocketchat";

/// The collection, and its one document, that says that a database is a sandbox's.
const MARK: &str = "ddp_streamer_sandbox";

impl Database {
    /// MongoDB at `url`.
    pub(super) async fn mongo(url: &str) -> Result<Self, DatabaseError> {
        let client = mongodb::Client::with_uri_str(url).await?;
        let database = client
            .default_database()
            .unwrap_or_else(|| client.database(DEFAULT_DATABASE));
        Ok(Self::Mongo(database))
    }

    /// Puts the whole world there. What an earlier sandbox left is replaced; anything else is left alone, and refused.
    pub(super) async fn fill(&self, world: &World) -> Result<(), DatabaseError> {
        if let Self::Mongo(database) = self {
            let marks = database.collection::<Document>(MARK);
            let is_ours = marks.find_one(doc! { "_id": MARK }).await?.is_some();
            for collection in Collection::ALL {
                let collection = database.collection::<Document>(collection.name());
                if is_ours {
                    collection.delete_many(doc! {}).await?;
                } else if collection.find_one(doc! {}).await?.is_some() {
                    return Err(DatabaseError::NotOurs(database.name().to_owned()));
                }
            }
            let mark = marks.replace_one(doc! { "_id": MARK }, doc! { "_id": MARK });
            mark.upsert(true).await?;
        }
        for (collection, document) in world.documents() {
            self.apply(&Write::Put(collection, document)).await?;
        }
        Ok(())
    }

    pub(super) async fn apply(&self, write: &Write) -> Result<(), DatabaseError> {
        match (self, write) {
            (Self::Memory(store), write) => {
                let Some(memory) = store.as_memory() else {
                    return Ok(());
                };
                match write {
                    Write::Put(collection, document) => {
                        memory.put(*collection, document.clone())?
                    }
                    Write::Remove(collection, id) => drop(memory.remove(*collection, id)),
                }
            }
            (Self::Mongo(database), Write::Put(collection, document)) => {
                let Bson::Document(document) = bson(document) else {
                    return Ok(());
                };
                let id = document.get("_id").cloned().unwrap_or(Bson::Null);
                let collection = database.collection::<Document>(collection.name());
                collection
                    .replace_one(doc! { "_id": id }, document)
                    .upsert(true)
                    .await?;
            }
            (Self::Mongo(database), Write::Remove(collection, id)) => {
                database
                    .collection::<Document>(collection.name())
                    .delete_one(doc! { "_id": id })
                    .await?;
            }
            (Self::Nowhere, _) => {}
        }
        Ok(())
    }
}

/// Writes what `MONGO_URL=memory:<seed file>` reads.
pub(super) fn write_seed(world: &World, path: &Path) -> Result<(), DatabaseError> {
    let mut collections: Map<String, Value> = Map::new();
    for (collection, document) in world.documents() {
        let list = collections
            .entry(collection.name())
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(document);
        }
    }
    let failed = |reason: String| DatabaseError::Seed {
        path: path.display().to_string(),
        reason,
    };
    let text =
        serde_json::to_string_pretty(&collections).map_err(|error| failed(error.to_string()))?;
    std::fs::write(path, text).map_err(|error| failed(error.to_string()))
}

/// EJSON to BSON: `{"$date": ms}` is a date.
fn bson(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(on) => Bson::Boolean(*on),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
            (None, Some(decimal)) => Bson::Double(decimal),
            (None, None) => Bson::Null,
        },
        Value::String(text) => Bson::String(text.clone()),
        Value::Array(list) => Bson::Array(list.iter().map(bson).collect()),
        Value::Object(fields) => match fields
            .get("$date")
            .and_then(Value::as_i64)
            .filter(|_| fields.len() == 1)
        {
            Some(millis) => Bson::DateTime(DateTime::from_millis(millis)),
            None => Bson::Document(
                fields
                    .iter()
                    .map(|(key, value)| (key.clone(), bson(value)))
                    .collect(),
            ),
        },
    }
}
