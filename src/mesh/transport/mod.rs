//! Ways to the other nodes: NATS, or a bus inside the process. Both have the same face, so that what is tested over
//! one holds for the other.
//!
//! A transport makes a [`Connection`] and is done with it when it breaks: none of them reconnects by itself, and nothing
//! that was handed to a broken connection is ever sent again. The node's driver connects anew.

mod local;
mod nats;

use std::fmt;

use bytes::Bytes;
use uuid::Uuid;

pub use local::LocalBus;
pub(crate) use nats::{NatsOutlet, client as nats_client, visit};
pub use nats::{NatsTarget, NatsTls};

use super::config::Transporter;
use super::node_id::NodeId;
use super::packet::PacketKind;
use super::publish::Outgoing;
use super::stats::Stats;
use super::subject::Subscription;
use std::sync::Arc;

/// Why no connection was made, for the log.
#[derive(Debug)]
pub(crate) struct ConnectFailed(pub(crate) String);

impl fmt::Display for ConnectFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One connection, subscribed to everything that the node listens to.
///
/// Three ways in, so that answers never wait behind events, and an answer that came before its node's DISCONNECT is
/// seen before it.
pub(crate) struct Connection {
    /// RES, and requests that reached nobody.
    pub(crate) answers: Inlet,
    /// EVENT.
    pub(crate) events: Inlet,
    /// Everything else.
    pub(crate) control: Inlet,
    pub(crate) outlet: Outlet,
    pub(crate) down: Down,
    /// Largest payload that may be published, bytes.
    pub(crate) max_payload: usize,
}

impl Connection {
    /// One attempt.
    pub(crate) async fn open(
        transporter: &Transporter,
        own: &NodeId,
        subscriptions: Vec<Subscription>,
        attempt: usize,
        stats: &Arc<Stats>,
    ) -> Result<Self, ConnectFailed> {
        match transporter {
            Transporter::Nats(target) => {
                nats::connect(target, own, subscriptions, attempt, stats).await
            }
            Transporter::Local(bus) => bus.connect(subscriptions),
            Transporter::Plain(_) => Err(ConnectFailed("not a Moleculer mesh".to_owned())),
        }
    }
}

/// What a connection brings.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A payload, and of what kind its subject says that it is.
    Packet(PacketKind, Bytes),
    /// A request that reached nobody: the called node is not connected, whatever its last heartbeat said.
    Unreached(Uuid),
}

/// What comes in.
pub(crate) enum Inlet {
    Nats(nats::NatsInlet),
    Local(tokio::sync::mpsc::Receiver<Arrival>),
}

impl Inlet {
    /// The next payload; `None` when the connection broke. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        match self {
            Self::Nats(inlet) => inlet.next().await,
            Self::Local(inlet) => inlet.recv().await,
        }
    }
}

/// What goes out.
pub(crate) enum Outlet {
    Nats(nats::NatsOutlet),
    Local(local::Port),
}

impl Outlet {
    /// Hands a payload over. What cannot be handed over is lost; the connection's end is told by [`Down`].
    ///
    /// When nobody was there to take a call, that comes to the inbox.
    pub(in crate::mesh) async fn publish(&self, outgoing: Outgoing) -> Result<(), ()> {
        match self {
            Self::Nats(outlet) => outlet.publish(outgoing).await,
            Self::Local(port) => port.publish(&outgoing),
        }
    }

    /// Waits until everything was written.
    pub(crate) async fn flush(&self) {
        if let Self::Nats(outlet) = self {
            outlet.flush().await;
        }
    }
}

/// The end of a connection.
pub(crate) struct Down(pub(crate) tokio::sync::watch::Receiver<Option<String>>);

impl Down {
    /// Waits for the end and says why.
    pub(crate) async fn wait(&mut self) -> String {
        match self.0.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "connection closed".to_owned(),
        }
    }
}
