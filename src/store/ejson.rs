//! BSON to EJSON text, as Meteor writes it: dates `{"$date": ms}`, binaries `{"$binary": base64}`, numbers that JSON has no word for
//! `{"$InfNaN": …}`, and an object that merely looks like one of these wrapped in `{"$escape": …}`.
//!
//! It walks the raw document: no value is built on the way to the text.

use std::fmt::Write;

use mongodb::bson::raw::{RawArray, RawBsonRef, RawDocument};
use serde_json::value::RawValue;

use super::documents::Document;
use super::error::StoreError;

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
        RawBsonRef::ObjectId(id) => {
            write!(out, r#"{{"$type":"oid","$value":"{id}"}}"#).map_err(malformed)?
        }
        RawBsonRef::Decimal128(number) => {
            out.push_str(r#"{"$type":"Decimal","$value":"#);
            write_text(out, &number.to_string())?;
            out.push('}');
        }
        RawBsonRef::RegularExpression(regex) => {
            out.push_str(r#"{"$regexp":"#);
            write_text(out, regex.pattern.as_str())?;
            out.push_str(r#","$flags":"#);
            write_text(out, regex.options.as_str())?;
            out.push('}');
        }
        RawBsonRef::Null
        | RawBsonRef::Undefined
        | RawBsonRef::MinKey
        | RawBsonRef::MaxKey
        | RawBsonRef::DbPointer(_) => out.push_str("null"),
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
mod tests {
    use mongodb::bson::spec::BinarySubtype;
    use mongodb::bson::{
        Binary, Bson, DateTime, Decimal128, RawDocumentBuf, Regex, Timestamp, doc, oid::ObjectId,
    };
    use proptest::prelude::*;

    use super::*;

    fn text(source: mongodb::bson::Document) -> String {
        document(&RawDocumentBuf::try_from(&source).unwrap())
            .unwrap()
            .get()
            .to_owned()
    }

    // contract: database/dates
    #[test]
    fn each_type_as_meteor_writes_it() {
        let id = ObjectId::parse_str("65f1a2b3c4d5e6f708192a3b").unwrap();
        for (value, expected) in [
            (Bson::Double(3.0), "3"),
            (Bson::Double(-0.0), "0"),
            (Bson::Double(0.1), "0.1"),
            (Bson::Double(1e21), "1e21"),
            (Bson::Double(1.5e-7), "1.5e-7"),
            (Bson::Double(f64::NAN), r#"{"$InfNaN":0}"#),
            (Bson::Double(f64::INFINITY), r#"{"$InfNaN":1}"#),
            (Bson::Double(f64::NEG_INFINITY), r#"{"$InfNaN":-1}"#),
            (Bson::Int32(-5), "-5"),
            (Bson::Int64(1_700_000_000_000), "1700000000000"),
            (Bson::Boolean(true), "true"),
            (Bson::Null, "null"),
            (
                Bson::String("a\"\n\u{1F600}".into()),
                "\"a\\\"\\n\u{1F600}\"",
            ),
            (Bson::DateTime(DateTime::from_millis(-1)), r#"{"$date":-1}"#),
            (
                Bson::Timestamp(Timestamp {
                    time: 7,
                    increment: 1,
                }),
                r#"{"$date":7000}"#,
            ),
            (
                Bson::ObjectId(id),
                r#"{"$type":"oid","$value":"65f1a2b3c4d5e6f708192a3b"}"#,
            ),
            (
                Bson::Binary(Binary {
                    subtype: BinarySubtype::Generic,
                    bytes: b"hello".to_vec(),
                }),
                r#"{"$binary":"aGVsbG8="}"#,
            ),
            (
                Bson::Decimal128("1.50".parse::<Decimal128>().unwrap()),
                r#"{"$type":"Decimal","$value":"1.50"}"#,
            ),
            (
                Bson::RegularExpression(Regex {
                    pattern: "a\"".try_into().unwrap(),
                    options: "i".try_into().unwrap(),
                }),
                r#"{"$regexp":"a\"","$flags":"i"}"#,
            ),
            (Bson::MinKey, "null"),
            (
                Bson::Array(vec![Bson::Undefined, Bson::Int32(1)]),
                "[null,1]",
            ),
        ] {
            assert_eq!(
                text(doc! {"x": value.clone()}),
                format!(r#"{{"x":{expected}}}"#),
                "{value:?}"
            );
        }
    }

    // contract: database/dates
    #[test]
    fn undefined_stays_missing() {
        assert_eq!(
            text(doc! {"a": 1, "b": Bson::Undefined, "c": {"d": Bson::Undefined}}),
            r#"{"a":1,"c":{}}"#
        );
        assert!(value(RawBsonRef::Undefined).unwrap().is_none());
    }

    #[test]
    fn what_looks_like_a_type_is_escaped() {
        assert_eq!(
            text(doc! {"x": {"$date": 5}}),
            r#"{"x":{"$escape":{"$date":5}}}"#
        );
        assert_eq!(
            text(doc! {"x": {"$type": 1, "$value": 2}}),
            r#"{"x":{"$escape":{"$type":1,"$value":2}}}"#
        );
        assert_eq!(
            text(doc! {"x": {"$flags": "", "$regexp": "a"}}),
            r#"{"x":{"$escape":{"$flags":"","$regexp":"a"}}}"#
        );
        assert_eq!(
            text(doc! {"x": {"$escape": {"$date": 1}}}),
            r#"{"x":{"$escape":{"$escape":{"$escape":{"$date":1}}}}}"#
        );
        for plain in [
            doc! {"$date": 1, "a": 2},
            doc! {"$type": 1},
            doc! {"$value": 1, "a": 1},
            doc! {},
            doc! {"$flags": 1, "$regexp": 2, "a": 3},
        ] {
            assert!(
                !text(doc! {"x": plain.clone()}).contains("$escape"),
                "{plain}"
            );
        }
    }

    #[test]
    fn base64_pads() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            let mut out = String::new();
            write_base64(&mut out, bytes.as_bytes());
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        write_base64(&mut out, &[0xfb, 0xff, 0xfe]);
        assert_eq!(out, "+//+");
    }

    #[test]
    fn depth_is_bounded() {
        let mut nested = doc! {"a": 1};
        for _ in 0..99 {
            nested = doc! {"a": nested};
        }
        text(nested.clone());
        for _ in 0..200 {
            nested = doc! {"a": [nested]};
        }
        let raw = RawDocumentBuf::try_from(&nested).unwrap();
        assert!(matches!(document(&raw), Err(StoreError::Malformed(_))));
    }

    fn any_bson() -> impl Strategy<Value = Bson> {
        let leaf = prop_oneof![
            any::<f64>().prop_map(Bson::Double),
            any::<i32>().prop_map(Bson::Int32),
            any::<i64>().prop_map(Bson::Int64),
            any::<bool>().prop_map(Bson::Boolean),
            ".*".prop_map(Bson::String),
            any::<i64>().prop_map(|ms| Bson::DateTime(DateTime::from_millis(ms))),
            any::<[u8; 12]>().prop_map(|bytes| Bson::ObjectId(ObjectId::from_bytes(bytes))),
            any::<[u8; 16]>().prop_map(|bytes| Bson::Decimal128(Decimal128::from_bytes(bytes))),
            any::<Vec<u8>>().prop_map(|bytes| Bson::Binary(Binary {
                subtype: BinarySubtype::Generic,
                bytes
            })),
            Just(Bson::Null),
            Just(Bson::Undefined),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            let key = prop_oneof![
                "[a-z]{0,3}",
                Just("$date".to_owned()),
                Just("$type".to_owned()),
                Just("$value".to_owned())
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Bson::Array),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|pairs| Bson::Document(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_document_becomes_json(value in any_bson()) {
            let text = text(doc! {"x": value});
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            if let Ok(raw) = RawDocument::from_bytes(&bytes) {
                let _ = document(raw);
            }
        }

        #[test]
        fn no_bytes_in_a_frame_panic(mut inner in any::<Vec<u8>>()) {
            let length = i32::try_from(inner.len() + 5).unwrap();
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.append(&mut inner);
            bytes.push(0);
            if let Ok(raw) = RawDocument::from_bytes(&bytes) {
                let _ = document(raw);
            }
        }
    }
}
