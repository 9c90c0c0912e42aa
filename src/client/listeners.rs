//! Who listens to a topic, each in a place of its own.

use std::sync::Arc;

use slab::Slab;

use super::handle::Client;

/// Above so many places, most of which are empty, they are given back.
const KEPT: usize = 64;

/// The listeners of a topic. Most topics are a user's own and have one: it needs no table.
#[derive(Default)]
pub struct Listeners(Places);

enum Places {
    One(Option<Arc<Client>>),
    /// Boxed: 8 bytes in every topic instead of 40.
    Many(Box<Slab<Arc<Client>>>),
}

impl Default for Places {
    fn default() -> Self {
        Self::One(None)
    }
}

impl Listeners {
    /// Adds one; answers its place.
    pub fn insert(&mut self, client: Arc<Client>) -> usize {
        match &mut self.0 {
            Places::One(place @ None) => {
                *place = Some(client);
                0
            }
            Places::One(place) => {
                let mut many = Slab::with_capacity(2);
                for one in place.take().into_iter() {
                    many.insert(one);
                }
                let at = many.insert(client);
                self.0 = Places::Many(Box::new(many));
                at
            }
            Places::Many(many) => many.insert(client),
        }
    }

    /// Who is in a place.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Arc<Client>> {
        match &self.0 {
            Places::One(one) => one.as_ref().filter(|_| at == 0),
            Places::Many(many) => many.get(at),
        }
    }

    /// Who is in a place, to put somebody else there.
    pub fn get_mut(&mut self, at: usize) -> Option<&mut Arc<Client>> {
        match &mut self.0 {
            Places::One(one) => one.as_mut().filter(|_| at == 0),
            Places::Many(many) => many.get_mut(at),
        }
    }

    /// Empties a place.
    pub fn remove(&mut self, at: usize) {
        match &mut self.0 {
            Places::One(one) if at == 0 => *one = None,
            Places::One(_) => {}
            Places::Many(many) => {
                many.try_remove(at);
                if many.capacity() > KEPT && many.len() < many.capacity() / 4 {
                    many.shrink_to_fit();
                }
            }
        }
    }

    /// Whether nobody listens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Places::One(one) => one.is_none(),
            Places::Many(many) => many.is_empty(),
        }
    }

    /// Tells of everybody.
    pub fn each(&self, mut tell: impl FnMut(&Arc<Client>)) {
        match &self.0 {
            Places::One(one) => one.iter().for_each(tell),
            Places::Many(many) => many.iter().for_each(|(_, client)| tell(client)),
        }
    }
}
