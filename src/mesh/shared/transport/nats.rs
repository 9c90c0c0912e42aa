//! NATS.
//!
//! async-nats reconnects by itself and, when it does, sends what was handed to it before or during the outage; a request
//! that runs minutes late does harm. It also gives up for ever after a refused authorization. So a client of it lives
//! exactly as long as its connection: its own reconnecting is made to fail at once, and the node's driver builds a new
//! client, with nothing in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{AuthError, Client, ConnectOptions};
use tokio::sync::watch;
use uuid::Uuid;

use super::down::{ConnectFailed, Down};
use crate::mesh::nats_target::NatsTarget;
use crate::mesh::node_id::NodeId;
use crate::mesh::shared::outgoing::{Asks, Outgoing};
use crate::mesh::shared::stats::Stats;
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

/// A client that lives as long as its connection, of the server whose turn it is. Without `echo` it does not get back
/// what it publishes itself.
pub(crate) async fn client(
    target: &NatsTarget,
    own: &NodeId,
    attempt: usize,
    stats: &Arc<Stats>,
    echo: bool,
) -> Result<(Client, Down), ConnectFailed> {
    let Some(server) = target.server_in_turn(attempt) else {
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
    let server = target.server(server)?;
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
            stats.complained(&error.to_string());
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

    pub(crate) async fn publish(&self, outgoing: Outgoing) -> Result<(), ()> {
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
            (Some(asks), headers) => {
                let mut buffer = Uuid::encode_buffer();
                let token = match &asks {
                    Asks::Call(id) => &*id.simple().encode_lower(&mut buffer),
                    Asks::Around(token) => token,
                };
                let reply = [&*self.inbox, token].join(".");
                match headers {
                    None => client.publish_with_reply(subject, reply, payload).await,
                    Some(headers) => {
                        client
                            .publish_with_reply_and_headers(subject, reply, headers, payload)
                            .await
                    }
                }
            }
        };
        published.map_err(|_| ())
    }

    pub(crate) async fn flush(&self) {
        let _ = self.client.flush().await;
    }
}
