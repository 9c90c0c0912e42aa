//! The params of a method: an array of whatever a client chose to send.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::ddp::DdpError;
use crate::ejson::{self, RawObject};

/// The elements, one level read.
pub(super) struct Params<'a>(Vec<&'a RawValue>);

impl<'a> Params<'a> {
    /// Whether it is an array.
    pub(super) fn are(params: &RawValue) -> bool {
        params.get().starts_with('[')
    }

    /// What is no array has no elements.
    pub(super) fn of(params: &'a RawValue) -> Self {
        Self(ejson::array(params).unwrap_or_default())
    }

    /// A param that is a string.
    pub(super) fn text(&self, at: usize) -> Option<Cow<'a, str>> {
        self.0.get(at).copied().and_then(ejson::text)
    }

    /// A param that is a string, or is not there at all.
    ///
    /// # Errors
    /// It is something else: an operator object, say.
    pub(super) fn optional_text(&self, at: usize) -> Result<Option<Cow<'a, str>>, DdpError> {
        match self
            .0
            .get(at)
            .copied()
            .filter(|value| !ejson::is_null(value))
        {
            None => Ok(None),
            Some(value) => ejson::text(value).map(Some).ok_or_else(mismatch),
        }
    }

    /// A param that is an object.
    pub(super) fn object(&self, at: usize) -> Option<RawObject<'a>> {
        self.0.get(at).copied().and_then(RawObject::of)
    }
}

/// Meteor's words for a param of the wrong form.
pub(super) fn mismatch() -> DdpError {
    DdpError::number(400, "Match failed")
}
