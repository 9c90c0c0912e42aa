//! The params of a method: an array of whatever a client chose to send.

use serde_json::value::RawValue;

use crate::ejson::{self, RawObject};

/// So many params are looked at, at most.
const READ: usize = 2;

/// The first elements, one level read.
pub(super) struct Params<'a>(Vec<&'a RawValue>);

impl<'a> Params<'a> {
    /// Whether it is an array.
    pub(super) fn are(params: &RawValue) -> bool {
        params.get().starts_with('[')
    }

    /// What is no array has no elements.
    pub(super) fn of(params: &'a RawValue) -> Self {
        Self(ejson::first(params, READ).unwrap_or_default())
    }

    /// A param as it came.
    pub(super) fn raw(&self, at: usize) -> Option<&'a RawValue> {
        self.0.get(at).copied()
    }

    /// A param that is an object.
    pub(super) fn object(&self, at: usize) -> Option<RawObject<'a>> {
        self.0.get(at).copied().and_then(RawObject::of)
    }
}
