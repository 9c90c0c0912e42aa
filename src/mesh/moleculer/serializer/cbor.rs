//! CBOR, as the npm package cbor-x writes and reads it with Moleculer's options: no records, maps as they are.
//!
//! Three habits of it matter. It reads integers of 64 bits as BigInt, on which Moleculer's own arithmetic fails: what is
//! wider than 32 bits is written as a double, as it does itself. It misreads half floats: none are written (which is
//! why this is minicbor and not ciborium, whose floats shrink by themselves). And it writes `undefined`: a result of
//! nothing is `data: undefined`, not a packet without data.

use std::borrow::Cow;

use minicbor::Encoder;
use minicbor::data::{Tag, Type};
use minicbor::decode::Decoder;

use super::error::{SerializeError, TOO_DEEP};
use super::text::EjsonText;
use super::value::Value;
use crate::ejson::MAX_DEPTH;

/// Seconds since 1970.
const DATE: u64 = 1;
/// A made object: name of its class, arguments.
const OBJECT: u64 = 27;
/// Bytes as a Uint8Array.
const BYTES: u64 = 64;
/// A set, as an array.
const SET: u64 = 258;
/// A map that is meant to stay one.
const MAP: u64 = 259;
/// Says that this is CBOR.
const CBOR: u64 = 55_799;
/// cbor-x's records: a definition each, old and new, and references to them.
const RECORDS: [std::ops::RangeInclusive<u64>; 2] = [105..=105, 0xdf00..=0xffff];

/// The class of regular expressions.
const REG_EXP: &str = "RegExp";
/// Text, in the first three bits of a header.
const TEXT: u8 = 3;

const FOREIGN: SerializeError = SerializeError::new("CBOR: a value that no packet holds");
const RECORD: SerializeError =
    SerializeError::new("CBOR: cbor-x's records are not read, leave `useRecords` off");

fn broken(error: minicbor::decode::Error) -> SerializeError {
    SerializeError::of("CBOR", &error)
}

/// A payload as EJSON text.
pub(super) fn decode(payload: &[u8]) -> Result<Vec<u8>, SerializeError> {
    let mut reader = Reader {
        cbor: Decoder::new(payload),
        out: EjsonText::with_capacity(payload.len() + payload.len() / 4),
    };
    reader.value(0)?;
    if reader.cbor.position() != payload.len() {
        return Err(SerializeError::new("CBOR: more than one value"));
    }
    Ok(reader.out.finish())
}

