//! Ways to the other nodes: NATS, or a bus inside the process. Both have the same face, so that what is tested over
//! one holds for the other.
//!
//! A transport makes a [`Connection`] and is done with it when it breaks: none of them reconnects by itself, and nothing
//! that was handed to a broken connection is ever sent again. The node connects anew (`life`).

mod bus;
mod connection;
mod down;
mod nats;
mod subscription;

pub use bus::LocalBus;
pub(crate) use connection::{Connection, Outlet};
pub(crate) use down::{ConnectFailed, Down};
pub(crate) use nats::{NatsOutlet, client as nats_client, visit};
pub(crate) use subscription::{Arrival, Subscription};
