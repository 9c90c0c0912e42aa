//! Who may read and write what (reference/streams.md, "Rules"): the meaning of the catalogue's rules.
//!
//! Rules fail closed: what cannot be asked is [`Unasked`], and whoever asks refuses. What a rule is asked with comes from
//! a client; it reaches the store and the services as text that was checked to be text, and in no other form.
//!
//! [`read`] and [`write`] are the rules; [`questions`] asks the services and the store behind them, once for all who ask
//! the same at the same time.

mod questions;
mod read;
mod write;

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::ground::{Grounds, Mark};
use super::reuse::Reuse;
use crate::client::{Client, UserId};
use crate::services::{Release, Services};
use crate::store::{Document, Settings, Store};
use crate::telemetry::limit::Limited;

pub(super) use questions::Question;
pub(super) use write::Effect;

/// Rooms that are known at a time: a room document has 1 to 4 KiB.
const ROOMS_KNOWN: usize = 512;
/// Granted answers that are known at a time, about 250 bytes each: those of 400 sessions set up within two seconds.
const GRANTS_KNOWN: usize = 4096;
/// How often a question is asked when the ground moves under it each time. In a busy room the room itself changes with
/// each message; whoever is that unlucky this often is refused.
pub(super) const MAX_ASKED: usize = 8;

/// A rule could not be asked: the mesh or the database is away, or answered something else than was agreed. The cause is
/// in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rule could not be asked")]
pub(super) struct Unasked;

/// Who asks: a user, or an anonymous session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asker(Option<UserId>);

impl From<Option<UserId>> for Asker {
    fn from(user: Option<UserId>) -> Self {
        Self(user)
    }
}

impl Asker {
    /// Who a client is, now.
    pub(super) fn of(client: &Client) -> Self {
        Self(client.user())
    }

    /// The user; `None` is an anonymous session.
    pub(super) fn user(&self) -> Option<&UserId> {
        self.0.as_ref()
    }

    /// The user's id.
    pub(super) fn uid(&self) -> Option<&str> {
        self.0.as_ref().map(UserId::as_str)
    }

    /// Whether the client is still who it was.
    pub(super) fn is(&self, client: &Client) -> bool {
        match &self.0 {
            Some(user) => client.is(user.as_str()),
            None => client.identity().is_none(),
        }
    }
}

/// Which rules hold, where releases differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Era {
    /// 6.x and 7.x.
    Old,
    /// 8.x.
    New,
    /// Not known, or both at once: the stricter rule of the two.
    Both,
}

/// The rules, with what they stand on.
pub(super) struct Rules {
    services: Services,
    store: Store,
    settings: Settings,
    grounds: Grounds,
    rooms: Reuse<Box<str>, Document>,
    grants: Reuse<Question, ()>,
}

impl Rules {
    pub(super) fn new(services: Services, store: Store, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            services,
            store,
            settings,
            grounds: Grounds::new(),
            rooms: Reuse::new(ROOMS_KNOWN),
            grants: Reuse::new(GRANTS_KNOWN),
        })
    }

    /// What changes under answers.
    pub(super) fn grounds(&self) -> &Grounds {
        &self.grounds
    }

    /// Whether an answer still holds.
    pub(super) fn stands(&self, mark: &Mark) -> bool {
        self.grounds.stands(mark)
    }

    fn era(&self) -> Era {
        match self.services.mesh().release() {
            Release::V6 => Era::Old,
            Release::V8 => Era::New,
            Release::Unknown | Release::Mixed => Era::Both,
        }
    }
}

impl Unasked {
    /// Says why, at most once in ten seconds: an outage is told once, not by every client.
    pub(super) fn because(what: &str, cause: &dyn std::fmt::Display) -> Self {
        static LINE: Limited = Limited::every(Duration::from_secs(10));
        LINE.log(|left_out| warn!(what, %cause, left_out, "a rule could not be asked"));
        Self
    }
}

fn unasked(what: &str, cause: &dyn std::fmt::Display) -> Unasked {
    Unasked::because(what, cause)
}
