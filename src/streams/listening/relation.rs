//! Who is interested in what, both ways, in little memory.
//!
//! Names are interned as numbers while somebody is interested, and both sides are compressed bitmaps: 5,000 watchers of
//! the same 5,000 names are runs of a few bytes each, not 25 million entries.

use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use slab::Slab;

/// A many-to-many relation between watchers and names.
#[derive(Debug)]
pub(in crate::streams) struct Relation<W> {
    numbers: HashMap<Arc<str>, u32>,
    names: Slab<Name>,
    watchers: Slab<Watcher<W>>,
}

#[derive(Debug)]
struct Name {
    text: Arc<str>,
    watchers: RoaringBitmap,
}

#[derive(Debug)]
struct Watcher<W> {
    who: W,
    names: RoaringBitmap,
}

impl<W> Default for Relation<W> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            names: Slab::new(),
            watchers: Slab::new(),
        }
    }
}

/// A slab of more than 2^32 entries does not fit a process.
fn number(key: usize) -> u32 {
    u32::try_from(key).unwrap_or(u32::MAX)
}

impl<W> Relation<W> {
    /// A new watcher, interested in nothing yet.
    pub(in crate::streams) fn enter(&mut self, who: W) -> u32 {
        // A watcher for each session: doubling would leave half of them empty.
        if self.watchers.len() == self.watchers.capacity() {
            self.watchers.reserve_exact(self.watchers.len() / 4 + 1);
        }
        number(self.watchers.insert(Watcher {
            who,
            names: RoaringBitmap::new(),
        }))
    }

    /// A watcher goes, with all its interest.
    pub(in crate::streams) fn leave(&mut self, watcher: u32) -> Option<W> {
        let gone = self.watchers.try_remove(watcher as usize)?;
        for name in &gone.names {
            self.forget(name, watcher);
        }
        if self.watchers.is_empty() {
            *self = Self::default();
        }
        Some(gone.who)
    }

    /// A watcher takes interest in a name; says whether it is new.
    pub(in crate::streams) fn add(&mut self, watcher: u32, name: &str) -> bool {
        let Some(interested) = self.watchers.get_mut(watcher as usize) else {
            return false;
        };
        let at = match self.numbers.get(name) {
            Some(at) => *at,
            None => {
                let text: Arc<str> = name.into();
                let at = number(self.names.insert(Name {
                    text: text.clone(),
                    watchers: RoaringBitmap::new(),
                }));
                self.numbers.insert(text, at);
                at
            }
        };
        let added = interested.names.insert(at);
        if added && let Some(name) = self.names.get_mut(at as usize) {
            name.watchers.insert(watcher);
            let all = name.watchers.len();
            // Looked at rarely: each time it has doubled.
            if all >= 16 && all.is_power_of_two() {
                name.watchers.optimize();
            }
        }
        added
    }

    /// A watcher loses interest in a name; says whether there was any.
    pub(in crate::streams) fn remove(&mut self, watcher: u32, name: &str) -> bool {
        let (Some(interested), Some(at)) = (
            self.watchers.get_mut(watcher as usize),
            self.numbers.get(name).copied(),
        ) else {
            return false;
        };
        let removed = interested.names.remove(at);
        if removed {
            self.forget(at, watcher);
        }
        removed
    }

    fn forget(&mut self, at: u32, watcher: u32) {
        let Some(name) = self.names.get_mut(at as usize) else {
            return;
        };
        name.watchers.remove(watcher);
        if name.watchers.is_empty() {
            let gone = self.names.remove(at as usize);
            self.numbers.remove(&gone.text);
        }
    }

    /// Makes a watcher's interest small, after a number of edits.
    pub(in crate::streams) fn settle(&mut self, watcher: u32) {
        if let Some(watcher) = self.watchers.get_mut(watcher as usize) {
            watcher.names.optimize();
            // Its parts keep room for more, most of them for more than they hold; a copy does not.
            watcher.names = watcher.names.clone();
        }
    }

    /// A watcher.
    pub(in crate::streams) fn watcher(&self, watcher: u32) -> Option<&W> {
        self.watchers.get(watcher as usize).map(|entry| &entry.who)
    }

    /// A watcher, to change it.
    pub(in crate::streams) fn watcher_mut(&mut self, watcher: u32) -> Option<&mut W> {
        self.watchers
            .get_mut(watcher as usize)
            .map(|entry| &mut entry.who)
    }

