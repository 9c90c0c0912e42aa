//! A place for each, which it keeps while others come and go; a single one needs no table.

/// Above so many places, most of which are empty, they are given back.
const KEPT: usize = 64;

/// Things in places of their own, mostly one.
pub struct Places<T>(Inner<T>);

enum Inner<T> {
    One(Option<T>),
    /// Boxed: 8 bytes where there is one, instead of 56.
    Many(Box<Many<T>>),
}

/// For sessions by the thousand: no more than a pointer for each, and little room for more.
struct Many<T> {
    places: Vec<Option<T>>,
    /// The empty ones among them; who comes next gets the last.
    empty: Vec<u32>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self(Inner::One(None))
    }
}

impl<T> Places<T> {
    /// Adds one; answers its place. There are never 2^32: they would not fit a process.
    pub fn insert(&mut self, new: T) -> u32 {
        match &mut self.0 {
            Inner::One(place @ None) => {
                *place = Some(new);
                0
            }
            Inner::One(place) => {
                let many = Many {
                    places: vec![place.take(), Some(new)],
                    empty: Vec::new(),
                };
                self.0 = Inner::Many(Box::new(many));
                1
            }
            Inner::Many(many) => many.insert(new),
        }
    }

    /// What is in a place.
    #[must_use]
    pub fn get(&self, at: u32) -> Option<&T> {
        self.all().get(at as usize)?.as_ref()
    }

    /// What is in a place, to put something else there.
    pub fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let all = match &mut self.0 {
            Inner::One(one) => std::slice::from_mut(one),
            Inner::Many(many) => &mut many.places,
        };
        all.get_mut(at as usize)?.as_mut()
    }

    /// Empties a place.
    pub fn remove(&mut self, at: u32) {
        match &mut self.0 {
            Inner::One(one) if at == 0 => *one = None,
            Inner::One(_) => {}
            Inner::Many(many) => many.remove(at),
        }
    }

    /// Whether all are empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Inner::One(one) => one.is_none(),
            Inner::Many(many) => many.places.len() == many.empty.len(),
        }
    }

    /// Tells of what is in each.
    pub fn each(&self, tell: impl FnMut(&T)) {
        self.all().iter().flatten().for_each(tell);
    }

    fn all(&self) -> &[Option<T>] {
        match &self.0 {
            Inner::One(one) => std::slice::from_ref(one),
            Inner::Many(many) => &many.places,
        }
    }
}

impl<T> Many<T> {
    fn insert(&mut self, new: T) -> u32 {
        if let Some(at) = self.empty.pop() {
            self.places[at as usize] = Some(new);
            return at;
        }
        let at = self.places.len();
        grow(&mut self.places, 1);
        self.places.push(Some(new));
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn remove(&mut self, at: u32) {
        let place = self.places.get_mut(at as usize);
        if place.and_then(Option::take).is_none() {
            return;
        }
        self.empty.push(at);
        let taken = self.places.len() - self.empty.len();
        // Only what is at the end can be given back: while the last place is taken nothing is looked through, whoever leaves.
        let ends_empty = matches!(self.places.last(), Some(None));
        if self.places.capacity() > KEPT && taken < self.places.capacity() / 4 && ends_empty {
            let last = self.places.iter().rposition(Option::is_some);
            self.places.truncate(last.map_or(0, |last| last + 1));
            self.places.shrink_to_fit();
            self.empty.retain(|at| (*at as usize) < self.places.len());
            self.empty.shrink_to_fit();
        }
    }
}

/// Makes room for `more` in a list that is full, and for as many as the allocator gives anyway: its sizes are four to each
/// doubling, where doubling would leave half of the list empty.
pub(super) fn grow<T>(list: &mut Vec<T>, more: usize) {
    if list.len() < list.capacity() {
        return;
    }
    let bytes = (list.len() + more) * size_of::<T>();
    let between = (bytes.next_power_of_two() / 8).max(16);
    let room = bytes.next_multiple_of(between) / size_of::<T>();
    list.reserve_exact(room - list.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use slab::Slab;

    proptest! {
        /// Some come, and those in a place go.
        #[test]
        fn agrees_with_a_slab(steps in prop::collection::vec((any::<bool>(), 0_u32..6), 0..200)) {
            let (mut places, mut slab) = (Places::default(), Slab::new());
            for (step, (comes, at)) in steps.into_iter().enumerate() {
                if comes {
                    prop_assert_eq!(places.insert(step) as usize, slab.insert(step));
                } else {
                    places.remove(at);
                    slab.try_remove(at as usize);
                }
                let mut all = Vec::new();
                places.each(|one| all.push(*one));
                prop_assert_eq!(all, slab.iter().map(|(_, one)| *one).collect::<Vec<_>>());
                let (place, all) = (slab.get(at as usize), slab.is_empty());
                prop_assert_eq!((places.get(at), places.is_empty()), (place, all));
                prop_assert_eq!(places.get_mut(at), slab.get_mut(at as usize));
            }
        }
    }

    fn capacity(places: &Places<usize>) -> usize {
        match &places.0 {
            Inner::One(_) => 1,
            Inner::Many(many) => many.places.capacity(),
        }
    }

    #[test]
    fn most_of_the_room_is_used_and_given_back() {
        let mut places = Places::default();
        for one in 0..1000 {
            assert_eq!(places.insert(one) as usize, one);
            assert!(capacity(&places) <= (one + 1) * 5 / 4 + 2, "{one}");
        }
        for at in 0..1000 {
            if at != 40 {
                places.remove(at);
            }
        }
        assert_eq!(capacity(&places), 41);
        assert_eq!(places.get(40), Some(&40));
        let mut all: Vec<u32> = (0..41).map(|_| places.insert(0)).collect();
        all.sort_unstable();
        assert_eq!(all, (0..40).chain([41]).collect::<Vec<_>>());
    }
}
