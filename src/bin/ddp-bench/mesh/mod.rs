//! The mesh, played: one Moleculer node (protocol 4, EJSON) that offers the core's services and broadcasts its events;
//! those of a load may go to an HTTP API instead.
//!
//! One thread, one epoll: sockets, timer, orders. Answers are templates and packets are walked one level deep
//! ([`json`](crate::wire::json)): the server under test shares the machine with this.

mod answers;
mod api;
mod event;
mod link;
mod node;
mod pacer;
mod registry;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use answers::{node_info, service};
pub(crate) use event::{About, Abouts, Parts, parts};
pub(crate) use link::Link;
pub(crate) use pacer::Pace;

use crate::shared::{Note, Shared};
use crate::wire::script::Lost;

/// What is known before the mesh starts.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where NATS listens.
    pub(crate) nats: SocketAddr,
    /// `MOL`, or `MOL-<namespace>`.
    pub(crate) prefix: String,
    /// The node's id.
    pub(crate) node: String,
    /// How long the core takes to answer.
    pub(crate) delay: Duration,
}

/// What events are about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic {
    /// `watch.messages`, in turn to this many rooms.
    Rooms(u32),
    /// `presence.status`, in turn of this many users.
    Users(u32),
}

/// A load of events.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Tells its marks from those of earlier loads.
    pub(crate) run: u16,
    /// What the events are about.
    pub(crate) topic: Topic,
    /// Size of one event's message, in bytes of JSON (its natural size when less).
    pub(crate) bytes: usize,
    /// When the next one is due.
    pub(crate) pace: Pace,
    /// How many sessions hear an event of each key.
    pub(crate) listeners: Vec<u64>,
    /// It ends after this many,
    pub(crate) events: Option<u64>,
    /// or after this time.
    pub(crate) lasting: Duration,
    /// The HTTP API that publishes the events, where the server under test is not in the mesh.
    pub(crate) api: Option<SocketAddr>,
}

/// What the conductor asks of the mesh.
pub(crate) enum Order {
    /// Begin this load; [`Note::Sent`] tells its end.
    Start(Plan),
    /// From now on these have lost the access to room 0; those who had not lost it before are announced.
    Revoke {
        /// Which.
        lost: Lost,
        /// How many users there are.
        users: u32,
    },
    /// Leave the mesh and end the thread.
    Quit,
}

/// The running mesh.
pub(crate) struct Mesh {
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Mesh {
    /// Joins the mesh and serves it on a thread of its own.
    pub(crate) fn start(
        settings: Settings,
        shared: Arc<Shared>,
        notes: SyncSender<Note>,
    ) -> std::io::Result<Self> {
        let (orders, inbox) = sync_channel(16);
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new()
                .name("mesh".into())
                .spawn(move || serve(settings, &shared, &inbox, &notes))?
        };
        Ok(Self {
            orders,
            shared,
            thread: Some(thread),
        })
    }

    /// Gives an order.
    pub(crate) fn order(&self, order: Order) {
        // A thread that is gone has said why in a note.
        let _gone = self.orders.send(order);
        self.shared.wake();
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        self.order(Order::Quit);
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was printed by its hook.
            let _panicked = thread.join();
        }
    }
}

fn serve(settings: Settings, shared: &Shared, orders: &Receiver<Order>, notes: &SyncSender<Note>) {
    let run = || node::Node::join(settings, shared, notes)?.run(orders);
    if let Err(error) = run() {
        // Nobody listens when the conductor is gone.
        let _gone = notes.send(Note::Failed(format!("the mesh: {error}")));
    }
}
