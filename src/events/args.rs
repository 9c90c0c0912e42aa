//! Reading the arguments of an event: shallowly, and without trusting their form.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::ejson::{self, RawObject};

/// So many arguments are looked at, at most: no row knows more.
const READ: usize = 3;

/// The first arguments of one event, one level read.
pub(super) struct Args<'a>(&'a RawValue, Vec<&'a RawValue>);

impl<'a> Args<'a> {
    /// The elements of the event's `data`; `None` when it is no array.
    pub(super) fn of(data: &'a RawValue) -> Option<Self> {
        ejson::first(data, READ).map(|args| Self(data, args))
    }

    /// The whole array, as it came.
    pub(super) fn whole(&self) -> &'a RawValue {
        self.0
    }

    /// An argument that is neither missing nor `null`.
    pub(super) fn some(&self, at: usize) -> Option<&'a RawValue> {
        self.1
            .get(at)
            .copied()
            .filter(|value| !ejson::is_null(value))
    }

    /// An argument that is a text, and not empty: what names a user, a room, an app.
    pub(super) fn key(&self, at: usize) -> Option<Cow<'a, str>> {
        self.some(at)
            .and_then(ejson::text)
            .filter(|text| !text.is_empty())
    }

    /// An argument that is an object.
    pub(super) fn object(&self, at: usize) -> Option<RawObject<'a>> {
        self.some(at).and_then(RawObject::of)
    }
}

/// What rows ask of an object.
pub(super) trait Fields {
    /// A field that is a text, and not empty: what names a user, a room, an app.
    fn key(&self, name: &str) -> Option<Cow<'_, str>>;

    /// A field that may be missing (`Some(None)`; `null` counts as missing), but not of another form than `form` takes.
    fn optional(&self, name: &str, form: fn(&RawValue) -> bool) -> Option<Option<&RawValue>>;

    /// A field of a form.
    fn required(&self, name: &str, form: fn(&RawValue) -> bool) -> Option<&RawValue>;
}

impl Fields for RawObject<'_> {
    fn key(&self, name: &str) -> Option<Cow<'_, str>> {
        self.text(name).filter(|text| !text.is_empty())
    }

    fn optional(&self, name: &str, form: fn(&RawValue) -> bool) -> Option<Option<&RawValue>> {
        match self.present(name) {
            None => Some(None),
            Some(value) => form(value).then_some(Some(value)),
        }
    }

    fn required(&self, name: &str, form: fn(&RawValue) -> bool) -> Option<&RawValue> {
        self.present(name).filter(|value| form(value))
    }
}

/// Any value.
pub(super) fn any(_value: &RawValue) -> bool {
    true
}

/// A JSON object.
pub(super) fn object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// A JSON array.
pub(super) fn array(value: &RawValue) -> bool {
    value.get().starts_with('[')
}

/// A JSON string.
pub(super) fn text(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

/// An object written field by field; what is missing is left out.
pub(super) struct Build(String);

impl Build {
    pub(super) fn new() -> Self {
        Self(String::from("{"))
    }

    /// A field with a ready JSON value.
    pub(super) fn raw(mut self, name: &'static str, value: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(value);
        self
    }

    /// A field with a text.
    pub(super) fn text(self, name: &'static str, value: &str) -> Self {
        let value = ejson::quoted(value);
        self.raw(name, &value)
    }

    /// A field where there is a value.
    pub(super) fn maybe(self, name: &'static str, value: Option<&RawValue>) -> Self {
        match value {
            Some(value) => self.raw(name, value.get()),
            None => self,
        }
    }

    pub(super) fn done(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// `{<name>: value, ...object}`: as JavaScript spreads it, a field of the object's own takes the place of the first.
pub(super) fn spread(name: &'static str, value: &str, object: &RawObject<'_>) -> String {
    let mut out = RawObject::new();
    out.set_text(name, value);
    for (key, value) in object.iter() {
        out.set(Cow::Borrowed(key), Cow::Borrowed(value));
    }
    out.to_json()
}
