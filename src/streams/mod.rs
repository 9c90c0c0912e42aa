//! Who listens to what, under which rules, and the fan-out.
//!
//! [`catalog`] is the table of all streams. What is asked stands in [`rules`] (who may read and write, with what was
//! asked before for as long as nothing changed under it) and [`visibility`] (whose status is whose business); what is
//! kept in [`listening`] (the hub, interest sets, the rooms of users); what is written in [`delivery`]. [`publications`]
//! takes a publication through them, from its request to its end. [`Streams`] is the room as others see it:
//!
//! - a session's requests: [`Streams::subscribe`], [`Streams::unsubscribe`], [`Streams::write`], [`Streams::recheck`]
//!   after a login as somebody else, [`Streams::leave`] at its end;
//! - what the mesh tells: [`Streams::publish`], [`Streams::relayed`], [`Streams::message`],
//!   [`Streams::presence_changed`], [`Streams::status_changed`], and what changed underneath: [`Streams::subscription_changed`],
//!   [`Streams::room_changed`], …
//!
//! What the mesh tells never waits here. What needs a look-up first goes through a [`KeyedQueue`].
//!
//! **Nothing is granted on stale ground.** A publication is made under its client's lock, after a last look at the
//! ground; an event first counts up the ground and then ends publications. So it either makes the last look fail, or
//! finds the publication.

mod again;
mod catalog;
mod delivery;
mod listening;
mod publications;
mod rules;
mod state;
#[cfg(test)]
mod tests;
mod visibility;

pub use again::until_done;
pub use catalog::{CHANNELS, CLIENT_VERSIONS, LOGIN_SERVICES, MY_MESSAGES, Stream};
pub use delivery::queue::{KeyedQueue, QueueLimits};
pub use delivery::relay::EVENT as RELAYED;
pub use delivery::status::status_code;
pub use delivery::write::Written;
pub use listening::hub::{Channel, Delivered, Hub, Subscribed};
pub use state::{Streams, StreamsSeed};
