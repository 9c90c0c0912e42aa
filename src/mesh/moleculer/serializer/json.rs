//! Plain JSON: no dates and no binaries, what `JSON.stringify` and `JSON.parse` make of values.

use std::io::Write as _;

use bytes::Bytes;
use memchr::memmem;
use time::{Duration, UtcDateTime};

use super::error::SerializeError;
use super::text::{EjsonText, write_number};
use super::value::Value;
use crate::ejson;

/// JSON text as EJSON. All but texts that could be mistaken for EJSON pass through.
pub(super) fn decode(json: Bytes) -> Result<Bytes, SerializeError> {
    if !has_marks(&json) {
        return Ok(json);
    }
    escaped(&json).map(Bytes::from)
}

/// JSON text in which what only looks like EJSON is escaped.
pub(super) fn escaped(json: &[u8]) -> Result<Vec<u8>, SerializeError> {
    let mut json = held(json)?;
    let size = json.len();
    let value = Value::plain(&mut json)?;
    let mut out = EjsonText::with_capacity(size + 64);
    write_ejson(&mut out, &value)?;
    Ok(out.finish())
}

/// EJSON as JSON text: dates as ISO texts.
pub(super) fn encode(json: Vec<u8>) -> Result<Vec<u8>, SerializeError> {
    if !has_marks(&json) {
        return Ok(json);
    }
    Value::ejson(&mut held(&json)?).map(|value| stringify(&value))
}

/// What is JSON on both sides keeps halves of surrogate pairs.
fn held(json: &[u8]) -> Result<Vec<u8>, SerializeError> {
    serde_json::from_slice(json)
        .map(ejson::held_json)
        .map_err(|error| SerializeError::of("not JSON", &error))
}

/// What `JSON.stringify` makes of a value.
pub(super) fn stringify(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_json(&mut out, value);
    out
}

/// Whether some text in it begins with `$`: without that, EJSON and JSON are the same.
pub(super) fn has_marks(json: &[u8]) -> bool {
    memmem::find(json, b"\"$").is_some() || memmem::find(json, b"\"\\u0024").is_some()
}

fn write_ejson(out: &mut EjsonText, value: &Value<'_>) -> Result<(), SerializeError> {
    match value {
        Value::Bool(value) => out.bool(*value),
        Value::Number(value) => out.number(*value),
        Value::Text(text) => out.text(text),
        Value::Array(elements) => {
            out.begin_array()?;
            elements
                .iter()
                .try_for_each(|element| write_ejson(out, element))?;
            out.end_array();
        }
        Value::Object(entries) => {
            out.begin_object()?;
            for (key, value) in entries {
                out.key(key);
                write_ejson(out, value)?;
            }
            out.end_object();
        }
        // JSON has no more than that.
        Value::Null | Value::Date(_) | Value::Binary(_) | Value::Pattern(_) => out.null(),
    }
    Ok(())
}

fn write_json(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null | Value::Date(None) => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Number(value) if value.is_finite() => write_number(out, *value),
        Value::Number(_) => out.extend_from_slice(b"null"),
        Value::Text(text) => ejson::write_text(out, text),
        Value::Date(Some(ms)) => ejson::write_text(out, &iso(*ms)),
        // An object of indices: so JavaScript writes a typed array.
        Value::Binary(bytes) => {
            sequence(out, b"{}", bytes.iter().enumerate(), |out, (at, byte)| {
                // Writing to memory cannot fail.
                let _infallible = write!(out, "\"{at}\":{byte}");
            });
        }
        Value::Pattern(_) => out.extend_from_slice(b"{}"),
        Value::Array(elements) => sequence(out, b"[]", elements, write_json),
        Value::Object(entries) => sequence(out, b"{}", entries, |out, (key, value)| {
            ejson::write_text(out, key);
            out.push(b':');
            write_json(out, value);
        }),
    }
}

fn sequence<T>(
    out: &mut Vec<u8>,
    [open, close]: &[u8; 2],
    parts: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.push(*open);
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, part);
    }
    out.push(*close);
}

/// A date of JavaScript as its `toISOString` writes it: years outside of 0–9999 with a sign and six digits. Nothing else
/// than its dates comes here ([`super::value::date`]), and the calendar of `time` goes beyond them.
fn iso(ms: i64) -> String {
    let at = UtcDateTime::UNIX_EPOCH.saturating_add(Duration::milliseconds(ms));
    let year = match at.year() {
        year @ 0..=9999 => format!("{year:04}"),
        year => format!("{year:+07}"),
    };
    let (hours, minutes, seconds, millis) = at.as_hms_milli();
    format!(
        "{year}-{:02}-{:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z",
        u8::from(at.month()),
        at.day()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: mesh/serializer/JSON
    #[test]
    fn dates_are_iso_texts() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"),
            (-8_640_000_000_000_000, "-271821-04-20T00:00:00.000Z"),
        ] {
            assert_eq!(iso(ms), expected);
        }
    }

    fn out(json: &str) -> String {
        String::from_utf8(encode(json.as_bytes().to_vec()).unwrap()).unwrap()
    }

    // contract: ddp/message/lone-surrogates
    #[test]
    fn ejson_becomes_what_stringify_makes_of_it() {
        assert_eq!(
            out(
                r#"{"params":[{"$date":0},{"$binary":"aGk="},{"$InfNaN":1},{"$escape":{"$date":{"$date":1}}},{"$regexp":"a","$flags":"i"}],"b":1.5}"#
            ),
            r#"{"params":["1970-01-01T00:00:00.000Z",{"0":104,"1":105},null,{"$date":"1970-01-01T00:00:00.001Z"},{}],"b":1.5}"#
        );
        assert_eq!(out(r#"{"a" : 1.0}"#), r#"{"a" : 1.0}"#);
        assert_eq!(out(r#"{"\u0024date":0}"#), r#""1970-01-01T00:00:00.000Z""#);
        assert_eq!(
            out(r#"["\ud83d",{"$date":0}]"#),
            r#"["\ud83d","1970-01-01T00:00:00.000Z"]"#
        );
    }

    // contract: ddp/message/lone-surrogates
    #[test]
    fn json_that_looks_like_ejson_is_escaped() {
        let back = |json: &'static str| decode(Bytes::from_static(json.as_bytes())).unwrap();
        assert_eq!(
            back(r#"{"a":{"$date":1}}"#),
            r#"{"a":{"$escape":{"$date":1}}}"#
        );
        assert_eq!(back(r#"{"a":{"$node":1}}"#), r#"{"a":{"$node":1}}"#);
        assert_eq!(
            back("{\"$a\\ud83d\":[\"\\ud83d\",\"\u{10f83d}\"],\"$n\":1e400}"),
            r#"{"$a\ud83d":["\ud83d","\udbfe\udc3d"],"$n":{"$InfNaN":1}}"#
        );
        assert!(decode(Bytes::from_static(b"{\"$a\"")).is_err());
    }
}
