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

fn regex(pattern: &str, options: &str) -> Bson {
    Bson::RegularExpression(Regex {
        pattern: pattern.try_into().unwrap(),
        options: options.try_into().unwrap(),
    })
}

// contract: database/dates, ddp/message/ejson-unreadable
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
        (Bson::ObjectId(id), r#""65f1a2b3c4d5e6f708192a3b""#),
        (
            Bson::Binary(Binary {
                subtype: BinarySubtype::Generic,
                bytes: b"hello".to_vec(),
            }),
            r#"{"$binary":"aGVsbG8="}"#,
        ),
        (
            Bson::Decimal128("1.50".parse::<Decimal128>().unwrap()),
            r#""1.50""#,
        ),
        (regex("a\"", "i"), r#"{"$regexp":"a\"","$flags":"i"}"#),
        // PCRE's alone.
        (regex("(?i)a++", "s"), r#""(?i)a++""#),
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
    // What is left out counts for nothing.
    assert_eq!(
        text(doc! {"x": {"a": Bson::Undefined, "$binary": 12}}),
        r#"{"x":{"$escape":{"$binary":12}}}"#
    );
    for plain in [
        doc! {"$date": 1, "a": 2},
        doc! {"$type": 1},
        doc! {"$value": 1, "a": 1},
        doc! {},
        doc! {"$flags": 1, "$regexp": 2, "a": 3},
        doc! {"$date": Bson::Undefined},
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
        ("[a(?+)\\\\]{0,4}", "[a-z]{0,3}").prop_map(|(pattern, options)| regex(&pattern, &options)),
        Just(Bson::Null),
        Just(Bson::Undefined),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let key = prop_oneof![
            "[a-z]{0,3}",
            Just("$date".to_owned()),
            Just("$binary".to_owned()),
            Just("$escape".to_owned()),
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
        prop_assert!(is_readable(&text), "{text}");
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
