//! The two published collections: login services and client versions (reference/methods.md).
//!
//! Both live in memory. They are filled when a `meteor` service is there to be asked, again whenever one appears, and
//! kept fresh by the core's events; a subscriber gets what is there, `ready`, and then each change. What a fill finds
//! is compared with what was there, so that nobody is told of a document twice and none that is gone stays.
//!
//! A collection's lock is held while a subscriber enters and while a change goes out: nothing slips in between. It is
//! the first in the hub's lock order, and never held across an await.

mod documents;
mod fill;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::Notify;

use crate::client::{Client, SubOutcome};
use crate::ddp::DdpError;
use crate::ddp::message::{self, Subscription};
use crate::ejson::{self, RawObject};
use crate::services::Services;
use crate::streams::{CLIENT_VERSIONS, Channel, Hub, LOGIN_SERVICES, Subscribed};
use documents::{Documents, Fields};

/// A publication, and the collection that its documents are of.
struct Published {
    publication: &'static str,
    collection: &'static str,
    channel: Channel,
    documents: Mutex<Documents>,
}

/// The names of both publications.
pub const PUBLICATIONS: [&str; 2] = [
    "meteor.loginServiceConfiguration",
    "meteor_autoupdate_clientVersions",
];

/// A collection is one topic of its channel.
const WHOLE: &str = "";

/// The published collections.
pub struct Collections {
    hub: Arc<Hub>,
    services: Services,
    login_services: Published,
    client_versions: Published,
    /// Somebody wants them filled again.
    again: Notify,
}

impl Collections {
    /// Empty collections; [`Collections::run`] fills them.
    #[must_use]
    pub fn new(hub: Arc<Hub>, services: Services) -> Self {
        let published = |publication, collection, channel| Published {
            publication,
            collection,
            channel,
            documents: Mutex::default(),
        };
        Self {
            hub,
            services,
            login_services: published(
                PUBLICATIONS[0],
                "meteor_accounts_loginServiceConfiguration",
                LOGIN_SERVICES,
            ),
            client_versions: published(
                PUBLICATIONS[1],
                "meteor_autoupdate_clientVersions",
                CLIENT_VERSIONS,
            ),
            again: Notify::new(),
        }
    }

    fn published(&self, name: &str) -> Option<&Published> {
        [&self.login_services, &self.client_versions]
            .into_iter()
            .find(|published| published.publication == name)
    }

    /// Answers a request for a publication; `None` when it is not one of these.
    pub fn subscribe(&self, client: &Arc<Client>, sub: &Subscription) -> Option<SubOutcome> {
        let published = self.published(&sub.name)?;
        let documents = published.documents.lock();
        let mut opening = documents.added(published.collection);
        opening.push(message::ready(&sub.id));
        let subscribed =
            self.hub
                .subscribe(client, &sub.id, published.channel, WHOLE, None, &opening);
        drop(documents);
        let error = match subscribed {
            Subscribed::Ready => return Some(SubOutcome::Ready),
            Subscribed::Left => return Some(SubOutcome::Refused(None)),
            Subscribed::IdInUse => DdpError::number(400, "Subscription id already in use"),
            Subscribed::TooMany => DdpError::too_many_requests(),
        };
        client.send(&message::nosub(&sub.id, Some(&error)));
        Some(SubOutcome::Refused(Some(error.code)))
    }

    /// `watch.loginServiceConfiguration`: `record` is the whole of it, or `None` when it is gone.
    pub fn login_service_changed(&self, id: &str, record: Option<&RawValue>) {
        let fields = record.and_then(login_service);
        if record.is_some() && fields.is_none() {
            return;
        }
        self.change(&self.login_services, id, fields);
    }

    /// `meteor.clientVersionUpdated`: `record` is the whole of it.
    pub fn client_version_changed(&self, id: &str, record: &RawValue) {
        if let Some(fields) = client_version(record) {
            self.change(&self.client_versions, id, Some(fields));
        }
    }

    fn change(&self, published: &Published, id: &str, fields: Option<Fields>) {
        let mut documents = published.documents.lock();
        if let Some(told) = documents.set(published.collection, id, fields) {
            self.hub.publish(published.channel, WHOLE, || told);
        }
    }

    /// Puts what the core has in the place of what was there.
    fn replace(&self, published: &Published, all: Vec<(String, Fields)>, since: u64) -> bool {
        let mut documents = published.documents.lock();
        // An event that came while the question was away may be newer than the answer.
        if documents.changes() != since {
            return false;
        }
        for told in documents.replace(published.collection, all) {
            self.hub.publish(published.channel, WHOLE, || told);
        }
        true
    }
}

/// A login service as clients may see it: never with its secret.
fn login_service(record: &RawValue) -> Option<Fields> {
    let mut record = RawObject::of(record)?;
    record.remove("secret");
    Some(Fields::of(&record))
}

/// A client version as clients see it.
fn client_version(record: &RawValue) -> Option<Fields> {
    let mut record = RawObject::of(record)?;
    record.remove("_id");
    Some(Fields::of(&record))
}

/// What `getLoginServiceConfiguration` answers: records without a name are passed over.
fn login_services(answer: &RawValue) -> Option<Vec<(String, Fields)>> {
    let named = |record: &RawValue| {
        let id = RawObject::of(record)?.text("_id").map(String::from)?;
        Some((id, login_service(record)?))
    };
    Some(
        ejson::array(answer)?
            .into_iter()
            .filter_map(named)
            .collect(),
    )
}

/// What `getAutoUpdateClientVersions` answers; a record without `_id` has that of its architecture.
fn client_versions(answer: &RawValue) -> Option<Vec<(String, Fields)>> {
    let answer = RawObject::of(answer)?;
    let named = |(architecture, record): (&str, &RawValue)| {
        let id = RawObject::of(record)?.text("_id").map(String::from);
        Some((
            id.unwrap_or_else(|| architecture.to_owned()),
            client_version(record)?,
        ))
    };
    Some(answer.iter().filter_map(named).collect())
}
