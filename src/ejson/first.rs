//! The beginning of a JSON array.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The first elements of a JSON array, at most so many; `None` for every other value. A list of all is not made: two bytes
/// may be an element each.
#[must_use]
pub fn first(raw: &RawValue, most: usize) -> Option<Vec<&RawValue>> {
    let mut reader = serde_json::Deserializer::from_str(raw.get());
    First(most).deserialize(&mut reader).ok()
}

struct First(usize);

impl<'de> DeserializeSeed<'de> for First {
    type Value = Vec<&'de RawValue>;
    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for First {
    type Value = Vec<&'de RawValue>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
        let mut first = Vec::with_capacity(self.0);
        while first.len() < self.0 {
            match all.next_element()? {
                Some(element) => first.push(element),
                None => return Ok(first),
            }
        }
        while all.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ejson::raw;

    #[test]
    fn the_first_of_an_array_and_nothing_else() {
        for (json, expected) in [
            ("[]", Some(vec![])),
            (r#"[ "a" ]"#, Some(vec![r#""a""#])),
            ("[1,[2, 3]]", Some(vec!["1", "[2, 3]"])),
            (r#"[1,{},"3",4]"#, Some(vec!["1", "{}"])),
            ("{}", None),
            ("null", None),
            (r#""[]""#, None),
        ] {
            let raw = raw(json.to_owned()).unwrap();
            let read = first(&raw, 2);
            let texts = read.map(|all| all.into_iter().map(RawValue::get).collect::<Vec<_>>());
            assert_eq!(texts, expected, "{json}");
        }
    }
}
