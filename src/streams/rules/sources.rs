//! What the rules ask and stand on: services, store, settings, and what was asked before.

use std::sync::Arc;

use super::ground::{Grounds, Mark};
use super::looks::Looks;
use super::questions::Question;
use super::reuse::Reuse;
use crate::services::{Release, Services};
use crate::store::{Document, Settings, Store};

/// Rooms that are known at a time: a room document has 1 to 4 KiB.
const ROOMS_KNOWN: usize = 512;
/// Granted answers that are known at a time, about 250 bytes each: those of 400 sessions set up within two seconds.
const GRANTS_KNOWN: usize = 4096;
/// Which rules hold, where releases differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// 6.x and 7.x.
    Old,
    /// 8.x.
    New,
    /// Not known, or both at once: the stricter rule of the two.
    Both,
}

/// The rules, with what they stand on.
pub(in crate::streams) struct Rules {
    pub(super) services: Services,
    pub(super) store: Store,
    pub(super) settings: Settings,
    pub(super) grounds: Grounds,
    pub(super) looks: Looks,
    pub(super) rooms: Reuse<Box<str>, Document>,
    pub(super) grants: Reuse<Question, ()>,
}

impl Rules {
    pub(in crate::streams) fn new(
        services: Services,
        store: Store,
        settings: Settings,
    ) -> Arc<Self> {
        Arc::new(Self {
            services,
            store,
            settings,
            grounds: Grounds::new(),
            looks: Looks::default(),
            rooms: Reuse::new(ROOMS_KNOWN),
            grants: Reuse::new(GRANTS_KNOWN),
        })
    }

    /// What changes under answers.
    pub(in crate::streams) fn grounds(&self) -> &Grounds {
        &self.grounds
    }

    /// Whether an answer still holds.
    pub(in crate::streams) fn stands(&self, mark: &Mark) -> bool {
        self.grounds.stands(mark)
    }

    pub(super) fn era(&self) -> Era {
        match self.services.mesh().release() {
            Release::V6 => Era::Old,
            Release::V8 => Era::New,
            Release::Unknown | Release::Mixed => Era::Both,
        }
    }
}
