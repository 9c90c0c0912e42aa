//! What a SockJS client sends: a JSON array of strings, each of them a message.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::ejson;

/// An array of messages, read one by one. A list is never made of it: a few bytes of it may be a message each.
#[derive(Debug, Clone)]
pub struct Array<'a> {
    text: &'a str,
    /// Where the next message begins, or the array ends.
    at: usize,
}

impl<'a> Array<'a> {
    /// `text`, if it is an array of strings and nothing else.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str::<Strings>(text).ok()?;
        Some(Self::from(text, 0))
    }

    /// An array of which some was read before.
    #[must_use]
    pub fn from(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Where the next message begins; `None` when there is none.
    #[must_use]
    pub fn next_at(&self) -> Option<usize> {
        let quote = self.text.get(self.at..)?.find('"')?;
        Some(self.at + quote)
    }
}

impl<'a> Iterator for Array<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next_at()? + 1;
        let len = ejson::string_len(self.text.get(start..)?)?;
        self.at = start + len + 1;
        let inside = self.text.get(start..start + len)?;
        Some(plain(inside).map_or_else(|| ejson::nested(inside), Cow::Owned))
    }
}

/// The message in an array of one, where it has no escapes but those that every message has; `None` for all other texts,
/// good or bad.
pub(super) fn single(text: &str) -> Option<String> {
    plain(text.strip_prefix("[\"")?.strip_suffix("\"]")?)
}

fn plain(inside: &str) -> Option<String> {
    let mut message = Vec::with_capacity(inside.len());
    let mut bytes = inside.bytes();
    while let Some(byte) = bytes.next() {
        message.push(match byte {
            b'\\' => bytes
                .next()
                .filter(|next| matches!(next, b'"' | b'\\' | b'/'))?,
            b'"' | 0..0x20 => return None,
            _ => byte,
        });
    }
    // It is: nothing was taken out but backslashes.
    String::from_utf8(message).ok()
}

/// An array of strings: read, and nothing kept.
struct Strings;

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Strings;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Strings, A::Error> {
                while let Some(one) = all.next_element::<&RawValue>()? {
                    if !one.get().starts_with('"') {
                        return Err(A::Error::custom("no string"));
                    }
                }
                Ok(Strings)
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messages(text: &str) -> Option<Vec<String>> {
        Some(Array::of(text)?.map(Cow::into_owned).collect())
    }

    #[test]
    fn what_is_no_array_of_strings_is_refused() {
        for bad in [
            "",
            "x",
            "\"a\"",
            "{}",
            "[1]",
            "[null]",
            "[\"a\"",
            "[[\"a\"]]",
            "[\"a\",1]",
            "[\"a\",]",
            "[\"a\" \"b\"]",
            "[\"a\\x\"]",
            "[\"a\\ud8\"]",
            "[\"a\nb\"]",
            "[\"a\"]]",
            "1",
        ] {
            assert!(messages(bad).is_none(), "{bad}");
        }
        assert_eq!(messages(" [ ] ").unwrap(), [""; 0]);
        assert_eq!(messages(r#" [ "a" , "b\"]" ] "#).unwrap(), ["a", "b\"]"]);
    }

    // contract: ddp/message/lone-surrogates
    #[test]
    fn half_a_surrogate_pair_is_written_as_an_escape() {
        for (json, expected) in [
            (r#"["{\"a\":\"\ud83d\"}"]"#, r#"{"a":"\ud83d"}"#),
            (r#"["{\"a\":\"\\ud83d\"}"]"#, r#"{"a":"\ud83d"}"#),
            (r#"["\"\ud83d\\ude00\""]"#, r#""\ud83d\ude00""#),
            (r#"["\"😀\ud83d\ude00\n\""]"#, "\"😀😀\n\""),
            // An escaped backslash before it, and an escape of it that is none.
            (r#"["\"\\\\\ud83d\""]"#, r#""\\\ud83d""#),
            (r#"["\"\\\ud83d\""]"#, "\"\\\u{fffd}\""),
        ] {
            assert_eq!(messages(json).unwrap(), [expected], "{json}");
        }
    }

    proptest! {
        /// What is read without a parser is read as the parser would.
        #[test]
        fn one_message_is_what_the_array_says(inside in r#"([a-ce-zä{}:,/\[\]]|\\["\\/nu0]|["\\\x01]){0,30}"#) {
            let text = format!("[\"{inside}\"]");
            let parsed = serde_json::from_str::<Vec<String>>(&text).ok();
            if let Some(message) = single(&text) {
                prop_assert_eq!(parsed.clone(), Some(vec![message]));
            }
            prop_assert_eq!(messages(&text), parsed);
        }

        #[test]
        fn an_array_is_what_was_written(all in proptest::collection::vec("(.|[\\x00-\\x1f\"\\\\]){0,12}", 0..6)) {
            // The last private characters come as escapes, which say the same inside of a JSON string.
            prop_assume!(all.iter().flat_map(|one| one.chars()).all(|char| char < '\u{10f800}'));
            let text = serde_json::to_string(&all).unwrap();
            prop_assert_eq!(messages(&text).unwrap(), all.clone());
            // Wherever the reading goes on.
            let mut array = Array::of(&text).unwrap();
            let mut read = Vec::new();
            while let Some(at) = array.next_at() {
                array = Array::from(&text, at);
                read.push(array.next().unwrap().into_owned());
            }
            prop_assert_eq!(read, all);
        }

        #[test]
        fn any_text_is_read_or_refused(text in r#"([\[\]",\\u0-9a-f]|.){0,30}"#) {
            let _ = messages(&text);
        }
    }
}
