//! A connection, whatever it goes over.

use super::bus::Port;
use super::down::Down;
use super::nats::NatsOutlet;
use crate::mesh::shared::outgoing::Outgoing;

/// One connection, subscribed to everything that the node listens to.
pub(crate) struct Connection<I> {
    /// What comes in.
    pub(crate) inlets: I,
    pub(crate) outlet: Outlet,
    pub(crate) down: Down,
    /// Largest payload that may be published, bytes.
    pub(crate) max_payload: usize,
}

/// What goes out.
pub(crate) enum Outlet {
    Nats(NatsOutlet),
    Bus(Port),
}

impl Outlet {
    /// Hands a payload over. What cannot be handed over is lost; the connection's end is told by [`Down`].
    ///
    /// When nobody was there to take a call, that comes to the inbox.
    pub(crate) async fn publish(&self, outgoing: Outgoing) -> Result<(), ()> {
        match self {
            Self::Nats(outlet) => outlet.publish(outgoing).await,
            Self::Bus(port) => port.publish(&outgoing),
        }
    }

    /// Waits until everything was written.
    pub(crate) async fn flush(&self) {
        if let Self::Nats(outlet) = self {
            outlet.flush().await;
        }
    }
}
