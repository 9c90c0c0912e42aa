//! What a client calls, and what it asks to be published (reference/methods.md).
//!
//! [`Methods`] is the house as a session sees it: it answers the methods of the table below itself, hands `stream-…` to
//! the streams, and everything else to the core. A session runs one of these futures at a time and drops it when its
//! client is sent away, so whatever must happen all the same (a logout, what presence is told) runs in the tracker, and
//! whatever belongs together (who a session is, and who is told of it) stands between two awaits.
//!
//! Params are what a client chose to send: each method reads them strictly, and passes on checked strings, never what
//! came.

mod accounts;
mod core;
mod credentials;
mod errors;
mod lifecycle;
mod limits;
mod livechat;
mod params;
mod presence;
mod told;
mod watch;

#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::{Client, Directory, Handler, Reply, SubOutcome};
use crate::collections::{Collections, PUBLICATIONS};
use crate::config::MethodsConfig;
use crate::ddp::DdpError;
use crate::ddp::message::{self, MethodCall, Subscription};
use crate::ejson;
use crate::services::Services;
use crate::store::{Settings, Store};
use crate::streams::{KeyedQueue, Stream, Streams};
use crate::telemetry::{metrics, traces, work};
use lifecycle::Turns;
use limits::{LoginRate, RateLimits, What};
use params::Params;
use told::Told;
use watch::Watch;

/// Publications and methods of streams begin so.
const STREAM: &str = "stream-";
/// Longest id of a publication, in bytes: Meteor's have 17 characters. It is kept for as long as the publication.
const MAX_SUB_ID: usize = 1024;

/// All limits of requests with these values, or off; it counts a call of a method of the core: [`crate::internals`].
#[cfg(feature = "internals")]
pub(crate) fn limits(
    each: Option<(std::num::NonZero<u32>, std::time::Duration)>,
) -> impl Fn(&str, &Client) -> bool {
    let limits = each.map(|(requests, interval)| RateLimits::all(requests, interval));
    move |method, client| {
        let check = |limits: &Arc<RateLimits>| limits.check(What::Method, method, None, client);
        limits.as_ref().map_or(Ok(()), check).is_ok()
    }
}

/// What others are told of sessions.
pub const BROADCASTS: &[&str] = &[
    "accounts.login",
    "accounts.logout",
    "socket.connected",
    "socket.disconnected",
];

/// What methods stand on.
pub struct Rooms {
    /// Streams: publications, and what clients write.
    pub streams: Arc<Streams>,
    /// The published collections.
    pub collections: Arc<Collections>,
    /// The core's services.
    pub services: Services,
    /// The database.
    pub store: Store,
    /// The local copy of its settings.
    pub settings: Settings,
    /// All clients.
    pub directory: Arc<Directory>,
}

/// The house as a session sees it.
pub struct Methods {
    rooms: Rooms,
    password_login: bool,
    max_sessions_per_user: Option<usize>,
    login_rate: Option<LoginRate>,
    rate_limits: Option<Arc<RateLimits>>,
    /// Held while a user's sessions are counted and one more is listed.
    logging_in: Mutex<()>,
    tracker: TaskTracker,
    stop: CancellationToken,
    told: Told,
    activity: Arc<Semaphore>,
    /// Presence is told of all sessions.
    announcing: Turns,
    /// What events would have told that nobody heard is asked.
    asking: Turns,
}

