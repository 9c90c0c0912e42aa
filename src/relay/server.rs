//! The server behind all sessions, and what their legs share.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::header::HeaderMap;
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::calls::{Calls, Common};
use super::dial::{CONNECT, Caller, DialError, Dialled, NORMAL, dial, hang_up};
use super::forwarded::passed_on;
use super::http::Passage;
use super::leg::RelayLeg;
use super::losses::Losses;
use super::names::Names;
use super::standing::Standing;
use super::target::Target;
use crate::client::{Client, Leg, Server};
use crate::config::{RelayConfig, SessionConfig};
use crate::gateway::Beyond;
use crate::telemetry::limit::Limited;
use crate::telemetry::metrics::{self, Connect};

/// So many connections to the server are being made at a time; who comes then waits for their turn.
const TURNS: usize = 64;
/// A server that is asked whether it is there has no longer than this.
const PROBE: Duration = Duration::from_secs(5);

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
    target: Arc<Target>,
    pub(super) config: RelayConfig,
    session: SessionConfig,
    standing: Arc<Standing>,
    turns: Semaphore,
    losses: Losses,
    common: Arc<Common>,
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
        let common = Arc::new(Common {
            names: seed.names,
            server: seed.config.server.clone(),
            hasher: RandomState::new(),
            max_subscriptions: seed.session.max_subscriptions,
        });
        Arc::new(Self {
            target: Arc::new(Target::new(seed.config.server.clone(), seed.trusted)),
            config: seed.config,
            session: seed.session,
            standing: Arc::new(Standing::new(seed.grace)),
            turns: Semaphore::new(TURNS),
            losses: Losses::default(),
            common,
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

    /// Where plain requests go, with `RELAY_HTTP`.
    #[must_use]
    pub fn http(&self) -> Option<Arc<dyn Beyond>> {
        let passage = || {
            let (target, standing) = (self.target.clone(), self.standing.clone());
            Passage::new(target, standing, self.config.request_timeout)
        };
        self.config
            .http
            .then(|| Arc::new(passage()) as Arc<dyn Beyond>)
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
                    Err(error) => self.standing.asked_in_vain(error.to_string()),
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
            metrics::relay_connected(Connect::TimedOut);
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
            // It answered.
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
        metrics::relay_connected(match &dialled {
            Ok(_) => Connect::Ok,
            Err(DialError::Unreachable(_)) => Connect::Unreachable,
            Err(DialError::Refused(_) | DialError::Failed(_)) => Connect::Refused,
            Err(DialError::Late(_)) => Connect::TimedOut,
        });
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
        metrics::relay_lost();
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
        let calls = Calls::new(self.common.clone());
        Box::new(RelayLeg::new(self, dialling, calls))
    }
}
