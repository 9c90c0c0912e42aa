//! Which names may be labels: a client chooses what it calls.

use std::fmt;

/// Which names this service knows.
#[derive(Clone, Copy)]
pub struct Names {
    /// A method that this service knows.
    pub method: fn(&str) -> bool,
    /// A publication that this service knows.
    pub publication: fn(&str) -> bool,
}

impl Names {
    /// A method's name, where the service knows it.
    pub(super) fn known_method<'a>(&self, name: &'a str) -> Option<&'a str> {
        (self.method)(name).then_some(name)
    }

    /// A publication's name, where the service knows it.
    pub(super) fn known_publication<'a>(&self, name: &'a str) -> Option<&'a str> {
        (self.publication)(name).then_some(name)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}
