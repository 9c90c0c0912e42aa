//! What all sessions of the process share.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::config::CLOSED_TIMEOUT;
use super::drain::DrainPlan;
use super::task::Session;
use super::wire::Wire;
use crate::client::{
    Buffered, Client, ClientSeed, Connection, Directory, Flusher, Handler, Server, SessionId,
};
use crate::config::SessionConfig;
use crate::ddp::Framing;
use crate::telemetry::limit::Limited;
use crate::telemetry::metrics;

/// What the door knows of a client that has come in.
#[derive(Debug)]
pub struct Arrival {
    /// The framing of its path.
    pub framing: Framing,
    /// Its address; absent when the trusted proxies did not say.
    pub address: Option<Box<str>>,
    /// The upgrade request's headers as a JSON object. Holds cookies: never in a log.
    pub headers: Box<str>,
}

/// What is behind the sessions: who deals with what clients say.
#[derive(Clone)]
pub enum Behind {
    /// The house itself.
    House(Arc<dyn Handler>),
    /// A server that each session is relayed to.
    Server(Arc<dyn Server>),
}

/// All sessions: makes them, and ends them when the service stops.
pub struct Sessions {
    pub(super) config: SessionConfig,
    pub(super) behind: Behind,
    pub(super) directory: Arc<Directory>,
    flusher: Arc<Flusher>,
    buffered: Arc<Buffered>,
    /// Clients that leave with bytes unsent that they do not read: the directory may not have them any more.
    leaving: Mutex<HashMap<SessionId, Arc<Client>>>,
    /// The sessions' tasks, and the slow part of their teardown.
    pub(super) tracker: TaskTracker,
    instance: Arc<str>,
    drain: OnceLock<DrainPlan>,
    panics: Limited,
    slow: Limited,
    full: Limited,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions")
            .field("config", &self.config)
            .field("drain", &self.drain)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// No session yet. `instance` is the UUID of this process in the `instances` collection.
    #[must_use]
    pub fn new(
        config: SessionConfig,
        behind: Behind,
        directory: Arc<Directory>,
        instance: Arc<str>,
    ) -> Arc<Self> {
        let buffered = Buffered::new(config.max_buffered_bytes, config.max_buffered_total);
        Arc::new(Self {
            config,
            behind,
            directory,
            flusher: Arc::default(),
            buffered,
            leaving: Mutex::default(),
            tracker: TaskTracker::new(),
            instance,
            drain: OnceLock::new(),
            panics: Limited::default(),
            slow: Limited::default(),
            full: Limited::default(),
        })
    }

    /// Makes a session of a socket that has become a WebSocket. `leftover` is what the client sent right behind its
    /// upgrade request. Nothing happens before the session is polled; it belongs into [`Sessions::tracker`].
    pub fn session<S: AsyncRead + AsyncWrite + Unpin>(
        self: &Arc<Self>,
        socket: S,
        leftover: Vec<u8>,
        arrival: Arrival,
    ) -> Session<S> {
        let client = Client::new(ClientSeed {
            id: session_id(),
            framing: arrival.framing,
            connection: Connection {
                instance: self.instance.clone(),
                address: arrival.address,
                headers: arrival.headers,
            },
            buffered: self.buffered.clone(),
            max_subscriptions: self.config.max_subscriptions,
        });
        Session::new(self.clone(), client, socket, leftover)
    }

    /// A session over a socket: what many get at once is written by [`Sessions::flusher`], which has to run.
    pub fn wire_session(
        self: &Arc<Self>,
        wire: Wire,
        leftover: Vec<u8>,
        arrival: Arrival,
    ) -> Session<Wire> {
        let socket = wire.0.clone();
        let session = self.session(wire, leftover, arrival);
        session.client().share(socket, self.flusher.clone());
        session
    }

    /// What writes to the sessions' sockets what many get at once.
    #[must_use]
    pub fn flusher(&self) -> &Arc<Flusher> {
        &self.flusher
    }

