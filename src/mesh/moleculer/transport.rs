//! A node's connection: every kind of packet on its own subjects, taken in on three ways.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_nats::StatusCode;
use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::mesh::config::Transporter;
use crate::mesh::nats_target::NatsTarget;
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::stats::Stats;
use crate::mesh::shared::transport::{
    Arrival, ConnectFailed, Connection, LocalBus, NatsOutlet, Outlet, Subscription, nats_client,
};

/// Three ways in, so that answers never wait behind events, and an answer that came before its node's DISCONNECT is
/// seen before it.
pub(crate) struct Inlets {
    /// RES, and requests that reached nobody.
    pub(super) answers: Inlet,
    /// EVENT.
    pub(super) events: Inlet,
    /// Everything else.
    pub(super) control: Inlet,
}

/// One attempt.
pub(super) async fn connect(
    transporter: &Transporter,
    own: &NodeId,
    subscriptions: Vec<Subscription>,
    attempt: usize,
    stats: &Arc<Stats>,
) -> Result<Connection<Inlets>, ConnectFailed> {
    match transporter {
        Transporter::Nats(target) => over_nats(target, own, subscriptions, attempt, stats).await,
        Transporter::Local(bus) => over_bus(bus, subscriptions),
        Transporter::Plain(_) => Err(ConnectFailed("not a Moleculer mesh".to_owned())),
    }
}

fn over_bus(
    bus: &LocalBus,
    subscriptions: Vec<Subscription>,
) -> Result<Connection<Inlets>, ConnectFailed> {
    let place = bus.connect(subscriptions)?;
    Ok(Connection {
        inlets: Inlets {
            answers: Inlet::Bus(place.answers),
            events: Inlet::Bus(place.events),
            control: Inlet::Bus(place.control),
        },
        outlet: Outlet::Bus(place.port),
        down: place.down,
        max_payload: place.max_payload,
    })
}

/// One attempt at one of the servers: they take turns.
async fn over_nats(
    target: &NatsTarget,
    own: &NodeId,
    subscriptions: Vec<Subscription>,
    attempt: usize,
    stats: &Arc<Stats>,
) -> Result<Connection<Inlets>, ConnectFailed> {
    let (client, down) = nats_client(target, own, attempt, stats, true).await?;
    let mut answers = NatsInlet::default();
    let mut events = NatsInlet::default();
    let mut control = NatsInlet::default();
    for Subscription {
        kind,
        subject,
        own,
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
            carries: Carries::Packets(kind, own),
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
        inlets: Inlets {
            answers: Inlet::Nats(answers),
            events: Inlet::Nats(events),
            control: Inlet::Nats(control),
        },
        outlet: Outlet::Nats(NatsOutlet::new(client, inbox)),
        down,
        max_payload,
    })
}

/// One of the ways in.
pub(super) enum Inlet {
    Nats(NatsInlet),
    Bus(mpsc::Receiver<Arrival>),
}

impl Inlet {
    /// The next payload; `None` when the connection broke. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Arrival> {
        match self {
            Self::Nats(inlet) => inlet.0.next().await,
            Self::Bus(inlet) => inlet.recv().await,
        }
    }
}

/// Several subscriptions, one after another as they bring something: each in the order of NATS, and no order between
/// them.
#[derive(Default)]
pub(super) struct NatsInlet(SelectAll<Tagged>);

/// A subscription that knows what comes on it.
struct Tagged {
    carries: Carries,
    subscriber: async_nats::Subscriber,
}

#[derive(Clone, Copy)]
enum Carries {
    /// Of this kind, and to this node alone.
    Packets(PacketKind, bool),
    Unreached,
}

impl Carries {
    fn read(self, message: async_nats::Message) -> Option<Arrival> {
        match self {
            Self::Packets(kind, own) => Some(Arrival::of(kind, own, message.payload)),
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
