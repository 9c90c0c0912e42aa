//! The `instances` collection: one document a process, told to expire when its process no longer touches it.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};

use super::super::error::StoreError;
use super::super::fields;
use super::Mongo;

/// The name that other services of the workspace register under.
const NAME: &str = "ddp-streamer";

impl Mongo {
    /// Writes the whole document, new or not.
    pub(in crate::store) async fn register_instance(
        &self,
        id: &str,
        pid: u32,
        conns: u64,
    ) -> Result<(), StoreError> {
        let update = doc! {
            "$set": {"pid": number(pid.into()), "name": NAME, "extraInformation": {"conns": number(conns)}},
            "$currentDate": {"_createdAt": true, "_updatedAt": true},
        };
        self.run("update_one", Some(fields::INSTANCES), async |database| {
            let instances: Collection<Document> = database.collection(fields::INSTANCES);
            instances
                .update_one(doc! {"_id": id}, update)
                .upsert(true)
                .await
                .map(drop)
        })
        .await
    }

    /// Says that this process lives; `false` when the document is gone.
    pub(in crate::store) async fn touch_instance(&self, id: &str) -> Result<bool, StoreError> {
        self.update_instance(id, doc! {"$currentDate": {"_updatedAt": true}})
            .await
    }

    /// The presence service reads exactly this path; nothing else of the document is written. `false` when it is gone.
    pub(in crate::store) async fn set_instance_conns(
        &self,
        id: &str,
        conns: u64,
    ) -> Result<bool, StoreError> {
        self.update_instance(id, doc! {"$set": {"extraInformation.conns": number(conns)}})
            .await
    }

    async fn update_instance(&self, id: &str, update: Document) -> Result<bool, StoreError> {
        self.run("update_one", Some(fields::INSTANCES), async |database| {
            let instances: Collection<Document> = database.collection(fields::INSTANCES);
            Ok(instances
                .update_one(doc! {"_id": id}, update)
                .await?
                .matched_count
                > 0)
        })
        .await
    }

    /// Deletes the document.
    pub(in crate::store) async fn remove_instance(&self, id: &str) -> Result<(), StoreError> {
        self.run("delete_one", Some(fields::INSTANCES), async |database| {
            let instances: Collection<Document> = database.collection(fields::INSTANCES);
            instances.delete_one(doc! {"_id": id}).await.map(drop)
        })
        .await
    }

    /// Asks for an index that drops documents `expire` after their last touch.
    pub(in crate::store) async fn expire_instances(
        &self,
        expire: Duration,
    ) -> Result<(), StoreError> {
        let options = IndexOptions::builder().expire_after(expire).build();
        let index = IndexModel::builder()
            .keys(doc! {"_updatedAt": 1})
            .options(options)
            .build();
        self.run("create_index", Some(fields::INSTANCES), async |database| {
            let instances: Collection<Document> = database.collection(fields::INSTANCES);
            instances.create_index(index).await.map(drop)
        })
        .await
    }
}

/// As other services write a count: 32 bits where it fits.
fn number(value: u64) -> Bson {
    i32::try_from(value).map_or_else(
        |_| i64::try_from(value).unwrap_or(i64::MAX).into(),
        Bson::from,
    )
}
