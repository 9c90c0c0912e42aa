//! NATS.
//!
//! async-nats reconnects by itself and, when it does, sends what was handed to it before or during the outage; a request
//! that runs minutes late does harm. It also gives up for ever after a refused authorization. So a client of it lives
//! exactly as long as its connection: its own reconnecting is made to fail at once, and the node's driver builds a new
//! client, with nothing in it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::{AuthError, Client, ConnectOptions, ServerAddr, StatusCode};
use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Arrival, ConnectFailed, Connection, Down, Inlet, Outlet};
use crate::mesh::error::MeshError;
use crate::mesh::node_id::NodeId;
use crate::mesh::packet::PacketKind;
use crate::mesh::publish::{Asks, Outgoing};
use crate::mesh::stats::Stats;
use crate::mesh::subject::Subscription;
use crate::telemetry::limit::Limited;

/// A frozen server answers no ping: async-nats gives up at the third unanswered one, so after 15 s.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// For TCP, TLS and the handshake with one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For a whole attempt, name look-up and all addresses of a name included.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Packets of one subscription between the socket and our drain, which does nothing but move them on.
const SUBSCRIPTION_CAPACITY: usize = 32 * 1024;
/// Commands between our outbox and the socket. The outbox is the queue; this is only its mouth.
const COMMAND_CAPACITY: usize = 512;

/// Servers of one cluster and how to get in.
#[derive(Clone, Default)]
pub struct NatsTarget {
    servers: Vec<ServerAddr>,
    /// User name, as it is sent; without a password, a token.
    pub user: Option<String>,
    /// Password, as it is sent.
    pub pass: Option<String>,
    /// Encryption.
    pub tls: NatsTls,
}

/// Encryption of the way to NATS.
#[derive(Clone, Default)]
pub struct NatsTls {
    /// Refuse servers that offer none. `tls://` in an address asks for it as well, and a server may demand it.
    pub required: bool,
    /// Trust and provider; without it async-nats trusts what the platform trusts.
    pub client: Option<Arc<rustls::ClientConfig>>,
}

impl fmt::Debug for NatsTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Credentials never reach a log.
        f.debug_struct("NatsTarget")
            .field("servers", &self.names())
            .field("user", &self.user.is_some())
            .finish_non_exhaustive()
    }
}

impl NatsTarget {
    /// Reads `nats://[user:pass@]host:port[,…]` or `tls://…`; the scheme may be missing. The first credentials count for
    /// all servers, and they are sent as they stand, as Moleculer does: nothing is percent-decoded.
    pub fn parse(text: &str) -> Result<Self, MeshError> {
        let mut target = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (scheme, rest) = part.split_once("://").unwrap_or(("nats", part));
            let (credentials, host) = match rest.rsplit_once('@') {
                Some((credentials, host)) => (Some(credentials), host),
                None => (None, rest),
            };
            let server = format!("{scheme}://{host}");
            let invalid = |reason: String| MeshError::InvalidServer {
                server: server.clone(),
                reason,
            };
            if !matches!(scheme, "nats" | "tls") {
                return Err(invalid("expected nats:// or tls://".to_owned()));
            }
            let address: ServerAddr = server
                .parse()
                .map_err(|error: std::io::Error| invalid(error.to_string()))?;
            if address.host().is_empty() {
                return Err(invalid("no host".to_owned()));
            }
            target.servers.push(address);
            if let (Some(credentials), None) = (credentials, &target.user) {
                let (user, pass) = match credentials.split_once(':') {
                    Some((user, pass)) => (user, Some(pass)),
                    None => (credentials, None),
                };
                target.user = Some(user.to_owned());
                target.pass = pass.map(str::to_owned);
            }
        }
        if target.servers.is_empty() {
            return Err(MeshError::InvalidServer {
                server: String::new(),
                reason: "no server".to_owned(),
            });
        }
        Ok(target)
    }

    /// The servers' addresses, without credentials.
    pub fn names(&self) -> Vec<String> {
        self.servers
            .iter()
            .map(|server| format!("{}://{}:{}", server.scheme(), server.host(), server.port()))
            .collect()
    }
}

