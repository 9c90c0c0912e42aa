//! BSON to EJSON text, as Meteor writes it: dates `{"$date": ms}`, binaries `{"$binary": base64}`, numbers that JSON has no word for
//! `{"$InfNaN": …}`, and an object that merely looks like one of these wrapped in `{"$escape": …}`.
//!
//! What BSON has and no reader of EJSON takes (ids, decimals, PCRE's own patterns) is its text: a core that cannot read a room never answers.
//!
//! It walks the raw document: no value is built on the way to the text.

use std::fmt::Write;

use mongodb::bson::raw::{RawArray, RawBsonRef, RawDocument};
use mongodb::bson::spec::ElementType;
use serde_json::value::RawValue;

use super::documents::Document;
use super::error::StoreError;
use crate::ejson::is_readable;

/// Deeper than MongoDB lets a document be (100), so nothing real is refused, and recursion is bounded.
const MAX_DEPTH: usize = 120;

/// From here on, and below its inverse, JavaScript writes a number with an exponent.
const LARGE: f64 = 1e21;
const SMALL: f64 = 1e-6;

/// A whole document as text.
pub(super) fn document(source: &RawDocument) -> Result<Document, StoreError> {
    let mut out = String::with_capacity(source.as_bytes().len() * 2);
    write_document(&mut out, source, 0)?;
    finished(out)
}

/// One value as text; `None` for one that JSON leaves out.
pub(super) fn value(source: RawBsonRef<'_>) -> Result<Option<Document>, StoreError> {
    if is_undefined(source) {
        return Ok(None);
    }
    let mut out = String::new();
    write_value(&mut out, source, 0)?;
    finished(out).map(Some)
}

fn finished(out: String) -> Result<Document, StoreError> {
    RawValue::from_string(out)
        .map(Document::from)
        .map_err(malformed)
}

fn malformed(error: impl ToString) -> StoreError {
    StoreError::Malformed(error.to_string())
}

fn is_undefined(value: RawBsonRef<'_>) -> bool {
    matches!(value, RawBsonRef::Undefined)
}

fn write_document(out: &mut String, source: &RawDocument, depth: usize) -> Result<(), StoreError> {
    if depth > MAX_DEPTH {
        return Err(StoreError::Malformed(format!("deeper than {MAX_DEPTH}")));
    }
    let escaped = looks_like_ejson(source)?;
    out.push_str(if escaped { r#"{"$escape":{"# } else { "{" });
    let mut first = true;
    for element in source {
        let (key, value) = element.map_err(malformed)?;
        if is_undefined(value) {
            continue;
        }
        if !first {
            out.push(',');
        }
        first = false;
        write_text(out, key.as_str())?;
        out.push(':');
        write_value(out, value, depth)?;
    }
    out.push_str(if escaped { "}}" } else { "}" });
    Ok(())
}

/// The keys alone tell a reader of EJSON that an object is a value of a type; these are the ones it asks for.
fn looks_like_ejson(source: &RawDocument) -> Result<bool, StoreError> {
    let mut keys = [""; 2];
    let mut count = 0;
    for element in source.iter_elements() {
        let element = element.map_err(malformed)?;
        if element.element_type() == ElementType::Undefined {
            continue;
        }
        if count == keys.len() {
            return Ok(false);
        }
        keys[count] = element.key().as_str();
        count += 1;
    }
    let pair = |a, b| keys == [a, b] || keys == [b, a];
    Ok(match count {
        1 => matches!(keys[0], "$date" | "$binary" | "$InfNaN" | "$escape"),
        2 => pair("$type", "$value") || pair("$regexp", "$flags"),
        _ => false,
    })
}

fn write_array(out: &mut String, source: &RawArray, depth: usize) -> Result<(), StoreError> {
    if depth > MAX_DEPTH {
        return Err(StoreError::Malformed(format!("deeper than {MAX_DEPTH}")));
    }
    out.push('[');
    for (index, element) in source.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_value(out, element.map_err(malformed)?, depth)?;
    }
    out.push(']');
    Ok(())
}

fn write_value(out: &mut String, value: RawBsonRef<'_>, depth: usize) -> Result<(), StoreError> {
    match value {
        RawBsonRef::Double(number) => write_double(out, number)?,
        RawBsonRef::Int32(number) => write!(out, "{number}").map_err(malformed)?,
        RawBsonRef::Int64(number) => write!(out, "{number}").map_err(malformed)?,
        RawBsonRef::Boolean(switch) => out.push_str(if switch { "true" } else { "false" }),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) | RawBsonRef::JavaScriptCode(text) => {
            write_text(out, text)?
        }
        RawBsonRef::JavaScriptCodeWithScope(code) => write_text(out, code.code)?,
        RawBsonRef::Document(inner) => write_document(out, inner, depth + 1)?,
        RawBsonRef::Array(inner) => write_array(out, inner, depth + 1)?,
        RawBsonRef::DateTime(time) => {
            write!(out, r#"{{"$date":{}}}"#, time.timestamp_millis()).map_err(malformed)?
        }
        RawBsonRef::Timestamp(time) => {
            write!(out, r#"{{"$date":{}}}"#, u64::from(time.time) * 1000).map_err(malformed)?
        }
        RawBsonRef::Binary(binary) => {
            out.push_str(r#"{"$binary":""#);
            write_base64(out, binary.bytes);
            out.push_str(r#""}"#);
        }
        RawBsonRef::ObjectId(id) => write_text(out, &id.to_hex())?,
        RawBsonRef::Decimal128(number) => write_text(out, &number.to_string())?,
        RawBsonRef::RegularExpression(regex) => {
            write_regex(out, regex.pattern.as_str(), regex.options.as_str())?
        }
        RawBsonRef::Null
        | RawBsonRef::Undefined
        | RawBsonRef::MinKey
        | RawBsonRef::MaxKey
        | RawBsonRef::DbPointer(_) => out.push_str("null"),
    }
    Ok(())
}

/// JavaScript's where its reader takes the pattern, which is PCRE's.
fn write_regex(out: &mut String, pattern: &str, options: &str) -> Result<(), StoreError> {
    let start = out.len();
    out.push_str(r#"{"$regexp":"#);
    write_text(out, pattern)?;
    out.push_str(r#","$flags":"#);
    write_text(out, options)?;
    out.push('}');
    if !is_readable(&out[start..]) {
        out.truncate(start);
        write_text(out, pattern)?;
    }
    Ok(())
}

fn write_text(out: &mut String, text: &str) -> Result<(), StoreError> {
    out.push_str(&serde_json::to_string(text).map_err(malformed)?);
    Ok(())
}

/// As JavaScript writes it: 3.0 is `3`.
fn write_double(out: &mut String, number: f64) -> Result<(), StoreError> {
    let size = number.abs();
    if number.is_nan() {
        out.push_str(r#"{"$InfNaN":0}"#);
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 {
            r#"{"$InfNaN":1}"#
        } else {
            r#"{"$InfNaN":-1}"#
        });
    } else if size == 0.0 {
        out.push('0');
    } else if (SMALL..LARGE).contains(&size) {
        write!(out, "{number}").map_err(malformed)?;
    } else {
        write!(out, "{number:e}").map_err(malformed)?;
    }
    Ok(())
}

fn write_base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            out.push(if place <= chunk.len() {
                char::from(DIGITS[digit as usize])
            } else {
                '='
            });
        }
    }
}

#[cfg(test)]
mod tests;
