//! The service in front of a single server, without a mesh (reference/relay.md).

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;
use uuid::Uuid;

use super::edge::{Edge, Ports};
use super::error::{Failure, StartError};
use super::{files, settings};
use crate::client::Directory;
use crate::config::{Config, RelayConfig};
use crate::gateway::{Readiness, Shown};
use crate::methods;
use crate::relay::{Names, Relay, RelaySeed};
use crate::session::{Behind, Sessions};
use crate::telemetry::metrics;
use crate::telemetry::status::Status;

/// The service, built and bound, not yet running.
pub struct RelayApp {
    config: Config,
    directory: Arc<Directory>,
    relay: Arc<Relay>,
    edge: Edge,
}

impl RelayApp {
    /// Makes every room and binds the ports. Nothing is connected yet.
    ///
    /// # Errors
    /// A setting that cannot be used, or a port that cannot be bound.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        let Some(relay) = config.relay.clone() else {
            return Err(StartError::Setting {
                name: "DDP_SERVER_URL",
                problem: "not set".to_owned(),
            });
        };
        let mut problems = files::problems(&config);
        let trusted = match trusted(&relay) {
            Ok(trusted) if problems.is_empty() => trusted.map(Arc::new),
            trusted => {
                problems.extend(trusted.err());
                return Err(StartError::Several(problems));
            }
        };
        let ports = Ports::bind(&config).await?;
        let relay = Relay::new(RelaySeed {
            config: relay,
            session: config.session.clone(),
            grace: config.health_mesh_grace,
            trusted,
            names: Names {
                method: methods::knows_method,
                publication: methods::knows_publication,
            },
        });
        let directory = Arc::new(Directory::default());
        let sessions = Sessions::new(
            config.session.clone(),
            Behind::Server(relay.clone()),
            directory.clone(),
            Uuid::new_v4().to_string().into(),
        );
        metrics::expect_relay();
        let edge = Edge::bind(
            &config,
            ports,
            sessions,
            relay.standing().clone(),
            relay.http(),
        )?;
        Ok(Self {
            config,
            directory,
            relay,
            edge,
        })
    }

    /// Where clients are served.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.edge.local_addr()
    }

    /// The certificate that clients are shown, where they are served with TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<Shown> {
        self.edge.certificate()
    }

    /// Serves until `signal` is ready, then drains and leaves.
    ///
    /// # Errors
    /// Never: nothing here stops the service by itself.
    pub async fn run(self, signal: impl Future<Output = ()>) -> Result<(), Failure> {
        let address = self.edge.local_addr();
        let directory = self.directory.clone();
        let sample = move || metrics::queue_bytes(directory.unsent());
        let sources = Sources {
            server: self.server(),
            max_connections: self.config.gateway.max_connections,
            began: Instant::now(),
            directory: self.directory.clone(),
            sessions: self.edge.sessions.clone(),
            relay: self.relay.clone(),
        };
        let server = sources.server.clone();
        let open = self.edge.open(sample, move || sources.look());
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        tracker.spawn(self.relay.watch(stop.clone()));
        info!(%address, server, "serving: every session is relayed");
        signal.await;
        let rest = async |_end: Instant| {
            stop.cancel();
            tracker.close();
            tracker.wait().await;
        };
        open.close(None, rest).await
    }

    fn server(&self) -> String {
        self.config
            .relay
            .as_ref()
            .map(|relay| relay.server.to_string())
            .unwrap_or_default()
    }
}

/// What a server is believed by, with `wss://`.
///
/// # Errors
/// `TLS_CA_PATH` cannot be used.
pub fn trusted(relay: &RelayConfig) -> Result<Option<ClientConfig>, StartError> {
    let trusted = relay
        .server
        .tls
        .then(|| settings::trusting(relay.tls_ca.as_deref()));
    trusted.transpose()
}

/// Where the figures of the status page are from.
struct Sources {
    server: String,
    max_connections: usize,
    began: Instant,
    directory: Arc<Directory>,
    sessions: Arc<Sessions>,
    relay: Arc<Relay>,
}

impl Sources {
    fn look(&self) -> Status {
        let standing = self.relay.standing();
        let ready = match standing.ready() {
            _ if self.sessions.is_draining() => "no: shutting down".to_owned(),
            Ok(()) => "yes".to_owned(),
            Err(reason) => format!("no: {reason}"),
        };
        let sections = [
            (
                "process",
                json!({
                    "version": env!("CARGO_PKG_VERSION"),
                    "uptimeSeconds": self.began.elapsed().as_secs(),
                    "ready": ready,
                }),
            ),
            (
                "clients",
                json!({
                    "connected": self.directory.connected(),
                    "connectionLimit": self.max_connections,
                    "unsentBytes": self.directory.unsent(),
                }),
            ),
            ("traces", super::status::traces()),
            (
                "server",
                json!({
                    "url": self.server,
                    "state": standing.describe(),
                }),
            ),
        ];
        sections
            .map(|(name, figures)| (name.to_owned(), figures))
            .into_iter()
            .collect()
    }
}