/// One attempt at one of the servers: they take turns.
pub(super) async fn connect(
    target: &NatsTarget,
    own: &NodeId,
    subscriptions: Vec<Subscription>,
    attempt: usize,
    stats: &Arc<Stats>,
) -> Result<Connection, ConnectFailed> {
    let (client, down) = client(target, own, attempt, stats, true).await?;
    let mut answers = NatsInlet::default();
    let mut events = NatsInlet::default();
    let mut control = NatsInlet::default();
    for Subscription {
        kind,
        subject,
        queue,
    } in subscriptions
    {
        let lane = match kind {
            PacketKind::Response => &mut answers,
            PacketKind::Event => &mut events,
            _ => &mut control,
        };
        let subscriber = match queue {
            Some(queue) => client.queue_subscribe(subject, queue).await,
            None => client.subscribe(subject).await,
        }
        .map_err(|error| ConnectFailed(error.to_string()))?;
        lane.0.push(Tagged {
            carries: Carries::Packets(kind),
            subscriber,
        });
    }
    let inbox = client.new_inbox();
    let subscriber = client
        .subscribe(format!("{inbox}.*"))
        .await
        .map_err(|error| ConnectFailed(error.to_string()))?;
    answers.0.push(Tagged {
        carries: Carries::Unreached,
        subscriber,
    });
    let max_payload = client.max_payload();
    Ok(Connection {
        answers: Inlet::Nats(answers),
        events: Inlet::Nats(events),
        control: Inlet::Nats(control),
        outlet: Outlet::Nats(NatsOutlet::new(client, inbox)),
        down,
        max_payload,
    })
}

/// A client that lives as long as its connection, of the server whose turn it is. Without `echo` it does not get back
/// what it publishes itself.
pub(crate) async fn client(
    target: &NatsTarget,
    own: &NodeId,
    attempt: usize,
    stats: &Arc<Stats>,
    echo: bool,
) -> Result<(Client, Down), ConnectFailed> {
    let Some(server) = target.servers.get(attempt % target.servers.len().max(1)) else {
        return Err(ConnectFailed("no server".to_owned()));
    };
    let (down_in, down) = watch::channel(None);
    let established = Arc::new(AtomicBool::new(false));
    let mut options = options(target, own, down_in, &established, stats);
    if !echo {
        options = options.no_echo();
    }
    let client =
        match tokio::time::timeout(ATTEMPT_TIMEOUT, Box::pin(options.connect(server))).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(ConnectFailed(format!("{}: {error}", server.host()))),
            Err(_) => return Err(ConnectFailed(format!("{}: no answer", server.host()))),
        };
    established.store(true, Ordering::SeqCst);
    Ok((client, Down(down)))
}

/// A client of just this server of the target, for a look; `None` when it has no such server.
pub(crate) async fn visit(
    target: &NatsTarget,
    own: &NodeId,
    server: usize,
) -> Option<Result<Client, async_nats::ConnectError>> {
    let server = target.servers.get(server)?;
    let (down, _) = watch::channel(None);
    let established = Arc::new(AtomicBool::new(false));
    let stats = Arc::new(Stats::new());
    let options = options(target, own, down, &established, &stats);
    let client = Box::pin(options.connect(server)).await;
    established.store(true, Ordering::SeqCst);
    Some(client)
}

fn options(
    target: &NatsTarget,
    own: &NodeId,
    down: watch::Sender<Option<String>>,
    established: &Arc<AtomicBool>,
    stats: &Arc<Stats>,
) -> ConnectOptions {
    let established = Arc::clone(established);
    let (user, pass) = (target.user.clone(), target.pass.clone());
    let down = Arc::new(down);
    let stats = Arc::clone(stats);
    let complaints = Arc::new(Limited::default());
    let mut options = ConnectOptions::with_auth_callback(move |_nonce| {
        // Asked again once it was connected, async-nats is reconnecting: refused, it ends before it has sent anything.
        let again = established.load(Ordering::SeqCst);
        let (user, pass) = (user.clone(), pass.clone());
        async move {
            if again {
                return Err(AuthError::new("a new client is built instead"));
            }
            let mut auth = async_nats::Auth::new();
            // A name without a password is a token, as in NATS's own URLs.
            match pass {
                Some(pass) => (auth.username, auth.password) = (user, Some(pass)),
                None => auth.token = user,
            }
            Ok(auth)
        }
    })
    .event_callback(move |event| {
        let down = Arc::clone(&down);
        let (stats, complaints) = (Arc::clone(&stats), Arc::clone(&complaints));
        async move { observe(&event, &down, &stats, &complaints) }
    })
    .name(own)
    .max_reconnects(1)
    .reconnect_delay_callback(|_| Duration::ZERO)
    .ignore_discovered_servers()
    .retain_servers_order()
    .connection_timeout(CONNECT_TIMEOUT)
    .ping_interval(PING_INTERVAL)
    .subscription_capacity(SUBSCRIPTION_CAPACITY)
    .client_capacity(COMMAND_CAPACITY)
    .require_tls(target.tls.required);
    if let Some(client) = &target.tls.client {
        options = options.tls_client_config(rustls::ClientConfig::clone(client));
    }
    options
}

