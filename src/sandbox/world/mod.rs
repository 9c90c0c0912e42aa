//! The workspace: its documents, and what follows when somebody does something.
//!
//! Nothing here does I/O: a method changes the documents and leaves behind what is to be written and broadcast
//! ([`Effects`]), in the order in which the real core does it. One task owns the world (`core`).

mod accounts;
mod date;
mod documents;
mod editing;
mod effects;
mod messages;
mod meteor;
mod permissions;
mod presence;
mod refusal;
mod rooms;
mod seed;
mod settings;
mod state;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use accounts::hash_login_token;
pub(super) use date::micros;
pub(super) use documents::User;
pub(super) use effects::{Broadcast, Write};
pub(super) use refusal::Refusal;
pub(super) use state::World;
