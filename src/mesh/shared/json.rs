//! JSON objects: written without a tree, read with fields that may be missing.

use std::io::Write as _;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::ejson;

/// JSON objects, written without building a tree. Raw JSON that is put in must be valid: it comes from
/// [`RawValue`]s or from our own rooms.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
        }
    }

    pub(crate) fn open(&mut self) {
        self.out.push(b'{');
    }

    pub(crate) fn close(&mut self) {
        self.out.push(b'}');
    }

    /// A key is a word of ours: nothing in it needs an escape.
    pub(crate) fn key(&mut self, key: &'static str) {
        debug_assert_eq!(ejson::escaped_len(key.as_bytes()), key.len(), "{key}");
        if self.out.last().is_some_and(|last| *last != b'{') {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    pub(crate) fn text(&mut self, key: &'static str, value: &str) {
        self.key(key);
        ejson::write_text(&mut self.out, value);
    }

    pub(crate) fn number(&mut self, key: &'static str, value: i64) {
        self.key(key);
        // Writing to memory cannot fail.
        let _ = write!(self.out, "{value}");
    }

    pub(crate) fn flag(&mut self, key: &'static str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    pub(crate) fn raw(&mut self, key: &'static str, json: &str) {
        debug_assert!(
            serde_json::from_str::<&RawValue>(json).is_ok(),
            "{key} is not JSON: {json:.200}"
        );
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(crate) fn list(&mut self, key: &'static str, texts: &[&str]) {
        self.key(key);
        let _ = serde_json::to_writer(&mut self.out, texts);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// A field that is there stays there, also when it is `null`.
pub(crate) fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What is read of an object: the values of one without their keys would be taken for it as well.
pub(crate) struct Keyed<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Keyed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Err(D::Error::custom("no object"));
        }
        let read = serde_json::from_str(raw.get());
        read.map(Self).map_err(D::Error::custom)
    }
}