    /// All watchers, to change them.
    pub(in crate::streams) fn watchers_mut(&mut self) -> impl Iterator<Item = &mut W> {
        self.watchers.iter_mut().map(|(_, entry)| &mut entry.who)
    }

    /// The number of a name, while somebody is interested in it.
    pub(in crate::streams) fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// Everybody who is interested in a name.
    pub(in crate::streams) fn interested(&self, name: &str) -> impl Iterator<Item = (u32, &W)> {
        self.numbers
            .get(name)
            .and_then(|at| self.names.get(*at as usize))
            .into_iter()
            .flat_map(|name| name.watchers.iter())
            .filter_map(|watcher| Some((watcher, self.watcher(watcher)?)))
    }

    /// How many names a watcher is interested in.
    pub(in crate::streams) fn interest(&self, watcher: u32) -> u64 {
        self.watchers
            .get(watcher as usize)
            .map_or(0, |watcher| watcher.names.len())
    }

    /// The names that a watcher is interested in.
    pub(in crate::streams) fn names(&self, watcher: u32) -> impl Iterator<Item = &Arc<str>> {
        self.watchers
            .get(watcher as usize)
            .into_iter()
            .flat_map(|watcher| watcher.names.iter())
            .filter_map(|at| self.names.get(at as usize).map(|name| &name.text))
    }

    /// Bytes of all bitmaps, as they would be written.
    #[cfg(test)]
    pub(in crate::streams) fn bitmap_bytes(&self) -> usize {
        let watchers = self.watchers.iter().map(|(_, w)| w.names.serialized_size());
        let names = self.names.iter().map(|(_, n)| n.watchers.serialized_size());
        watchers.chain(names).sum()
    }

    /// How many names somebody is interested in.
    #[cfg(test)]
    pub(in crate::streams) fn known(&self) -> usize {
        self.numbers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn everybody_interested_in_everything_is_small() {
        let mut relation = Relation::default();
        let names: Vec<_> = (0..2000).map(|n| format!("user{n}")).collect();
        for session in 0..2000 {
            let watcher = relation.enter(session);
            for name in &names {
                relation.add(watcher, name);
            }
            relation.settle(watcher);
        }
        assert!(
            relation.bitmap_bytes() < 2000 * 2 * 200,
            "{} bytes for 4 million pairs",
            relation.bitmap_bytes()
        );
        assert_eq!(relation.interested("user7").count(), 2000);
    }

    proptest! {
        /// The relation agrees with a plain one, whatever is done to it, and keeps nothing of those who left.
        #[test]
        fn agrees_with_plain_sets(steps in proptest::collection::vec((0_u8..4, 0_usize..6, 0_u8..8), 0..200)) {
            let mut relation = Relation::default();
            let mut plain: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
            for (step, which, name) in steps {
                let watcher = plain.keys().nth(which % plain.len().max(1)).copied();
                let name = name.to_string();
                match (step, watcher) {
                    (0, _) | (_, None) => {
                        plain.insert(relation.enter(()), BTreeSet::new());
                    }
                    (1, Some(watcher)) => {
                        relation.leave(watcher);
                        plain.remove(&watcher);
                    }
                    (2, Some(watcher)) => {
                        let removed = plain.get_mut(&watcher).unwrap().remove(&name);
                        prop_assert_eq!(relation.remove(watcher, &name), removed);
                    }
                    (_, Some(watcher)) => {
                        let added = plain.get_mut(&watcher).unwrap().insert(name.clone());
                        prop_assert_eq!(relation.add(watcher, &name), added);
                        relation.settle(watcher);
                    }
                }
                for (watcher, names) in &plain {
                    prop_assert_eq!(relation.interest(*watcher), names.len() as u64);
                    let found: BTreeSet<String> = relation.names(*watcher).map(|name| name.to_string()).collect();
                    prop_assert_eq!(&found, names);
                }
                for name in 0..8 {
                    let name = name.to_string();
                    let expected: BTreeSet<u32> = plain.iter().filter(|(_, names)| names.contains(&name)).map(|(watcher, _)| *watcher).collect();
                    let found: BTreeSet<u32> = relation.interested(&name).map(|(watcher, _)| watcher).collect();
                    prop_assert_eq!(found, expected);
                }
            }
            let known: BTreeSet<&String> = plain.values().flatten().collect();
            prop_assert_eq!(relation.known(), known.len());
        }
    }
}
