//! Who listens to what, under which rules, and the fan-out.

pub mod hub;

pub use hub::{Channel, Delivered, Hub, Subscribed};
pub mod placeholder;
pub use placeholder::{CLIENT_VERSIONS, KeyedQueue, LOGIN_SERVICES, Stream, Streams};
