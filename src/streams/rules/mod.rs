//! Who may read and write what (reference/streams.md, "Rules"): the meaning of the catalogue's rules.
//!
//! Rules fail closed: what cannot be asked is [`Unasked`], and whoever asks refuses. What a rule is asked with comes from
//! a client; it reaches the store and the services as text that was checked to be text, and in no other form.
//!
//! [`read`] and [`write`] are the rules; [`questions`] asks the services and the store behind them, once for all who ask
//! the same at the same time.

mod asker;
mod ground;
mod looks;
pub(super) mod params;
mod questions;
mod read;
pub(super) mod reuse;
mod sources;
mod unasked;
mod write;

pub(super) use asker::Asker;
pub(super) use questions::Question;
pub(super) use read::Asks;
pub(super) use sources::Rules;
pub(super) use unasked::Unasked;
pub(super) use write::Effect;

/// How often a question is asked when the ground moves under it each time. In a busy room the room itself changes with
/// each message; whoever is that unlucky this often is refused.
pub(super) const MAX_ASKED: usize = 8;
