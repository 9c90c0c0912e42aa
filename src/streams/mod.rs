//! Who listens to what, under which rules, and the fan-out.

pub mod catalog;
pub mod hub;
pub mod placeholder;
pub mod queue;

pub use catalog::{CHANNELS, CLIENT_VERSIONS, LOGIN_SERVICES, Stream};
pub use hub::{Channel, Delivered, Hub, Subscribed};
pub use placeholder::Streams;
pub use queue::{KeyedQueue, QueueLimits};
