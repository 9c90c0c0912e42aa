//! The language of the inputs (README.md here tells it to those who write some).

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::encode;
use crate::support::client::frame_with;
use crate::support::root;

/// One line of a door's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub name: String,
    pub source: String,
    /// What is sent; what that is depends on the door.
    pub send: Value,
    pub expect: Vec<Value>,
    /// Where to: a path, a port, a subject.
    pub at: Option<String>,
    /// Who sends it: a user's name; nobody when it is missing.
    pub who: Option<String>,
    /// It is sent before the handshake of DDP.
    #[serde(default)]
    pub first: bool,
    /// Why this is the right answer, where that is not plain.
    #[serde(default, rename = "note")]
    _note: String,
}

pub fn folder() -> PathBuf {
    root().join("tests/hostile")
}

/// All inputs of a door.
pub fn inputs(door: &str) -> Vec<Input> {
    let path = folder().join(format!("{door}.ndjson"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{door}: {error}"));
    let line = |(number, line)| {
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{door}.ndjson:{}: {error}", number + 1))
    };
    text.lines().enumerate().map(line).collect()
}

/// The bytes that a value stands for.
pub fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Object(object) => expression(object),
        other => panic!("no bytes: {other}"),
    }
}

/// The messages of a value: each of a list, or the one.
pub fn messages(value: &Value) -> Vec<Vec<u8>> {
    match value {
        Value::Array(all) => all.iter().map(bytes).collect(),
        one => vec![bytes(one)],
    }
}

pub fn text(value: &Value) -> String {
    String::from_utf8(bytes(value)).expect("text")
}

fn expression(object: &Map<String, Value>) -> Vec<u8> {
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    let of = |key: &str| &object[key];
    let list = |key: &str| of(key).as_array().expect("a list");
    let times = || of("times").as_u64().expect("a number") as usize;
    match &keys[..] {
        ["join"] => list("join").iter().flat_map(bytes).collect(),
        ["hex"] => unhex(of("hex").as_str().expect("text")),
        ["json"] => of("json").to_string().into_bytes(),
        ["repeat", "times"] => bytes(of("repeat")).repeat(times()),
        ["nest", "times"] => match &list("nest")[..] {
            [open, inside, close] => [
                bytes(open).repeat(times()),
                bytes(inside),
                bytes(close).repeat(times()),
            ]
            .concat(),
            _ => panic!("nest: what opens, what is inside, what closes"),
        },
        ["frame", "payload"] => {
            let first = unhex(of("frame").as_str().expect("text"));
            frame_with(first[0], &bytes(of("payload")), [0; 4])
        }
        ["payload", "unmasked"] | ["unmasked", "payload"] => {
            let first = unhex(of("unmasked").as_str().expect("text"));
            let payload = bytes(of("payload"));
            let len = u16::try_from(payload.len())
                .expect("no longer")
                .to_be_bytes();
            [&[first[0], 126][..], &len, &payload].concat()
        }
        ["msgpack"] => encode::msgpack(of("msgpack")),
        ["cbor"] => encode::cbor(of("cbor")),
        ["protobuf"] => encode::protobuf(list("protobuf")),
        _ => panic!("nothing of the language: {keys:?}"),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    assert!(rest.is_empty(), "{text}");
    let byte = |pair: &[u8; 2]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("{text}"))
    };
    pairs.iter().map(byte).collect()
}

/// An expected message, with its error written out: `"404 reason"` is `{"error":404,"reason":"reason",…}`, `"word"` is
/// `{"error":"word",…}` (reference/mesh.md, "Errors coming back").
pub fn written_out(expected: &Value) -> Value {
    let mut expected = expected.clone();
    let Some(error) = expected.get_mut("error") else {
        return expected;
    };
    let Some(short) = error.as_str().map(str::to_owned) else {
        return expected;
    };
    let numbered = short.split_once(' ');
    let numbered = numbered.and_then(|(code, reason)| Some((code.parse::<u16>().ok()?, reason)));
    *error = match numbered {
        Some((code, reason)) => serde_json::json!({
            "isClientSafe": true, "errorType": "Meteor.Error",
            "error": code, "reason": reason, "message": format!("{reason} [{code}]"),
        }),
        None => serde_json::json!({
            "isClientSafe": true, "errorType": "Meteor.Error",
            "error": short, "message": format!("[{short}]"),
        }),
    };
    expected
}

/// Equal, where `"*"` is anything.
pub fn same(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::String(any), _) if any == "*" => true,
        (Value::Object(pattern), Value::Object(value)) => {
            pattern.len() == value.len()
                && pattern
                    .iter()
                    .all(|(key, part)| value.get(key).is_some_and(|value| same(part, value)))
        }
        (Value::Array(pattern), Value::Array(value)) => {
            pattern.len() == value.len() && pattern.iter().zip(value).all(|(p, v)| same(p, v))
        }
        _ => pattern == value,
    }
}
