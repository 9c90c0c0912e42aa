//! Sets of uids that are the same are one: of most viewers the same users are hidden.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::gate::Uids;

/// The sets that somebody holds.
#[derive(Debug, Default)]
pub(super) struct Interned {
    sets: Mutex<HashMap<u64, Weak<HashSet<Box<str>>>>>,
    hasher: RandomState,
}

impl Interned {
    /// The set of these uids that there is, or this one.
    pub(super) fn of(&self, uids: Vec<String>) -> Uids {
        let uids: HashSet<Box<str>> = uids.into_iter().map(String::into_boxed_str).collect();
        // The same whatever the order.
        let sum = |sum: u64, uid| sum.wrapping_add(self.hasher.hash_one(uid));
        let key = uids.iter().fold(0, sum);
        let mut sets = self.sets.lock();
        let known = sets.get(&key).and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| **known == uids) {
            return known;
        }
        if sets.len() == sets.capacity() {
            sets.retain(|_, set| set.strong_count() > 0);
        }
        let new = Arc::new(uids);
        sets.insert(key, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_uids_are_one_set_for_as_long_as_somebody_holds_it() {
        let sets = Interned::default();
        let of = |uids: &[&str]| sets.of(uids.iter().map(ToString::to_string).collect());
        let (one, same, other) = (of(&["a", "b"]), of(&["b", "a", "b"]), of(&["a"]));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        drop((one, same));
        for n in 0..1000 {
            of(&[&n.to_string()]);
        }
        assert!(
            sets.sets.lock().len() < 100,
            "what nobody holds is forgotten"
        );
        assert!(Arc::ptr_eq(&other, &of(&["a"])));
        assert_eq!(*of(&["a", "b"]), ["a".into(), "b".into()].into());
    }
}
