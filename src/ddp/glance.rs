//! What a message is, seen without reading it: the way of a relay, which passes it on as it came.
//!
//! Only the top level is walked, and what is inside of a value is skipped. Text that is no JSON object has the fields
//! that come before its fault; whoever reads it in earnest judges it.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use serde_json::value::RawValue;

use crate::ejson;

/// The fields of a JSON object's top level, in order, each as it is written: the key without its quotes, the value with
/// them.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `json`; none when it is no object.
    #[must_use]
    pub fn of(json: &'a [u8]) -> Self {
        let rest = json.trim_ascii_start().strip_prefix(b"{");
        Self {
            rest: rest.unwrap_or_default(),
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest).trim_ascii_start();
        let key = &rest[..string(rest)?];
        let rest = rest[key.len()..].trim_ascii_start();
        let rest = rest.strip_prefix(b":")?.trim_ascii_start();
        let value = &rest[..value(rest)?];
        let rest = rest[value.len()..].trim_ascii_start();
        self.rest = rest.strip_prefix(b",").unwrap_or_default();
        Some((&key[1..key.len() - 1], value))
    }
}

/// How long the string is that `json` begins with, quotes included.
fn string(json: &[u8]) -> Option<usize> {
    if json.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// How long the value is that `json` begins with.
fn value(json: &[u8]) -> Option<usize> {
    match json.first()? {
        b'"' => string(json),
        b'{' | b'[' => {
            let (mut at, mut depth) = (0, 0_usize);
            loop {
                match json.get(at)? {
                    b'"' => {
                        at += string(&json[at..])?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
            let end = json.iter().position(ends)?;
            (end > 0).then_some(end)
        }
    }
}

/// The text of a value that is a string.
#[must_use]
pub fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    let inside = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if ejson::is_plain(inside) {
        return std::str::from_utf8(inside).ok().map(Cow::Borrowed);
    }
    // As everywhere else: halves of surrogates are no reason not to read an id.
    ejson::text(serde_json::from_slice(value).ok()?)
}

/// The texts of a value that is an array.
#[must_use]
pub fn texts(value: &[u8]) -> Vec<String> {
    let all: Vec<&RawValue> = serde_json::from_slice(value).unwrap_or_default();
    let all = all.into_iter().filter_map(ejson::text);
    all.map(Cow::into_owned).collect()
}

/// What a relay has to know of a message. A field that comes twice counts by its last value, as in `JSON.parse`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance<'a> {
    /// `msg`.
    pub msg: Option<Cow<'a, str>>,
    /// `id`, as it is written.
    pub id: Option<&'a [u8]>,
    /// `method`, or the `name` of a publication.
    pub name: Option<Cow<'a, str>>,
}

impl<'a> Glance<'a> {
    /// Looks at a message of a client: to its end, since nobody is to slip a second `msg` past a limit.
    #[must_use]
    pub fn at(json: &'a str) -> Self {
        let mut glance = Self::default();
        let (mut method, mut name) = (None, None);
        for (key, value) in Fields::of(json.as_bytes()) {
            let key = if memchr(b'\\', key).is_some() {
                unescaped(key)
            } else {
                Cow::Borrowed(key)
            };
            match &*key {
                b"msg" => glance.msg = text(value),
                b"id" => glance.id = Some(value),
                b"method" => method = text(value),
                b"name" => name = text(value),
                _ => {}
            }
        }
        glance.name = match glance.msg.as_deref() {
            Some("method") => method,
            Some("sub") => name,
            _ => None,
        };
        glance
    }

    /// The text of `id`.
    #[must_use]
    pub fn id(&self) -> Option<Cow<'a, str>> {
        self.id.and_then(text)
    }
}

fn unescaped(key: &[u8]) -> Cow<'_, [u8]> {
    let quoted = [b"\"", key, b"\""].concat();
    let text = serde_json::from_slice::<String>(&quoted);
    text.map_or(Cow::Borrowed(key), |text| Cow::Owned(text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_clients_send() {
        for (json, msg, id, name) in [
            (
                r#"{"msg":"method","id":"7","method":"login","params":[{"id":"x","msg":"y"}]}"#,
                "method",
                Some("7"),
                Some("login"),
            ),
            (
                r#" { "params" : ["}",{"a":["\\\"]"]}], "name":"stream-x","id" : "s\u0031" ,"msg":"sub" } "#,
                "sub",
                Some("s1"),
                Some("stream-x"),
            ),
            // Another half of a surrogate than U+10F800 stands for.
            (
                r#"{"msg":"sub","id":"\ud800a","name":"\udfffx"}"#,
                "sub",
                Some("\u{10f800}a"),
                Some("\u{10ffff}x"),
            ),
            (r#"{"msg":"pong"}"#, "pong", None, None),
            (r#"{"msg":"ping","id":12}"#, "ping", None, None),
            (
                r#"{"msg":"ping","\u006dsg":"sub","name":"b"}"#,
                "sub",
                None,
                Some("b"),
            ),
        ] {
            let glance = Glance::at(json);
            assert_eq!(glance.msg.as_deref(), Some(msg), "{json}");
            assert_eq!(glance.id().as_deref(), id, "{json}");
            assert_eq!(glance.name.as_deref(), name, "{json}");
        }
        for json in [
            "",
            "x",
            "[]",
            "{",
            r#"{"msg"#,
            r#"{"msg":"#,
            r#"{"msg":"a"#,
            r#"{"msg":{"#,
        ] {
            assert_eq!(Glance::at(json), Glance::default(), "{json}");
        }
    }

    #[test]
    fn ids_with_half_a_surrogate_are_ids() {
        let all = texts(br#"["a","\ud800b",7]"#);
        assert_eq!(all, ["a", "\u{10f800}b"]);
        // What looks like a stand-in is none.
        let looks = text("\"\u{10f800}b\"".as_bytes());
        assert_eq!(looks.as_deref(), Some("\u{10fbfe}\u{10fc00}b"));
    }

    proptest! {
        #[test]
        fn the_fields_are_those_that_a_parser_finds(
            object in proptest::collection::btree_map(
                ".{0,8}",
                proptest::collection::vec(proptest::option::of(".{0,8}"), 0..4),
                0..5,
            ),
            pretty: bool,
        ) {
            let json = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
            let found: std::collections::BTreeMap<String, Vec<Option<String>>> = Fields::of(json.as_bytes())
                .map(|(key, value)| {
                    let key = String::from_utf8(unescaped(key).into_owned()).unwrap();
                    (key, serde_json::from_slice(value).unwrap())
                })
                .collect();
            prop_assert_eq!(found, object);
        }

        #[test]
        fn any_text_is_looked_at(text in r#"[{}\[\]:,"\\ au0-9]{0,60}|.*"#) {
            let _ = Glance::at(&text);
        }
    }
}
