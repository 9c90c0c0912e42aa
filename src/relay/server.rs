//! The server behind all sessions, and what their legs share.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderName, HeaderValue, ORIGIN, USER_AGENT};
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::calls::Names;
use super::dial::{Caller, DialError, Dialled, NORMAL, dial, hang_up};
use super::leg::RelayLeg;
use super::losses::Losses;
use super::standing::Standing;
use super::target::Target;
use crate::client::{Client, Leg, Server};
use crate::config::{RelayConfig, SessionConfig};
use crate::ejson::RawObject;
use crate::telemetry::limit::Limited;

/// So many connections to the server are being made at a time; who comes then waits for their turn.
const TURNS: usize = 64;
/// A server that is asked whether it is there has no longer than this.
const PROBE: Duration = Duration::from_secs(5);
/// The `connect` of nobody's: to see whether the server answers.
const CONNECT: &str = r#"{"msg":"connect","version":"1","support":["1","pre2","pre1"]}"#;
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What the relay is made of.
pub struct RelaySeed {
    /// The server.
    pub config: RelayConfig,
    /// What a session may.
    pub session: SessionConfig,
    /// `HEALTH_MESH_GRACE`.
    pub grace: Duration,
    /// What servers are believed by, with `wss://`.
    pub trusted: Option<Arc<ClientConfig>>,
    /// Which names may be labels.
    pub names: Names,
}

/// The server behind all sessions.
pub struct Relay {
    target: Target,
    pub(super) config: RelayConfig,
    session: SessionConfig,
    standing: Arc<Standing>,
    turns: Semaphore,
    losses: Losses,
    pub(super) names: Names,
    /// Of the ids of publications.
    pub(super) hasher: RandomState,
    losing: Limited,
    refusing: Limited,
    slow: Limited,
    big: Limited,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("config", &self.config)
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}

impl Relay {
    /// A relay that has not looked for its server yet: [`Relay::watch`] does.
    #[must_use]
    pub fn new(seed: RelaySeed) -> Arc<Self> {
        Arc::new(Self {
            target: Target::new(seed.config.server.clone(), seed.trusted),
            config: seed.config,
            session: seed.session,
            standing: Arc::new(Standing::new(seed.grace)),
            turns: Semaphore::new(TURNS),
            losses: Losses::default(),
            names: seed.names,
            hasher: RandomState::new(),
            losing: Limited::default(),
            refusing: Limited::default(),
            slow: Limited::default(),
            big: Limited::default(),
        })
    }

    /// Whether the server is there.
    #[must_use]
    pub fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Asks the server whether it is there, whenever that is in doubt, until `stop`.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let asking = async {
            loop {
                self.standing.due().await;
                let caller = Caller {
                    headers: HeaderMap::new(),
                    connect: CONNECT.into(),
                };
                let within = PROBE.min(self.session.handshake_timeout);
                match dial(
                    &self.target,
                    caller,
                    self.session.max_buffered_bytes,
                    within,
                )
                .await
                {
                    Ok(dialled) => {
                        self.standing.there();
                        hang_up(dialled.stream, NORMAL).await;
                    }
                    Err(error) => self.standing.away(error.to_string()),
                }
            }
        };
        stop.run_until_cancelled(asking).await;
    }

    /// A session's connection, when its turn has come.
    async fn dial(self: Arc<Self>, caller: Caller) -> Result<Dialled, DialError> {
        let within = self.session.handshake_timeout;
        let began = Instant::now();
        let turn = tokio::time::timeout(within, self.turns.acquire()).await;
        let Ok(_turn) = turn else {
            return Err(DialError::Late(within));
        };
        let within = within.saturating_sub(began.elapsed());
        let dialled = dial(
            &self.target,
            caller,
            self.session.max_buffered_bytes,
            within,
        )
        .await;
        match &dialled {
            Ok(_) => self.standing.there(),
            Err(DialError::Failed(_)) => {}
            Err(error @ DialError::Unreachable(_)) => self.standing.away(error.to_string()),
            // What this client said may be the reason, and is not to keep the others away.
            Err(error) => {
                self.standing.doubt();
                self.refusing.log(|left_out| {
                    warn!(%error, left_out, "a session has no connection to the server");
                });
            }
        }
        dialled
    }

    /// A leg is lost. Says when its client is closed, if not at once.
    pub(super) fn lost(&self, why: &str) -> Option<Instant> {
        self.losing.log(|left_out| {
            warn!(
                why,
                left_out,
                "a session's connection to the server is lost: its client is told to come back"
            );
        });
        let at = self.losses.count();
        if at.is_some() {
            self.standing.doubt();
        }
        at
    }

    pub(super) fn too_slow(&self) {
        self.slow.log(|left_out| {
            warn!(
                left_out,
                "the server does not read what a client sends: DDP_MAX_BUFFERED_BYTES is reached"
            );
        });
    }

    pub(super) fn too_big(&self) {
        let limit = self.session.max_buffered_bytes;
        self.big.log(|left_out| {
            warn!(
                limit,
                left_out, "a message of the server is larger than DDP_MAX_BUFFERED_BYTES"
            );
        });
    }
}

impl Server for Relay {
    fn leg(self: Arc<Self>, client: &Arc<Client>, connect: &str) -> Box<dyn Leg> {
        let caller = Caller {
            headers: passed_on(client),
            connect: connect.into(),
        };
        debug!(session = %client.id(), "a session is to be relayed");
        let dialling = self.clone().dial(caller).boxed();
        let max_subscriptions = self.session.max_subscriptions;
        Box::new(RelayLeg::new(self, dialling, max_subscriptions))
    }
}

/// What of a client's upgrade request the server sees. The client's address comes last in `X-Forwarded-For`; when it is
/// not known, nothing is said of it at all.
fn passed_on(client: &Client) -> HeaderMap {
    let connection = client.connection();
    let mut headers = HeaderMap::new();
    let Some(came) = RawObject::parse(&connection.headers) else {
        return headers;
    };
    let mut pass = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    };
    for name in [USER_AGENT, ACCEPT_LANGUAGE, ORIGIN] {
        if let Some(value) = came.text(name.as_str()) {
            pass(name, value.into_owned());
        }
    }
    if let Some(address) = &connection.address {
        let before = came
            .text(X_FORWARDED_FOR.as_str())
            .filter(|all| !all.is_empty());
        let all = before.map_or_else(
            || address.to_string(),
            |before| format!("{before}, {address}"),
        );
        pass(X_FORWARDED_FOR, all);
    }
    headers
}
