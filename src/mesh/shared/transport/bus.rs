//! A bus inside the process: several nodes on one machine without a server, for tests and the sandbox.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::down::{ConnectFailed, Down};
use super::subscription::{Arrival, Subscription};
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::outgoing::{Asks, Outgoing};

/// Payloads that wait for one node, each way in. A node that is so far behind loses what comes, as over NATS.
const LANE_CAPACITY: usize = 16 * 1024;
/// What a NATS server takes unless configured otherwise.
const DEFAULT_MAX_PAYLOAD: usize = 1024 * 1024;

/// Decides whether a payload is lost on its way: subject, payload.
type Filter = Box<dyn Fn(&str, &[u8]) -> bool + Send>;

/// See the module. Clones are the same bus.
#[derive(Clone)]
pub struct LocalBus(Arc<Mutex<State>>);

struct State {
    up: bool,
    max_payload: usize,
    next_port: u64,
    ports: HashMap<u64, PortState>,
    lost: Option<Filter>,
    taps: Vec<mpsc::Sender<(String, Bytes)>>,
}

struct PortState {
    /// What comes on each, and whether it is the node's own.
    subjects: HashMap<String, (PacketKind, bool)>,
    answers: mpsc::Sender<Arrival>,
    events: mpsc::Sender<Arrival>,
    control: mpsc::Sender<Arrival>,
    down: watch::Sender<Option<String>>,
}

impl Default for LocalBus {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBus")
            .field("nodes", &self.0.lock().ports.len())
            .finish()
    }
}

impl LocalBus {
    /// A bus that works.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            up: true,
            max_payload: DEFAULT_MAX_PAYLOAD,
            next_port: 0,
            ports: HashMap::new(),
            lost: None,
            taps: Vec::new(),
        })))
    }

    /// An outage: everybody is cut off, nobody can connect.
    pub fn stop(&self) {
        let mut state = self.0.lock();
        state.up = false;
        for (_, port) in state.ports.drain() {
            port.down
                .send_replace(Some("the bus was stopped".to_owned()));
        }
    }

    /// The end of the outage.
    pub fn start(&self) {
        self.0.lock().up = true;
    }

    /// Packets for which `lost(subject, payload)` says yes never arrive, until the next call.
    pub fn lose(&self, lost: impl Fn(&str, &[u8]) -> bool + Send + 'static) {
        self.0.lock().lost = Some(Box::new(lost));
    }

    /// Everything arrives again.
    pub fn lose_nothing(&self) {
        self.0.lock().lost = None;
    }

    /// The largest payload that later connections take, bytes.
    pub fn set_max_payload(&self, bytes: usize) {
        self.0.lock().max_payload = bytes;
    }

    /// Everything that is published from now on, as `(subject, payload)`, up to a thousand unread ones.
    pub fn tap(&self) -> mpsc::Receiver<(String, Bytes)> {
        let (tap, tapped) = mpsc::channel(1000);
        self.0.lock().taps.push(tap);
        tapped
    }

    /// Publishes as a stranger would: any subject, any bytes.
    pub fn publish(&self, subject: &str, payload: impl Into<Bytes>) {
        self.0.lock().publish(subject, &payload.into());
    }

    pub(crate) fn connect(&self, subscriptions: Vec<Subscription>) -> Result<Place, ConnectFailed> {
        let mut state = self.0.lock();
        if !state.up {
            return Err(ConnectFailed("the bus is stopped".to_owned()));
        }
        let (answers_in, answers) = mpsc::channel(LANE_CAPACITY);
        let (events_in, events) = mpsc::channel(LANE_CAPACITY);
        let (control_in, control) = mpsc::channel(LANE_CAPACITY);
        let (down_in, down) = watch::channel(None);
        let id = state.next_port;
        state.next_port += 1;
        state.ports.insert(
            id,
            PortState {
                // No queue groups: the nodes of a bus are ours, which balance themselves.
                subjects: subscriptions
                    .into_iter()
                    .filter(|one| one.queue.is_none())
                    .map(|one| (one.subject, (one.kind, one.own)))
                    .collect(),
                answers: answers_in,
                events: events_in,
                control: control_in,
                down: down_in,
            },
        );
        Ok(Place {
            answers,
            events,
            control,
            port: Port {
                bus: self.clone(),
                id,
            },
            down: Down(down),
            max_payload: state.max_payload,
        })
    }
}

impl State {
    /// Tells whether somebody listens there.
    fn publish(&mut self, subject: &str, payload: &Bytes) -> bool {
        if !self.up {
            return true;
        }
        self.taps.retain(|tap| {
            !matches!(
                tap.try_send((subject.to_owned(), payload.clone())),
                Err(mpsc::error::TrySendError::Closed(_))
            )
        });
        if self
            .lost
            .as_ref()
            .is_some_and(|lost| lost(subject, payload))
        {
            return true;
        }
        let mut taken = false;
        for port in self.ports.values() {
            let Some(&(kind, own)) = port.subjects.get(subject) else {
                continue;
            };
            let lane = match kind {
                PacketKind::Response => &port.answers,
                PacketKind::Event => &port.events,
                _ => &port.control,
            };
            let _ = lane.try_send(Arrival::of(kind, own, payload.clone()));
            taken = true;
        }
        taken
    }
}

/// One node's place on the bus.
pub(crate) struct Place {
    /// RES, and requests that reached nobody.
    pub(crate) answers: mpsc::Receiver<Arrival>,
    /// EVENT.
    pub(crate) events: mpsc::Receiver<Arrival>,
    /// Everything else.
    pub(crate) control: mpsc::Receiver<Arrival>,
    pub(crate) port: Port,
    pub(crate) down: Down,
    /// Largest payload that may be published, bytes.
    pub(crate) max_payload: usize,
}

/// The way out of a place, which is left when this is dropped.
pub(crate) struct Port {
    bus: LocalBus,
    id: u64,
}

impl Port {
    pub(crate) fn publish(&self, outgoing: &Outgoing) -> Result<(), ()> {
        let mut state = self.bus.0.lock();
        if !state.up || !state.ports.contains_key(&self.id) {
            return Err(());
        }
        let taken = state.publish(&outgoing.subject, &outgoing.payload);
        if let (Some(Asks::Call(id)), false, Some(port)) =
            (&outgoing.asks, taken, state.ports.get(&self.id))
        {
            let _ = port.answers.try_send(Arrival::Unreached(*id));
        }
        Ok(())
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.bus.0.lock().ports.remove(&self.id);
    }
}