impl Methods {
    /// Methods over the other rooms. What outlives a call runs in `tracker`;
    /// `stop` is to be cancelled after the last session was closed, since presence is told of each until then.
    #[must_use]
    pub fn new(
        rooms: Rooms,
        config: &MethodsConfig,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Arc<Self> {
        let rate_limits = config.rate_limit.as_ref().map(|config| {
            let limits = RateLimits::new(rooms.settings.clone(), config.exempt.clone());
            let (following, stop) = (limits.clone(), stop.clone());
            tracker.spawn(stop.run_until_cancelled_owned(async move { following.follow().await }));
            limits
        });
        Arc::new(Self {
            told: Told::new(rooms.services.clone(), tracker, stop),
            rooms,
            password_login: config.password_login,
            max_sessions_per_user: config.max_sessions_per_user,
            login_rate: config.login_rate.map(LoginRate::new),
            rate_limits,
            logging_in: Mutex::default(),
            tracker: tracker.clone(),
            stop: stop.clone(),
            activity: Arc::new(Semaphore::new(presence::MAX_UPDATES)),
            announcing: Turns::default(),
            asking: Turns::default(),
        })
    }

    /// What presence is to be told and was not yet.
    #[must_use]
    pub fn queue(&self) -> &KeyedQueue {
        self.told.queue()
    }

    async fn call(self: &Arc<Self>, client: &Arc<Client>, call: &MethodCall) -> Reply {
        if !Params::are(&call.params) {
            return Err(DdpError::number(400, "Malformed method invocation")).into();
        }
        let (known, of_stream) = (known_method(&call.method), call.method.starts_with(STREAM));
        if known.is_none() || of_stream {
            if let Err(error) = self.limit(What::Method, &call.method, known, client) {
                return Err(error).into();
            }
            if !of_stream {
                return self.fall_back(client, call).await.into();
            }
        }
        // Boxed: by far most calls are for the core, and the future of each is as large as the largest here.
        Box::pin(self.answer(client, call)).await
    }

    /// A method of this service.
    async fn answer(self: &Arc<Self>, client: &Arc<Client>, call: &MethodCall) -> Reply {
        let params = Params::of(&call.params);
        match &*call.method {
            "login" => self.login(client, &params).await,
            "logout" => self.logout(client).await,
            "setUserStatus" => self.set_status(client, &params, true).await.into(),
            "UserPresence:setDefaultStatus" => self.set_status(client, &params, false).await.into(),
            "UserPresence:online" => self.set_connection_status(client, "online").await.into(),
            "UserPresence:away" => self.set_connection_status(client, "away").await.into(),
            "livechat:setUpConnection" => livechat::set_up_connection(client, &params).into(),
            name => match name.strip_prefix(STREAM) {
                Some(stream) => self.write(client, stream, call).await.into(),
                None => self.fall_back(client, call).await.into(),
            },
        }
    }

    fn limit(
        &self,
        what: What,
        name: &str,
        known: Option<&str>,
        client: &Client,
    ) -> Result<(), DdpError> {
        let limits = self.rate_limits.as_ref();
        limits.map_or(Ok(()), |limits| limits.check(what, name, known, client))
    }

    async fn publish(self: &Arc<Self>, client: Arc<Client>, sub: &Subscription) -> SubOutcome {
        let known = knows_publication(&sub.name).then_some(&*sub.name);
        let refuse = |error: DdpError| {
            client.send(&message::nosub(&sub.id, Some(&error)));
            SubOutcome::Refused(Some(error.code))
        };
        if let Err(error) = self.limit(What::Subscription, &sub.name, known, &client) {
            return refuse(error);
        }
        if sub.id.len() > MAX_SUB_ID {
            return refuse(DdpError::number(400, "Subscription id too long"));
        }
        if let Some(stream) = sub.name.strip_prefix(STREAM) {
            return self
                .rooms
                .streams
                .subscribe(client, stream, &sub.id, &sub.params)
                .await;
        }
        if let Some(outcome) = self.rooms.collections.subscribe(&client, sub) {
            return outcome;
        }
        refuse(DdpError::number(
            404,
            &format!("Subscription '{}' not found", sub.name),
        ))
    }
}

/// Whether the service knows a method by its name: clients choose names, and metrics must not take them.
#[must_use]
pub fn knows_method(name: &str) -> bool {
    known_method(name).is_some()
}

/// Whether the service knows a publication by its name.
#[must_use]
pub fn knows_publication(name: &str) -> bool {
    known_stream(name).is_some() || PUBLICATIONS.contains(&name)
}

/// The publications that there are, those of streams among them.
pub fn publications() -> Vec<String> {
    let streams = Stream::all().map(|stream| format!("{STREAM}{}", stream.name()));
    let collections = PUBLICATIONS.iter().map(|name| (*name).to_owned());
    streams.chain(collections).collect()
}

/// A method's name, when the service knows it.
fn known_method(name: &str) -> Option<&str> {
    const OWN: [&str; 7] = [
        "login",
        "logout",
        "setUserStatus",
        "UserPresence:setDefaultStatus",
        "UserPresence:online",
        "UserPresence:away",
        "livechat:setUpConnection",
    ];
    known_stream(name).or_else(|| OWN.contains(&name).then_some(name))
}

/// The event name that a publication of a stream is asked for.
fn stream_event(sub: &Subscription) -> Option<String> {
    known_stream(&sub.name)?;
    let first = *ejson::first(&sub.params, 1)?.first()?;
    ejson::text(first).map(String::from)
}

fn known_stream(name: &str) -> Option<&str> {
    let stream = name.strip_prefix(STREAM)?;
    Stream::named(stream).map(|_| name)
}

impl Handler for Methods {
    fn opened(&self, client: &Arc<Client>) {
        self.tell_opened(client);
    }

    fn method(self: Arc<Self>, client: Arc<Client>, call: MethodCall) -> BoxFuture<'static, Reply> {
        async move {
            let known = known_method(&call.method);
            let span = || traces::method(known, &call.method, client.id().as_str());
            let watch = Watch::begin(&client, span);
            let reply = work::within(watch.span(), pin!(self.call(&client, &call))).await;
            let error = || reply.result.as_ref().err().map(|error| &error.code);
            watch.end(&client, error, |error, elapsed| {
                metrics::method_answered(known, error, elapsed);
            });
            reply
        }
        .boxed()
    }

    fn subscribe(
        self: Arc<Self>,
        client: Arc<Client>,
        sub: Subscription,
    ) -> BoxFuture<'static, SubOutcome> {
        async move {
            let known = knows_publication(&sub.name).then_some(&*sub.name);
            let session = client.id().as_str();
            let event = || stream_event(&sub);
            let span = || traces::publication(known, &sub.name, session, event);
            let watch = Watch::begin(&client, span);
            let job = pin!(self.publish(client.clone(), &sub));
            let outcome = work::within(watch.span(), job).await;
            let error = || match &outcome {
                SubOutcome::Refused(code) => code.as_ref(),
                SubOutcome::Ready => None,
            };
            watch.end(&client, error, |error, elapsed| {
                metrics::subscription_answered(known, error, elapsed);
            });
            outcome
        }
        .boxed()
    }

    fn unsubscribe(&self, client: &Arc<Client>, id: &str) {
        self.rooms.streams.unsubscribe(client, id);
    }

    fn active(&self, client: &Arc<Client>) {
        self.update_connection(client);
    }

    fn leave(&self, client: &Arc<Client>) {
        self.rooms.streams.leave(client);
    }

    fn closed(self: Arc<Self>, client: Arc<Client>) -> BoxFuture<'static, ()> {
        async move { self.tell_closed(&client).await }.boxed()
    }
}
