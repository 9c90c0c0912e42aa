//! JSON text as a tree, for the way out: encodings with a length before each array and map must know what comes.
//!
//! Numbers are doubles, as in the nodes that read and write them.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};

use super::error::SerializeError;
use super::{date_text, numbers, surrogates};

/// A date that JavaScript can hold is at most this far from 1970, in milliseconds.
const MAX_DATE: f64 = 8.64e15;

/// Base64 as clients may write it: with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a JavaScript value on its way through the mesh can be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
    /// Whole milliseconds since 1970; `None` is what JavaScript calls an invalid date.
    Date(Option<i64>),
    Binary(Vec<u8>),
    /// A regular expression: source and flags.
    Pattern(Box<(Cow<'a, str>, String)>),
}

/// The milliseconds of a date; `None` for what JavaScript calls an invalid one.
pub(super) fn date(ms: f64) -> Option<i64> {
    // Bounded: exact.
    (ms.abs() <= MAX_DATE).then(|| ms.trunc() as i64)
}

impl<'a> Value<'a> {
    /// Reads JSON text as it stands. Halves of surrogate pairs that are not held ([`crate::ejson::held_json`]) are replaced.
    pub(super) fn plain(json: &'a mut [u8]) -> Result<Self, SerializeError> {
        surrogates::mend(json);
        let infinite = numbers::mend(json);
        let mut value =
            serde_json::from_slice(json).map_err(|error| SerializeError::of("not JSON", &error))?;
        infinite.restore(&mut value);
        Ok(value)
    }

    /// Reads EJSON.
    pub(super) fn ejson(json: &'a mut [u8]) -> Result<Self, SerializeError> {
        let mut value = Self::plain(json)?;
        value.resolve();
        Ok(value)
    }

    /// Makes dates, binaries and the like of the objects that stand for them.
    fn resolve(&mut self) {
        match self {
            Self::Array(elements) => elements.iter_mut().for_each(Self::resolve),
            Self::Object(entries) => match special(entries) {
                Some(value) => *self = value,
                None => entries.iter_mut().for_each(|(_, value)| value.resolve()),
            },
            _ => {}
        }
    }
}

/// What an object stands for in EJSON, if for anything.
fn special<'a>(entries: &mut [(Cow<'a, str>, Value<'a>)]) -> Option<Value<'a>> {
    match entries {
        [(key, value)] => match (key.as_ref(), value) {
            ("$date", value) => Some(Value::Date(date_of(value))),
            ("$InfNaN", Value::Number(sign)) => Some(Value::Number(*sign / 0.0)),
            ("$InfNaN", _) => Some(Value::Number(f64::NAN)),
            ("$binary", Value::Text(base64)) => Some(Value::Binary(binary(base64))),
            // One level is meant literally; below it EJSON goes on.
            ("$escape", Value::Object(literal)) => {
                literal.iter_mut().for_each(|(_, value)| value.resolve());
                Some(Value::Object(std::mem::take(literal)))
            }
            _ => None,
        },
        [(first, one), (second, other)] => {
            let (source, flags) = match (first.as_ref(), second.as_ref()) {
                ("$regexp", "$flags") => (one, other),
                ("$flags", "$regexp") => (other, one),
                _ => return None,
            };
            let (Value::Text(source), Value::Text(flags)) = (source, flags) else {
                return None;
            };
            // npm ejson keeps these, once each, and so they are sorted in JavaScript.
            let flags = "gimuy".chars().filter(|flag| flags.contains(*flag));
            Some(Value::Pattern(Box::new((
                std::mem::take(source),
                flags.collect(),
            ))))
        }
        _ => None,
    }
}

/// The date that `new Date` makes of a value, as npm ejson 2.2.3 does.
fn date_of(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Number(ms) => date(*ms),
        Value::Text(text) => date_text::parse(text),
        Value::Bool(on) => Some(i64::from(*on)),
        Value::Null => Some(0),
        _ => None,
    }
}

/// Bytes of base64, up to where it is none any more: what a client wrote never fails the packet.
fn binary(base64: &str) -> Vec<u8> {
    BASE64.decode(base64).unwrap_or_else(|_| {
        let valid = base64
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
            .count();
        // A single last character holds no whole byte.
        let valid = if valid % 4 == 1 { valid - 1 } else { valid };
        BASE64
            .decode(base64.get(..valid).unwrap_or_default())
            .unwrap_or_default()
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((Key(key), value)) = map.next_entry()? {
            entries.push((key, value));
        }
        Ok(Value::Object(entries))
    }
}

/// A key that borrows where it can.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
