//! What is kept: who listens to what ([`hub`]), whose presence a session wants to see ([`presence`]), and the rooms of
//! users who listen to `rooms-changed` ([`rooms`]); and whose access is in doubt ([`doubts`]).

pub(super) mod doubts;
pub(super) mod hub;
pub(super) mod presence;
pub(super) mod rooms;

mod relation;
pub(super) mod slack;
