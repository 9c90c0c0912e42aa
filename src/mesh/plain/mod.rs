//! The plain NATS broker of 8.x (`BROKER=nats`): no packets, no registry, nobody who says that he lives.
//!
//! - **Calls** (`calls`, `answer`) are NATS requests to `rpc.<service>.<method>`, where a queue group picks one of the
//!   nodes, or to `node.<node>.<service>.<method>`; the payload is the JSON array of arguments, the answer is the result,
//!   nothing for undefined, or an error with headers. Retries and balance are not ours: what reaches nobody is sent again
//!   after fixed pauses, and nothing else is.
//! - **Events** (`events`) are published to `event.<name>`; everybody who listens gets them.
//! - **Who is there** (`census`) is asked for with NATS's own service protocol: `$SRV.PING` for instances of services,
//!   `$SRV.INFO` for the methods of each, and the server itself says when an instance is gone. What comes of it stands
//!   in the same registry that Moleculer's INFO packets fill.
//! - **Being asked** (`requests`, `micro`): the own services answer both protocols.
//!
//! What this broker cannot tell: a node that dies while it works on a call is not seen by the caller, who waits until the
//! call's time-out; a call to a service that nobody offers fails after the pauses, four seconds; events have no sender.

mod answer;
mod calls;
mod census;
mod connection;
mod events;
mod headers;
mod instances;
mod link;
mod micro;
mod node;
mod overhear;
mod requests;
mod subject;
mod survey;

pub(super) use node::PlainNode;
pub(super) use overhear::{read, subjects};
pub(super) use survey::look;
