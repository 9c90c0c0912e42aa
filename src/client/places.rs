//! A place for each, which it keeps while others come and go; a single one needs no table.

use slab::Slab;

/// Above so many places, most of which are empty, they are given back.
const KEPT: usize = 64;

/// Things in places of their own, mostly one.
pub struct Places<T>(Inner<T>);

enum Inner<T> {
    One(Option<T>),
    /// Boxed: 8 bytes where there is one, instead of 40.
    Many(Box<Slab<T>>),
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self(Inner::One(None))
    }
}

impl<T> Places<T> {
    /// Adds one; answers its place.
    pub fn insert(&mut self, new: T) -> usize {
        match &mut self.0 {
            Inner::One(place @ None) => {
                *place = Some(new);
                0
            }
            Inner::One(place) => {
                let mut many = Slab::with_capacity(2);
                if let Some(first) = place.take() {
                    many.insert(first);
                }
                let at = many.insert(new);
                self.0 = Inner::Many(Box::new(many));
                at
            }
            Inner::Many(many) => many.insert(new),
        }
    }

    /// What is in a place.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&T> {
        match &self.0 {
            Inner::One(one) => one.as_ref().filter(|_| at == 0),
            Inner::Many(many) => many.get(at),
        }
    }

    /// What is in a place, to put something else there.
    pub fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        match &mut self.0 {
            Inner::One(one) => one.as_mut().filter(|_| at == 0),
            Inner::Many(many) => many.get_mut(at),
        }
    }

    /// Empties a place.
    pub fn remove(&mut self, at: usize) {
        match &mut self.0 {
            Inner::One(one) if at == 0 => *one = None,
            Inner::One(_) => {}
            Inner::Many(many) => {
                many.try_remove(at);
                if many.capacity() > KEPT && many.len() < many.capacity() / 4 {
                    many.shrink_to_fit();
                }
            }
        }
    }

    /// Whether all are empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Inner::One(one) => one.is_none(),
            Inner::Many(many) => many.is_empty(),
        }
    }

    /// Tells of what is in each.
    pub fn each(&self, mut tell: impl FnMut(&T)) {
        match &self.0 {
            Inner::One(one) => one.iter().for_each(tell),
            Inner::Many(many) => many.iter().for_each(|(_, one)| tell(one)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Some come, and those in a place go.
        #[test]
        fn agrees_with_a_slab(steps in prop::collection::vec((any::<bool>(), 0_usize..6), 0..200)) {
            let (mut places, mut slab) = (Places::default(), Slab::new());
            for (step, (comes, at)) in steps.into_iter().enumerate() {
                if comes {
                    prop_assert_eq!(places.insert(step), slab.insert(step));
                } else {
                    places.remove(at);
                    slab.try_remove(at);
                }
                let mut all = Vec::new();
                places.each(|one| all.push(*one));
                prop_assert_eq!(all, slab.iter().map(|(_, one)| *one).collect::<Vec<_>>());
                prop_assert_eq!((places.get(at), places.is_empty()), (slab.get(at), slab.is_empty()));
                prop_assert_eq!(places.get_mut(at), slab.get_mut(at));
            }
        }
    }
}
