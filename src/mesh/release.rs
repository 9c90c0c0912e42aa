//! Which release the core is, read off the events that its `meteor` service listens to.

use std::collections::HashSet;

/// Events that only cores before 8.x listen to.
const BEFORE_8: [&str; 2] = ["otrMessage", "voip.events"];

/// Which release the cores of the workspace are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Release {
    /// No core has been seen yet: the stricter rule holds.
    #[default]
    Unknown,
    /// 6.x or 7.x.
    V6,
    /// 8.x.
    V8,
    /// Both, during a rolling upgrade: the stricter rule holds.
    Mixed,
}

/// Whether the cores listen to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listed {
    /// No core has been seen yet.
    Unknown,
    /// Every core does.
    All,
    /// No core does.
    None,
    /// Some do.
    Mixed,
}

impl Listed {
    /// What every core of 8.x listens to, where nobody tells which events that are: everything but what only its
    /// predecessors did.
    pub(crate) fn by_every_8(event: &str) -> Self {
        if BEFORE_8.contains(&event) {
            Self::None
        } else {
            Self::All
        }
    }
}

/// The events of each core, as last seen: a core that restarts is not forgotten while it is the only one.
#[derive(Debug)]
pub(crate) struct CoreEvents {
    cores: Vec<HashSet<String>>,
    /// Of these cores: asked with every publication.
    release: Release,
}

impl Default for CoreEvents {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl CoreEvents {
    pub(crate) fn new(cores: Vec<HashSet<String>>) -> Self {
        let is_8 = |events: &HashSet<String>| !BEFORE_8.iter().any(|name| events.contains(*name));
        let new = cores.iter().filter(|events| is_8(events)).count();
        let release = match (cores.len(), new) {
            (0, _) => Release::Unknown,
            (all, new) if all == new => Release::V8,
            (_, 0) => Release::V6,
            _ => Release::Mixed,
        };
        Self { cores, release }
    }

    pub(crate) fn release(&self) -> Release {
        self.release
    }

    pub(crate) fn lists(&self, event: &str) -> Listed {
        let listing = self
            .cores
            .iter()
            .filter(|events| events.contains(event))
            .count();
        match (self.cores.len(), listing) {
            (0, _) => Listed::Unknown,
            (all, listing) if all == listing => Listed::All,
            (_, 0) => Listed::None,
            _ => Listed::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: mesh/release/decided
    #[test]
    fn read_off_the_events() {
        let set = |names: &[&str]| {
            names
                .iter()
                .map(|n| (*n).to_owned())
                .collect::<HashSet<_>>()
        };
        let (old, new) = (set(&["otrMessage", "a"]), set(&["a", "user.media-signal"]));
        let rows = [
            (vec![], Release::Unknown, Listed::Unknown),
            (vec![old.clone()], Release::V6, Listed::None),
            (vec![set(&["voip.events"])], Release::V6, Listed::None),
            (vec![new.clone()], Release::V8, Listed::All),
            (vec![new.clone(), new.clone()], Release::V8, Listed::All),
            (vec![old, new], Release::Mixed, Listed::Mixed),
        ];
        for (cores, release, listed) in rows {
            let core = CoreEvents::new(cores);
            assert_eq!(
                (core.release(), core.lists("user.media-signal")),
                (release, listed)
            );
        }
    }
}
