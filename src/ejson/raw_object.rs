//! One level of a JSON object, its values left as they came.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{text, write_text};

/// A shallow view of a JSON object: keys, and values as raw JSON; fields can be added, replaced and dropped.
///
/// A key that comes twice counts by its last value, as in `JSON.parse`.
#[derive(Debug, Clone, Default)]
pub struct RawObject<'a> {
    fields: Vec<(Cow<'a, str>, Cow<'a, RawValue>)>,
}

impl<'a> RawObject<'a> {
    /// An object without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one level of `raw`; `None` when it is not an object.
    #[must_use]
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        Self::parse(raw.get())
    }

    /// Reads one level of `json`; `None` when it is not a JSON object.
    #[must_use]
    pub fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.fields
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| &**value)
    }

    /// The value of a field that is neither missing nor `null`.
    #[must_use]
    pub fn present(&self, key: &str) -> Option<&RawValue> {
        self.get(key).filter(|value| !super::is_null(value))
    }

    /// The text of a field; `None` when it is missing or no string.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<Cow<'_, str>> {
        self.get(key).and_then(text)
    }

    /// The one level below a field; `None` when it is missing or no object.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<RawObject<'_>> {
        self.get(key).and_then(RawObject::of)
    }

    /// Whether a field is there, whatever its value.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.fields.iter().any(|(name, _)| name == key)
    }

    /// Sets a field, in its old place if it was there.
    pub fn set(&mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, RawValue>>) {
        let (key, value) = (key.into(), value.into());
        match self.fields.iter_mut().rev().find(|(name, _)| *name == key) {
            Some(field) => field.1 = value,
            None => self.fields.push((key, value)),
        }
    }

    /// Sets a field to JSON text that this program built; text that is not JSON leaves the object as it was.
    pub fn set_json(&mut self, key: impl Into<Cow<'a, str>>, json: String) {
        if let Ok(value) = RawValue::from_string(json) {
            self.set(key, Cow::Owned(value));
        }
    }

    /// Sets a field to a string.
    pub fn set_text(&mut self, key: impl Into<Cow<'a, str>>, value: &str) {
        self.set_json(key, super::quoted(value));
    }

    /// Takes a field away.
    pub fn remove(&mut self, key: &str) {
        self.fields.retain(|(name, _)| name != key);
    }

    /// The keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.fields.iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Appends the object as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, (key, value)) in self.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_text(out, key);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.push(b'}');
    }

    /// The object as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawObject<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = RawObject<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(key) = map.next_key::<&'de RawValue>()? {
                    let key = text(key).unwrap_or_default();
                    fields.push((key, Cow::Borrowed(map.next_value::<&'de RawValue>()?)));
                }
                Ok(RawObject { fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_set_replaced_and_dropped() {
        let mut object = RawObject::parse(r#" { "a" : 1, "b\n":{"c":[ 1 ]},"a":2 } "#).unwrap();
        assert_eq!(object.get("a").map(RawValue::get), Some("2"));
        object.set_text("x", "y");
        object.set_json("b\n", "null".into());
        object.set_json("broken", "{".into());
        assert_eq!(object.to_json(), r#"{"a":1,"b\n":null,"a":2,"x":"y"}"#);
        object.remove("a");
        assert!(object.has("b\n") && object.present("b\n").is_none() && !object.has("a"));
        assert_eq!(object.to_json(), r#"{"b\n":null,"x":"y"}"#);
    }

    #[test]
    fn only_objects_are_objects() {
        for other in ["", "1", "[]", "\"{}\"", "null", "{} {}", "{\"a\"}"] {
            assert!(RawObject::parse(other).is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(json in ".*") {
            if let Some(object) = RawObject::parse(&json) {
                let again = object.to_json();
                prop_assert_eq!(RawObject::parse(&again).unwrap().to_json(), again.clone());
            }
        }

        #[test]
        fn objects_survive_the_round(pairs in proptest::collection::btree_map(".*", any::<i64>(), 0..8)) {
            let json = serde_json::to_string(&pairs).unwrap();
            let object = RawObject::parse(&json).unwrap();
            prop_assert_eq!(object.len(), pairs.len());
            prop_assert_eq!(serde_json::from_str::<std::collections::BTreeMap<String, i64>>(&object.to_json()).unwrap(), pairs);
        }
    }
}
