//! From EJSON text to CBOR.

use minicbor::Encoder;
use minicbor::data::Tag;

use super::tags::{BYTES, DATE, OBJECT, REG_EXP};
use crate::mesh::moleculer::serializer::error::{PROTO, SerializeError};
use crate::mesh::moleculer::serializer::value::Value;

/// EJSON text as a payload.
pub(in crate::mesh::moleculer::serializer) fn encode(
    mut json: Vec<u8>,
) -> Result<Vec<u8>, SerializeError> {
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
            for text in [REG_EXP, &*pattern.0, &*pattern.1] {
                written(cbor.str(text));
            }
        }
        Value::Array(elements) => {
            written(cbor.array(elements.len() as u64));
            elements.iter().for_each(|element| write(cbor, element));
        }
        Value::Object(entries) => {
            let entries = || entries.iter().filter(|(key, _)| key != PROTO);
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

/// Whole seconds in 32 bits, others as a double; an invalid date is no number.
fn date(cbor: &mut Out, ms: Option<i64>) {
    written(cbor.tag(Tag::new(DATE)));
    let Some(ms) = ms else {
        return written(cbor.f64(f64::NAN));
    };
    match u32::try_from(ms / 1000) {
        Ok(seconds) if ms % 1000 == 0 => {
            let out = cbor.writer_mut();
            out.push(0x1a);
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        _ => written(cbor.f64(ms as f64 / 1000.0)),
    }
}