    /// Keeps what clients do not read within `DDP_MAX_BUFFERED_TOTAL`, until `stop`: above it those get no more that leave
    /// anyway, and then those are closed that have not read for longest.
    pub async fn relieve(self: Arc<Self>, stop: CancellationToken) {
        let relieving = async {
            loop {
                self.buffered.filled().await;
                let leaving = self.leaving.lock().values().cloned().collect::<Vec<_>>();
                let all = leaving.into_iter().map(|client| (false, client));
                let all = all.chain(
                    self.directory
                        .all()
                        .into_iter()
                        .map(|client| (true, client)),
                );
                let of = |(stays, client): (bool, Arc<Client>)| {
                    Some((stays, client.outbox().lags_since()?, client))
                };
                let mut lagging: Vec<_> = all.filter_map(of).collect();
                lagging.sort_unstable_by_key(|(stays, since, _)| (*stays, *since));
                for (_, since, client) in lagging {
                    if !self.buffered.is_full() {
                        break;
                    }
                    self.full.log(|left_out| {
                        warn!(
                            seconds = since.elapsed().as_secs(),
                            left_out,
                            "clients that do not read hold DDP_MAX_BUFFERED_TOTAL: who has not for longest is closed"
                        );
                    });
                    client.outbox().give_up();
                }
            }
        };
        stop.run_until_cancelled(relieving).await;
    }

    /// A client leaves, until it [`has_left`](Self::has_left).
    pub(super) fn leaves(&self, client: &Arc<Client>) {
        if client.outbox().lags_since().is_some() {
            let mut leaving = self.leaving.lock();
            leaving.insert(client.id().clone(), client.clone());
        }
    }

    pub(super) fn has_left(&self, client: &Client) {
        let mut leaving = self.leaving.lock();
        if leaving.remove(client.id()).is_some() && leaving.is_empty() {
            *leaving = HashMap::new();
        }
    }

    /// Where sessions are spawned: [`Sessions::drain`] waits for what is tracked here.
    #[must_use]
    pub fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// All clients, by session and by user.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Whether the service is stopping.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.get().is_some()
    }

    /// Whether a new client is taken: always, and while the service stops in the first quarter of the grace.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.drain
            .get()
            .is_none_or(|plan| Instant::now() < plan.accept_until)
    }

    /// Ends all sessions within three quarters of `grace` (`SHUTDOWN_GRACE` as a whole) and a little for flushing, as
    /// reference/configuration.md tells; returns early when all have left. With no grace, at once. Called once: a later
    /// call waits for the first one's plan.
    pub async fn drain(&self, grace: Duration) {
        let plan = *self.drain.get_or_init(|| DrainPlan::new(grace));
        for client in self.directory.all() {
            client.outbox().wake();
        }
        tokio::time::sleep_until(plan.accept_until).await;
        self.tracker.close();
        // Sessions cut themselves at `plan.cut`; the rest of the grace is for their `closed`.
        let end = plan.cut + (grace / 16).min(CLOSED_TIMEOUT);
        if tokio::time::timeout_at(end, self.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.tracker.len(),
                "the stop went on without some sessions"
            );
        }
    }

    pub(super) fn plan(&self) -> Option<&DrainPlan> {
        self.drain.get()
    }

    /// Calls the handler, where there is one; a panic in it harms nobody else.
    pub(super) fn unharmed(&self, call: impl FnOnce(&dyn Handler)) {
        let Behind::House(handler) = &self.behind else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| call(&**handler))).is_err() {
            self.panicked();
        }
    }

    pub(super) fn panicked(&self) {
        metrics::panicked(metrics::Panicked::Session, 1);
        self.panics.log(|left_out| {
            tracing::error!(left_out, "a handler panicked: this is a bug");
        });
    }

    pub(super) fn gave_up(&self) {
        self.slow.log(|left_out| {
            tracing::warn!(
                left_out,
                "a session's teardown took too long and was given up"
            );
        });
    }
}

/// The characters of Meteor's ids: none of them looks like another.
const UNMISTAKABLE: &[u8; 55] = b"23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz";
/// The length of Meteor's ids: 98 bits.
const ID_LENGTH: usize = 17;

fn session_id() -> SessionId {
    let mut random = rand::rng();
    let id: String = (0..ID_LENGTH)
        .map(|_| char::from(UNMISTAKABLE[random.random_range(0..UNMISTAKABLE.len())]))
        .collect();
    SessionId::from(id)
}