fn observe(
    event: &async_nats::Event,
    down: &watch::Sender<Option<String>>,
    stats: &Stats,
    complaints: &Limited,
) {
    use async_nats::Event;
    match event {
        Event::Disconnected | Event::Closed => {
            down.send_if_modified(|reason| match reason {
                Some(_) => false,
                None => {
                    *reason = Some(event.to_string());
                    true
                }
            });
        }
        // At least one: the callback's own queue is short.
        Event::SlowConsumer(_) => stats.lost_at_nats(),
        // One for each refused subscription, and there are many.
        Event::ServerError(error) => {
            complaints.log(|left_out| {
                tracing::warn!(%error, left_out, "NATS complains");
            });
        }
        Event::LameDuckMode => tracing::info!("the NATS server is about to shut down"),
        _ => {}
    }
}

/// The way out.
pub(crate) struct NatsOutlet {
    client: Client,
    /// Where answers come, and the server's word that nobody listens to a request's subject ("no responders"): this and
    /// one token. Moleculer's nodes answer on their own subjects and ignore it.
    inbox: String,
}

impl NatsOutlet {
    pub(crate) fn new(client: Client, inbox: String) -> Self {
        Self { client, inbox }
    }

    pub(super) async fn publish(&self, outgoing: Outgoing) -> Result<(), ()> {
        let Outgoing {
            subject,
            payload,
            asks,
            headers,
            ..
        } = outgoing;
        let client = &self.client;
        let published = match (asks, headers) {
            (None, None) => client.publish(subject, payload).await,
            (None, Some(headers)) => client.publish_with_headers(subject, headers, payload).await,
            (Some(asks), _) => {
                let mut buffer = Uuid::encode_buffer();
                let token = match &asks {
                    Asks::Call(id) => &*id.simple().encode_lower(&mut buffer),
                    Asks::Around(token) => token,
                };
                let reply = [&*self.inbox, token].join(".");
                client.publish_with_reply(subject, reply, payload).await
            }
        };
        published.map_err(|_| ())
    }

    pub(super) async fn flush(&self) {
        let _ = self.client.flush().await;
    }
}

/// Several subscriptions, one after another as they bring something: each in the order of NATS, and no order between
/// them.
#[derive(Default)]
pub(crate) struct NatsInlet(SelectAll<Tagged>);

impl NatsInlet {
    pub(super) async fn next(&mut self) -> Option<Arrival> {
        self.0.next().await
    }
}

/// A subscription that knows what comes on it.
struct Tagged {
    carries: Carries,
    subscriber: async_nats::Subscriber,
}

#[derive(Clone, Copy)]
enum Carries {
    Packets(PacketKind),
    Unreached,
}

impl Carries {
    fn read(self, message: async_nats::Message) -> Option<Arrival> {
        match self {
            Self::Packets(kind) => Some(Arrival::Packet(kind, message.payload)),
            Self::Unreached if message.status == Some(StatusCode::NO_RESPONDERS) => {
                let id = message.subject.rsplit('.').next()?;
                Uuid::try_parse(id).ok().map(Arrival::Unreached)
            }
            Self::Unreached => None,
        }
    }
}

impl Stream for Tagged {
    type Item = Arrival;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Arrival>> {
        let carries = self.carries;
        loop {
            match self.subscriber.poll_next_unpin(cx) {
                Poll::Ready(Some(message)) => {
                    if let Some(arrival) = carries.read(message) {
                        return Poll::Ready(Some(arrival));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_charts_write_them() {
        let target = NatsTarget::parse("nats://u:p%40x@a:4222,nats://b,tls://c:5222").unwrap();
        assert_eq!(
            target.names(),
            ["nats://a:4222", "nats://b:4222", "tls://c:5222"]
        );
        assert_eq!(
            (target.user.as_deref(), target.pass.as_deref()),
            (Some("u"), Some("p%40x"))
        );
        assert_eq!(
            NatsTarget::parse("localhost").unwrap().names(),
            ["nats://localhost:4222"]
        );
        assert!(!format!("{target:?}").contains("p%40x"));
        for bad in ["", "redis://x", "nats://", "http://a:1"] {
            assert!(NatsTarget::parse(bad).is_err(), "{bad}");
        }
    }
}
