//! MongoDB.
//!
//! The driver connects when it is first asked something, and again by itself. Until the URL could be read (`mongodb+srv` asks DNS for it) each
//! operation tries anew. An operation waits 3 s for a server, and 5 s in all.

mod instances;
mod look;
mod reads;

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use mongodb::bson::{Bson as Value, Document as Bson, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::error::StoreError;
use super::state::SharedState;
use super::state::StoreState;
use crate::config::{Secret, connection_string};
use crate::ejson::well_formed;
use crate::telemetry::limit::Limited;
use crate::telemetry::{metrics, traces};

/// How long an operation looks for a server that can take it.
const SERVER_SELECTION: Duration = Duration::from_secs(3);
/// How long an operation takes at most.
const OPERATION: Duration = Duration::from_secs(5);
/// The database where the URL names none.
const DEFAULT_DATABASE: &str = "rocketchat";
/// Connections where the URL says nothing. A burst of logins asks several questions each, and with the driver's 10 it
/// would queue; more than these only wait for one another in the database.
const POOL: u32 = 25;
/// A connection that was not needed for so long is closed, where the URL says nothing.
const IDLE: Duration = Duration::from_secs(60);
/// The name that MongoDB's own logs show.
const APP_NAME: &str = "ddp-streamer";

/// A database that goes and comes is told of at most so often.
static STATE_CHANGES: Limited = Limited::every(Duration::from_secs(3));

/// A database that may not be there yet.
#[derive(Debug)]
pub(super) struct Mongo {
    url: Secret,
    database: OnceCell<Database>,
    state: SharedState,
}

impl Mongo {
    pub(super) fn new(url: Secret) -> Self {
        Self {
            url,
            database: OnceCell::new(),
            state: SharedState::default(),
        }
    }

    pub(super) fn state(&self) -> StoreState {
        self.state.get()
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.run("ping", None, async |database| {
            database.run_command(doc! {"ping": 1}).await.map(drop)
        })
        .await
    }

    async fn database(&self) -> Result<&Database, Error> {
        self.database
            .get_or_try_init(|| async {
                let options = options(&self.url).await?;
                let client = Client::with_options(options)?;
                Ok(client
                    .default_database()
                    .unwrap_or_else(|| client.database(DEFAULT_DATABASE)))
            })
            .await
    }

    /// One operation: bounded in time, counted, and its outcome kept as the state.
    async fn run<T, F>(
        &self,
        operation: &'static str,
        collection: Option<&'static str>,
        work: impl FnOnce(Database) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let start = Instant::now();
        let span = traces::mongodb(operation, collection);
        let outcome = timeout(OPERATION, async {
            work(self.database().await?.clone()).await
        })
        .await;
        let outcome = match outcome {
            Ok(outcome) => outcome.map_err(store_error),
            Err(_) => Err(StoreError::TimedOut(OPERATION)),
        };
        metrics::mongodb_operation(operation, outcome.is_ok(), start.elapsed());
        if let Some(span) = span {
            span.end(outcome.as_ref().err().map(StoreError::kind));
        }
        self.remember(outcome.as_ref().err());
        outcome
    }

    fn remember(&self, error: Option<&StoreError>) {
        match error.filter(|error| error.is_away()) {
            Some(error) => {
                if self.state.set(StoreState::Away) != StoreState::Away {
                    STATE_CHANGES.log(|left_out| warn!(%error, left_out, "MongoDB is away"));
                }
            }
            None => {
                if self.state.set(StoreState::Ready) != StoreState::Ready {
                    STATE_CHANGES.log(|left_out| info!(left_out, "MongoDB answers"));
                }
            }
        }
    }

    /// One document, or nothing; `fields` as MongoDB projects.
    async fn find_one(
        &self,
        collection: &'static str,
        filter: Bson,
        fields: Option<Bson>,
    ) -> Result<Option<RawDocumentBuf>, StoreError> {
        self.run("find_one", Some(collection), async |database| {
            let collection: Collection<RawDocumentBuf> = database.collection(collection);
            let find = collection.find_one(utf8(filter));
            match fields {
                Some(fields) => find.projection(fields).await,
                None => find.await,
            }
        })
        .await
    }

    /// What `pick` makes of each document that is found.
    async fn find(
        &self,
        collection: &'static str,
        filter: Bson,
        fields: Bson,
        pick: fn(&mongodb::bson::RawDocument) -> Option<String>,
    ) -> Result<Vec<String>, StoreError> {
        self.run("find", Some(collection), async |database| {
            let collection: Collection<RawDocumentBuf> = database.collection(collection);
            let mut cursor = collection.find(utf8(filter)).projection(fields).await?;
            let mut picked = Vec::new();
            while cursor.advance().await? {
                picked.extend(pick(cursor.current()));
            }
            Ok(picked)
        })
        .await
    }
}

/// What the URL asks of the driver, and ours where it says nothing. It may be made for others and let them look for a server
/// for long: here an operation would have ended before, and not say why.
async fn options(url: &Secret) -> Result<ClientOptions, Error> {
    let url = connection_string(url.expose())?;
    let mut options = ClientOptions::parse(url).await?;
    // Zero is no limit to Node's driver, and no time at all to this one.
    let asked = options
        .server_selection_timeout
        .filter(|asked| !asked.is_zero());
    options.server_selection_timeout =
        Some(asked.unwrap_or(SERVER_SELECTION).min(SERVER_SELECTION));
    options.app_name.get_or_insert_with(|| APP_NAME.to_owned());
    options.max_pool_size.get_or_insert(POOL);
    options.max_idle_time.get_or_insert(IDLE);
    Ok(options)
}

/// A filter as it can be written: ids that clients choose may hold half a surrogate pair.
fn utf8(mut filter: Bson) -> Bson {
    for (_, value) in filter.iter_mut() {
        match value {
            Value::String(text) => {
                if let Cow::Owned(mended) = well_formed(text) {
                    *text = mended;
                }
            }
            Value::Document(inside) => *inside = utf8(std::mem::take(inside)),
            _ => {}
        }
    }
    filter
}

/// The driver's error by its kind: what the caller can do about it is all that is told apart.
fn store_error(error: Error) -> StoreError {
    let message = error.to_string();
    match *error.kind {
        ErrorKind::Command(command) => StoreError::Refused {
            code: command.code,
            message: command.message,
        },
        ErrorKind::Write(WriteFailure::WriteError(write)) => StoreError::Refused {
            code: write.code,
            message: write.message,
        },
        ErrorKind::Write(_) => StoreError::Refused { code: 0, message },
        ErrorKind::BsonDeserialization(_)
        | ErrorKind::Bson(_)
        | ErrorKind::InvalidResponse { .. } => StoreError::Malformed(message),
        // An option that the driver does not take as well: it asks nobody.
        _ => StoreError::Unreachable(message),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mongodb::bson::doc;

    use super::{Mongo, StoreState, options, utf8};
    use crate::config::Secret;
    use crate::ejson;

    // contract: configuration/variable/MONGO_URL
    #[tokio::test]
    async fn what_node_s_driver_takes_makes_a_client() {
        let url = "mongodb://127.0.0.1:1/chat?socketTimeoutMS=20000&maxPoolSize=0";
        let mongo = Mongo::new(Secret::new(url));
        assert_eq!(mongo.database().await.unwrap().name(), "chat");
    }

    // contract: database/absent
    #[tokio::test]
    async fn a_url_may_shorten_the_wait_for_a_server_and_not_lengthen_it() {
        for (query, ms) in [
            ("", 3000),
            ("?serverSelectionTimeoutMS=30000", 3000),
            ("?serverSelectionTimeoutMS=500", 500),
            ("?serverSelectionTimeoutMS=0", 3000),
        ] {
            let url = format!("mongodb://127.0.0.1:1/chat{query}");
            let options = options(&Secret::new(url)).await.unwrap();
            let wait = Some(Duration::from_millis(ms));
            assert_eq!(options.server_selection_timeout, wait, "{query}");
        }
    }

    // contract: database/absent
    #[tokio::test]
    async fn a_driver_that_refuses_its_url_is_a_database_that_is_away() {
        let mongo = Mongo::new(Secret::new("mongodb://a,b/chat?directConnection=true"));
        let error = mongo.ping().await.unwrap_err();
        assert!(error.is_away(), "{error:?}");
        assert_eq!(mongo.state(), StoreState::Away);
    }

    // contract: ddp/message/lone-surrogates
    #[test]
    fn half_a_surrogate_pair_is_asked_for_as_node_writes_it() {
        let id = ejson::raw(r#""cut \ud83d""#.to_owned()).unwrap();
        let id = ejson::text(&id).unwrap();
        let filter = doc! {"rid": &*id, "u._id": {"$ne": &*id}, "n": 1};
        let asked = "cut \u{fffd}";
        assert_eq!(
            utf8(filter),
            doc! {"rid": asked, "u._id": {"$ne": asked}, "n": 1}
        );
    }
}
