//! What cannot be read or written.

use std::borrow::Cow;

/// A payload is not in this encoding, or a packet cannot be written in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SerializeError(pub Cow<'static, str>);

impl SerializeError {
    pub(super) const fn new(why: &'static str) -> Self {
        Self(Cow::Borrowed(why))
    }

    pub(super) fn of(what: &str, error: &dyn std::fmt::Display) -> Self {
        Self(Cow::Owned(format!("{what}: {error}")))
    }
}

/// A key that poisons: msgpack5 refuses the whole packet for it (the call would hang until its time-out), the others put it in
/// the place of the object's prototype. It is left out.
pub(super) const PROTO: &str = "__proto__";

/// Nested deeper than anything that a client or a core makes.
pub(super) const TOO_DEEP: SerializeError = SerializeError::new("nested too deeply");
