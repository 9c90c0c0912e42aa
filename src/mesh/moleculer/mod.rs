//! Moleculer's protocol 4: a node as npm's `moleculer` 0.14 is one.
//!
//! - **Events in**: `transport` → a task that only drains (`link`) → the queue → `events`, which reads the packet when its
//!   turn comes and tells the listener, with `data` borrowed from the payload. **Events out**: `events`, one packet for
//!   each node that lists the event.
//! - **Calls out** (`calls`): bulkhead, registry, `balancer`, pending table → outbox; `waits` for services that nobody
//!   offers yet. The answer comes on a way of its own and never waits behind events.
//! - **Everything else** comes by `receive`: INFO (`discovery`; the first after an `introduction`; again where this node was `forgotten`), `heartbeat`s, `ping`s, calls to this node (`requests`),
//!   which `node_service` answers where `$node` is asked.
//! - **On the wire**: `packet` reads and writes envelopes, `serializer` puts them into the mesh's encoding, `subject` says
//!   where they go.

mod balancer;
mod calls;
mod clock;
mod copies;
mod discovery;
mod events;
mod forgotten;
mod heartbeat;
mod introduction;
mod link;
mod node;
mod node_service;
mod optl;
mod overhear;
pub(super) mod packet;
mod ping;
mod publish;
mod receive;
mod requests;
mod round_trips;
mod serializer;
mod subject;
mod survey;
mod transport;
mod waits;

pub(super) use node::MoleculerNode;
pub(super) use overhear::Reader;
pub use serializer::SerializeError;
pub(super) use survey::look;