struct Reader<'a> {
    cbor: Decoder<'a>,
    out: EjsonText,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<(), SerializeError> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        match self.cbor.datatype().map_err(broken)? {
            Type::Null => {
                self.cbor.null().map_err(broken)?;
                self.out.null();
            }
            Type::Undefined => {
                self.cbor.undefined().map_err(broken)?;
                self.out.undefined();
            }
            Type::Bool => {
                let value = self.cbor.bool().map_err(broken)?;
                self.out.bool(value);
            }
            Type::Bytes => {
                let bytes = self.cbor.bytes().map_err(broken)?;
                self.out.binary(bytes);
            }
            Type::String => {
                let text = self.text()?;
                self.out.text(&text);
            }
            Type::Array | Type::ArrayIndef => {
                let count = self.cbor.array().map_err(broken)?;
                self.elements(count, depth)?;
            }
            Type::Map | Type::MapIndef => {
                let count = self.cbor.map().map_err(broken)?;
                self.entries(count, depth)?;
            }
            Type::Tag => self.tagged(depth)?,
            number => {
                let number = self.number(number)?;
                self.out.number(number);
            }
        }
        Ok(())
    }

    /// A number, which is a double to JavaScript.
    fn number(&mut self, type_: Type) -> Result<f64, SerializeError> {
        match type_ {
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int => self.cbor.int().map(|int| i128::from(int) as f64),
            Type::F32 => self.cbor.f32().map(f64::from),
            Type::F64 => self.cbor.f64(),
            _ => return Err(FOREIGN),
        }
        .map_err(broken)
    }

    /// A text; bytes that are no UTF-8 (half of an emoji, written by JavaScript) are replaced.
    fn text(&mut self) -> Result<Cow<'a, str>, SerializeError> {
        let start = self.cbor.position();
        self.cbor.str().map(Cow::Borrowed).or_else(|error| {
            let input = self.cbor.input();
            let header = input.get(start).copied().unwrap_or_default();
            let body = start
                + match header & 0x1f {
                    0..=23 => 1,
                    24 => 2,
                    25 => 3,
                    26 => 5,
                    _ => 9,
                };
            // Where the whole text was read, only its letters were wrong.
            let end = self.cbor.position();
            input
                .get(body..end)
                .filter(|_| header >> 5 == TEXT && !error.is_end_of_input())
                .map(String::from_utf8_lossy)
                .ok_or_else(|| broken(error))
        })
    }

    /// Whether another one comes; counts down what was claimed, which the payload's end ends in any case.
    fn more(&mut self, left: &mut Option<u64>) -> Result<bool, SerializeError> {
        match left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.cbor.datatype().map_err(broken)? == Type::Break => {
                self.cbor.set_position(self.cbor.position() + 1);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn elements(&mut self, mut count: Option<u64>, depth: usize) -> Result<(), SerializeError> {
        self.out.begin_array()?;
        while self.more(&mut count)? {
            self.value(depth + 1)?;
        }
        self.out.end_array();
        Ok(())
    }

    fn entries(&mut self, mut count: Option<u64>, depth: usize) -> Result<(), SerializeError> {
        self.out.begin_object()?;
        while self.more(&mut count)? {
            let key = match self.cbor.datatype().map_err(broken)? {
                Type::String => self.text()?,
                // JavaScript makes a text of it.
                other => self.number(other)?.to_string().into(),
            };
            self.out.key(&key);
            self.value(depth + 1)?;
        }
        self.out.end_object();
        Ok(())
    }

    fn tagged(&mut self, depth: usize) -> Result<(), SerializeError> {
        let tag = self.cbor.tag().map_err(broken)?.as_u64();
        match tag {
            DATE => {
                let type_ = self.cbor.datatype().map_err(broken)?;
                let seconds = self.number(type_)?;
                let ms = seconds * 1000.0;
                // As JavaScript rounds: halves up, also below zero.
                let ms = if ms.fract() == -0.5 {
                    ms.trunc()
                } else {
                    ms.round()
                };
                self.out.date(ms);
                Ok(())
            }
            BYTES => {
                let bytes = self.cbor.bytes().map_err(broken)?;
                self.out.binary(bytes);
                Ok(())
            }
            OBJECT => self.object(),
            SET | MAP | CBOR => self.value(depth + 1),
            tag if RECORDS.iter().any(|tags| tags.contains(&tag)) => Err(RECORD),
            tag => Err(SerializeError(format!("CBOR: tag {tag} is unknown").into())),
        }
    }

    /// A regular expression; of anything else (errors) EJSON keeps nothing.
    fn object(&mut self) -> Result<(), SerializeError> {
        let mut arguments = self.cbor.array().map_err(broken)?;
        if !self.more(&mut arguments)? {
            return Err(FOREIGN);
        }
        if self.text()? == REG_EXP && arguments == Some(2) {
            let (source, flags) = (self.text()?, self.text()?);
            self.out.pattern(&source, &flags);
            return Ok(());
        }
        while self.more(&mut arguments)? {
            self.cbor.skip().map_err(broken)?;
        }
        self.out.begin_object()?;
        self.out.end_object();
        Ok(())
    }
}

/// EJSON text as a payload.
pub(super) fn encode(mut json: Vec<u8>) -> Result<Vec<u8>, SerializeError> {
    let size = json.len();
    let value = Value::ejson(&mut json)?;
    let mut cbor = Encoder::new(Vec::with_capacity(size));
    write(&mut cbor, &value);
    Ok(cbor.into_writer())
}

type Out = Encoder<Vec<u8>>;

/// Writing to memory cannot fail.
fn written<T, E>(_infallible: Result<T, E>) {}

fn write(cbor: &mut Out, value: &Value<'_>) {
    match value {
        Value::Null => written(cbor.null()),
        Value::Bool(value) => written(cbor.bool(*value)),
        Value::Number(value) => number(cbor, *value),
        Value::Text(text) => written(cbor.str(text)),
        Value::Date(ms) => date(cbor, *ms),
        Value::Binary(bytes) => {
            written(cbor.tag(Tag::new(BYTES)));
            written(cbor.bytes(bytes));
        }
        Value::Pattern(pattern) => {
            written(cbor.tag(Tag::new(OBJECT)));
            written(cbor.array(3));
            for text in [REG_EXP, &pattern.0, &pattern.1] {
                written(cbor.str(text));
            }
        }
        Value::Array(elements) => {
            written(cbor.array(elements.len() as u64));
            elements.iter().for_each(|element| write(cbor, element));
        }
        Value::Object(entries) => {
            let entries = || entries.iter().filter(|(key, _)| key != super::error::PROTO);
            map(cbor, entries().count());
            for (key, value) in entries() {
                written(cbor.str(key));
                write(cbor, value);
            }
        }
    }
}

/// cbor-x gives every map a count of 16 bits.
fn map(cbor: &mut Out, count: usize) {
    match u16::try_from(count) {
        Ok(count) => {
            let out = cbor.writer_mut();
            out.push(0xb9);
            out.extend_from_slice(&count.to_be_bytes());
        }
        Err(_) => written(cbor.map(count as u64)),
    }
}

fn number(cbor: &mut Out, value: f64) {
    // `as` stops at the bounds, where the comparison then fails.
    if f64::from(value as u32) == value {
        written(cbor.u32(value as u32));
    } else if f64::from(value as i32) == value {
        written(cbor.i32(value as i32));
    } else {
        written(cbor.f64(value));
    }
}

/// Whole seconds in 32 bits, others as a double.
fn date(cbor: &mut Out, ms: i64) {
    written(cbor.tag(Tag::new(DATE)));
    match u32::try_from(ms / 1000) {
        Ok(seconds) if ms % 1000 == 0 => {
            let out = cbor.writer_mut();
            out.push(0x1a);
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        _ => written(cbor.f64(ms as f64 / 1000.0)),
    }
}
