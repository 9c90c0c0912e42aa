//! Asks the server what it is and whether what is read is there.

use std::time::SystemTime;

use mongodb::bson::{DateTime, Document as Bson, doc};
use tokio::time::Instant;

use super::super::error::StoreError;
use super::super::fields;
use super::super::look::Look;
use super::Mongo;

impl Mongo {
    pub(in crate::store) async fn look(&self) -> Result<Look, StoreError> {
        // The first question pays for the connection.
        self.ping().await?;
        let (asked, at) = (Instant::now(), SystemTime::now());
        let hello = self.command("hello").await?;
        let round_trip = asked.elapsed();
        let now = DateTime::from_system_time(at + round_trip / 2);
        let server = hello.get_datetime("localTime").ok();
        let about = self.command("buildInfo").await?;
        let names = self
            .run("list_collection_names", None, async |database| {
                Ok((
                    database.name().to_owned(),
                    database.list_collection_names().await,
                ))
            })
            .await?;
        let (database, names) = names;
        let mut look = Look {
            version: about.get_str("version").unwrap_or("unknown").to_owned(),
            database,
            round_trip,
            ahead_ms: server.map(|server| server.timestamp_millis() - now.timestamp_millis()),
            missing: Vec::new(),
            refused: Vec::new(),
            read: fields::READ.len(),
        };
        for name in fields::READ {
            // Who may not list them may still read them.
            if names
                .as_ref()
                .is_ok_and(|names| !names.iter().any(|one| one == name))
            {
                look.missing.push(name);
                continue;
            }
            match self.find_one(name, doc! {}, Some(doc! {"_id": 1})).await {
                Ok(_) => {}
                Err(error) if error.is_away() => return Err(error),
                Err(error) => look.refused.push((name, error)),
            }
        }
        Ok(look)
    }

    async fn command(&self, name: &'static str) -> Result<Bson, StoreError> {
        self.run(name, None, async |database| {
            database.run_command(doc! {name: 1}).await
        })
        .await
    }
}
