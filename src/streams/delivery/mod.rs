//! What is written: events on their way to those who listen ([`publish`]), what clients write ([`write`]), what streamers
//! tell each other of it ([`relay`]), messages and statuses, and the queue for what needs a look-up first ([`queue`]).

mod messages;
pub(super) mod publish;
pub(super) mod queue;
pub(super) mod relay;
pub(super) mod status;
pub(super) mod write;
