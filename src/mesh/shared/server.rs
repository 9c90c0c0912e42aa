//! The servers: whether each answers, how fast, and what it is.

use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectErrorKind};
use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::transport::visit;
use crate::mesh::nats_target::NatsTarget;
use crate::mesh::node_id::NodeId;

/// For the way to one server, name look-up and handshake included.
const CONNECT: Duration = Duration::from_secs(4);
/// For all round trips to it.
const ROUND_TRIPS: Duration = Duration::from_secs(1);
/// The quickest of so many counts: the first finds everything cold.
const TRIPS: usize = 3;

/// A server of the transporter.
#[derive(Debug)]
pub struct ServerSeen {
    /// `nats://host:port`, without credentials.
    pub name: String,
    /// What it told, or why it did not.
    pub told: Result<ServerFacts, ServerTrouble>,
}

/// What a server told.
#[derive(Debug, Clone)]
pub struct ServerFacts {
    /// Its version.
    pub version: String,
    /// How long connecting took.
    pub connected_in: Duration,
    /// A message to itself and back; `None` when it did not come back.
    pub round_trip: Option<Duration>,
    /// The largest message that it takes, bytes.
    pub max_payload: usize,
}

/// Why a server told nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerTrouble {
    /// It does not let this process in.
    #[error("it refuses the credentials")]
    Refused,
    /// No agreement on encryption.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// It did not finish the handshake in time.
    #[error("no answer")]
    Silent,
    /// There is no way to it.
    #[error("not reached: {0}")]
    Unreachable(String),
}

impl From<ConnectError> for ServerTrouble {
    fn from(error: ConnectError) -> Self {
        let source = std::error::Error::source(&error);
        let why = source.map_or_else(|| error.to_string(), ToString::to_string);
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                Self::Refused
            }
            ConnectErrorKind::Tls => Self::Tls(why),
            ConnectErrorKind::TimedOut => Self::Silent,
            _ => Self::Unreachable(why),
        }
    }
}

/// All servers side by side, and a client of the first that answered.
pub(crate) async fn visit_all(
    target: &NatsTarget,
    own: &NodeId,
) -> (Vec<ServerSeen>, Option<Client>) {
    let names = target.names();
    let visits = names
        .into_iter()
        .enumerate()
        .map(|(index, name)| async move {
            match look(target, own, index).await {
                Ok((facts, client)) => (
                    ServerSeen {
                        name,
                        told: Ok(facts),
                    },
                    Some(client),
                ),
                Err(trouble) => (
                    ServerSeen {
                        name,
                        told: Err(trouble),
                    },
                    None,
                ),
            }
        });
    let (servers, clients): (Vec<_>, Vec<_>) = join_all(visits).await.into_iter().unzip();
    (servers, clients.into_iter().flatten().next())
}

async fn look(
    target: &NatsTarget,
    own: &NodeId,
    index: usize,
) -> Result<(ServerFacts, Client), ServerTrouble> {
    let started = Instant::now();
    let client = match timeout(CONNECT, visit(target, own, index)).await {
        Ok(Some(connected)) => connected?,
        Ok(None) => return Err(ServerTrouble::Unreachable("no such server".to_owned())),
        Err(_) => return Err(ServerTrouble::Silent),
    };
    let connected_in = started.elapsed();
    let info = client.server_info();
    let facts = ServerFacts {
        version: info.version,
        connected_in,
        round_trip: timeout(ROUND_TRIPS, round_trip(&client))
            .await
            .ok()
            .flatten(),
        max_payload: info.max_payload,
    };
    Ok((facts, client))
}

async fn round_trip(client: &Client) -> Option<Duration> {
    let inbox = client.new_inbox();
    let mut back = client.subscribe(inbox.clone()).await.ok()?;
    let mut quickest = None;
    for _ in 0..TRIPS {
        let sent = Instant::now();
        client.publish(inbox.clone(), "".into()).await.ok()?;
        back.next().await?;
        let took = sent.elapsed();
        quickest = Some(quickest.map_or(took, |best: Duration| best.min(took)));
    }
    quickest
}
