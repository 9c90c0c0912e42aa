//! Bytes that nobody meant, and values of any shape.

use std::collections::HashMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::error::TOO_DEEP;
use super::super::*;

const BINARY: [SerializerKind; 4] = [
    SerializerKind::MsgPack,
    SerializerKind::Notepack,
    SerializerKind::Cbor,
    SerializerKind::ProtoBuf,
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite, broken", |x| x.is_finite() && x.fract() != 0.0)
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        // Up to the year 9999: further away the doubles of CBOR have no milliseconds.
        (-253_402_300_799_999_i64..=253_402_300_799_999)
            .prop_map(|ms| serde_json::json!({ "$date": ms })),
        vec(any::<u8>(), 0..40).prop_map(|bytes| {
            use base64::Engine as _;
            serde_json::json!({"$binary": base64::engine::general_purpose::STANDARD.encode(bytes)})
        }),
        Just(serde_json::json!({"$escape": {"$date": 1}})),
        Just(serde_json::json!({"$InfNaN": -1})),
    ];
    leaf.prop_recursive(5, 80, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::from),
            btree_map("[a-z_]{0,40}", inner, 0..20)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What a schema leaves of any value: an event that holds it.
fn event(data: &Value) -> Value {
    serde_json::json!({"id": "i", "event": "e", "data": data, "broadcast": true, "ver": "4", "sender": "s"})
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(payload in vec(any::<u8>(), 0..300), kind in 0..9_usize) {
        for serializer in SerializerKind::ALL {
            if let Ok(json) = serializer.decode(PacketKind::ALL[kind], Bytes::from(payload.clone()))
                && BINARY.contains(&serializer)
            {
                let _json: &serde_json::value::RawValue = serde_json::from_slice(&json).unwrap();
            }
        }
    }

    #[test]
    fn packets_with_a_wrong_byte_are_read_or_refused(
        data in json(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        for serializer in BINARY {
            let payload = serializer.encode(PacketKind::Event, event(&data).to_string().into()).unwrap();
            let mut payload = payload.to_vec();
            let at = at.index(payload.len());
            payload[at] = byte;
            if cut {
                payload.truncate(at);
            }
            if let Ok(json) = serializer.decode(PacketKind::Event, payload.into()) {
                let _json: &serde_json::value::RawValue = serde_json::from_slice(&json).unwrap();
            }
        }
    }

    #[test]
    fn any_text_is_written_or_refused(text in any::<String>()) {
        for serializer in SerializerKind::ALL {
            let _any = serializer.encode(PacketKind::Event, text.clone().into_bytes());
        }
    }

    #[test]
    fn values_survive_where_the_encoding_has_them(data in json()) {
        let packet = event(&data);
        for serializer in [SerializerKind::MsgPack, SerializerKind::Notepack, SerializerKind::Cbor] {
            let payload = serializer.encode(PacketKind::Event, packet.to_string().into()).unwrap();
            let json = serializer.decode(PacketKind::Event, payload).unwrap();
            prop_assert_eq!(&serde_json::from_slice::<Value>(&json).unwrap(), &packet);
        }
    }
}

#[test]
fn lengths_that_are_only_claimed_are_refused_at_once() {
    for (serializer, payload) in [
        (SerializerKind::MsgPack, &b"\xdd\xff\xff\xff\xff"[..]),
        (SerializerKind::MsgPack, b"\xdf\xff\xff\xff\xff\xa0"),
        (SerializerKind::MsgPack, b"\xc6\xff\xff\xff\xff"),
        (SerializerKind::MsgPack, b"\xdb\xff\xff\xff\xff"),
        (SerializerKind::MsgPack, b"\xc9\xff\xff\xff\xff\xff"),
        (
            SerializerKind::Cbor,
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        (
            SerializerKind::Cbor,
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x60",
        ),
        (
            SerializerKind::Cbor,
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        (
            SerializerKind::Cbor,
            b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        (
            SerializerKind::Cbor,
            b"\xd8\x1b\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x61a",
        ),
        (SerializerKind::ProtoBuf, b"\x0a\xff\xff\xff\xff\x0f"),
    ] {
        assert!(
            serializer
                .decode(PacketKind::Event, Bytes::from_static(payload))
                .is_err()
        );
    }
}

#[test]
fn nesting_ends() {
    for (serializer, byte) in [
        (SerializerKind::MsgPack, 0x91_u8),
        (SerializerKind::Notepack, 0x91),
        (SerializerKind::Cbor, 0x81),
        (SerializerKind::Cbor, 0x9f),
        (SerializerKind::Cbor, 0xc1),
    ] {
        assert!(
            serializer
                .decode(PacketKind::Event, vec![byte; 1_000_000].into())
                .is_err()
        );
    }
    // Tags alone, of each kind.
    let tags: Vec<u8> = [0xd9, 0xd9, 0xf7].repeat(300_000);
    assert_eq!(
        SerializerKind::Cbor.decode(PacketKind::Event, tags.into()),
        Err(TOO_DEEP)
    );
    for serializer in SerializerKind::ALL {
        let deep = format!(
            "{{\"data\":{}{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        let _refused = serializer.encode(PacketKind::Event, deep.clone().into_bytes());
        let _refused = serializer.decode(PacketKind::Event, deep.into());
    }
}

fn through(serializer: SerializerKind, data: &str) -> String {
    let packet = format!(r#"{{"event":"e","data":{data},"ver":"4","sender":"s"}}"#);
    let payload = serializer
        .encode(PacketKind::Event, packet.into_bytes())
        .unwrap();
    let json = serializer.decode(PacketKind::Event, payload).unwrap();
    let value: Value = serde_json::from_slice(&json).unwrap();
    value["data"].to_string()
}

/// What clients write never fails a packet.
// contract: mesh/serializer/dates, mesh/serializer/regexp, mesh/serializer/infinity
#[test]
fn odd_texts_of_clients_pass() {
    for serializer in [
        SerializerKind::MsgPack,
        SerializerKind::Notepack,
        SerializerKind::Cbor,
    ] {
        for (data, expected) in [
            (r#"["\ud83d"]"#, "[\"\u{fffd}\"]"),
            (r#"[{"$binary":"aGk"}]"#, r#"[{"$binary":"aGk="}]"#),
            (r#"[{"$binary":"aGk*aGk"}]"#, r#"[{"$binary":"aGk="}]"#),
            (r#"[{"$binary":"a*"}]"#, r#"[{"$binary":""}]"#),
            (
                r#"[{"$date":"2020-01-01"},{"$date":null},{"$date":true},{"$date":false}]"#,
                r#"[{"$date":1577836800000},{"$date":0},{"$date":1},{"$date":0}]"#,
            ),
            (r#"[1e400,-1e400]"#, r#"[{"$InfNaN":1},{"$InfNaN":-1}]"#),
            (r#"[{"$date":1.9}]"#, r#"[{"$date":1}]"#),
            (r#"[{"__proto__":{"a":1},"b":1}]"#, r#"[{"b":1}]"#),
            (
                r#"[{"$type":"oid","$value":"x"}]"#,
                r#"[{"$escape":{"$type":"oid","$value":"x"}}]"#,
            ),
        ] {
            assert_eq!(through(serializer, data), expected, "{serializer:?}");
        }
        // The packages of MessagePack have no invalid date, and write this one.
        let invalid = match serializer {
            SerializerKind::Cbor => r#"{"$date":null}"#,
            _ => r#"{"$date":0}"#,
        };
        for data in [
            r#"{"$date":"now"}"#,
            r#"{"$date":1e300}"#,
            r#"{"$date":{}}"#,
        ] {
            assert_eq!(through(serializer, data), invalid, "{serializer:?}");
        }
    }
    for (data, expected) in [
        (
            r#"{"$regexp":"a","$flags":"yxgsg"}"#,
            r#"{"$flags":"gy","$regexp":"a"}"#,
        ),
        (
            r#"{"$regexp":"a","$flags":"d"}"#,
            r#"{"$flags":"","$regexp":"a"}"#,
        ),
    ] {
        assert_eq!(through(SerializerKind::Cbor, data), expected);
    }
}

/// Packets are JSON text on both sides: what JSON can say passes, whatever else is in the packet.
// contract: ddp/message/lone-surrogates
#[test]
fn halves_of_pairs_pass_where_json_is_written() {
    for serializer in [SerializerKind::Json, SerializerKind::ProtoBuf] {
        let data = r#"[{"\ud83d":"\ud83d"},{"$date":0}]"#;
        let packet = format!(r#"{{"event":"e","data":{data},"ver":"4","sender":"s"}}"#);
        let payload = serializer
            .encode(PacketKind::Event, packet.into_bytes())
            .unwrap();
        let json = serializer.decode(PacketKind::Event, payload).unwrap();
        let packet: HashMap<&str, &RawValue> = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            packet["data"].get(),
            r#"[{"\ud83d":"\ud83d"},"1970-01-01T00:00:00.000Z"]"#,
            "{serializer:?}"
        );
    }
}

/// Characters of UTF-8 that look like what half of a pair is held by.
// contract: ddp/message/lone-surrogates
#[test]
fn characters_of_the_last_plane_stay_themselves() {
    for serializer in SerializerKind::ALL {
        let data = "{\"$a\":1,\"\u{10f83d}\":\"\u{10ffff}\"}";
        assert_eq!(through(serializer, data), data, "{serializer:?}");
    }
    let sender = "\x0a\x014\x12\x04\u{10f83d}\x22\x01e";
    let event = SerializerKind::ProtoBuf.decode(PacketKind::Event, sender.into());
    let packet: Value = serde_json::from_slice(&event.unwrap()).unwrap();
    assert_eq!(packet["sender"], "\u{10f83d}");
}

#[test]
fn nobody_writes_the_envelope_in_a_text_inside() {
    let payload = b"\x0a\x014\x12\x01s\x22\x01e\x4a\x1a{},\"sender\":\"x\",\"data\":[1]";
    let refused = SerializerKind::ProtoBuf.decode(PacketKind::Event, Bytes::from_static(payload));
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .starts_with("ProtoBuf, in its JSON")
    );
}

#[test]
fn half_texts_and_records_of_cbor_x() {
    let decode = |bytes: &'static [u8]| {
        SerializerKind::Cbor
            .decode(PacketKind::Event, Bytes::from_static(bytes))
            .map(|json| String::from_utf8(json.to_vec()).unwrap())
    };
    // A lone surrogate, as cbor-x writes it.
    assert_eq!(
        decode(b"\x64a\xed\xa0\xbd").unwrap(),
        "\"a\u{fffd}\u{fffd}\u{fffd}\""
    );
    assert_eq!(
        decode(b"\x78\x03\xed\xa0\xbd").unwrap(),
        "\"\u{fffd}\u{fffd}\u{fffd}\""
    );
    let record = decode(b"\xd9\xdf\xff\x83\x19\xe0\x00\x81\x61a\x01").unwrap_err();
    assert!(record.to_string().contains("useRecords"), "{record}");
    assert_eq!(
        decode(b"\xf9\x3c\x00").unwrap_err().to_string(),
        "CBOR: a value that no packet holds"
    );
}

/// As cbor-x 1.2.1 reads it with Moleculer's options, and npm ejson 2.2.3 writes what it read.
// contract: mesh/serializer/CBOR
#[test]
fn what_javascript_has_besides_json() {
    for (hex, expected) in [
        ("d8408201", None),
        ("d840420102", Some(r#"{"$binary":"AQI="}"#)),
        ("d844420202", Some(r#"{"0":2,"1":2}"#)),
        ("d8454401000200", Some(r#"{"0":1,"1":2}"#)),
        (
            "d841483ff8000000000000",
            Some(r#"{"0":16376,"1":0,"2":0,"3":0}"#),
        ),
        ("d842483ff8000000000000", Some(r#"{"0":1073217536,"1":0}"#)),
        ("d846480100000002000000", Some(r#"{"0":1,"1":2}"#)),
        ("d848423ff8", Some(r#"{"0":63,"1":-8}"#)),
        ("d8494401000200", Some(r#"{"0":256,"1":512}"#)),
        ("d84d443ff80000", Some(r#"{"0":-1985,"1":0}"#)),
        ("d84a483ff8000000000000", Some(r#"{"0":1073217536,"1":0}"#)),
        ("d84e480100000002000000", Some(r#"{"0":1,"1":2}"#)),
        ("d851483ff8000000000000", Some(r#"{"0":1.9375,"1":0}"#)),
        ("d852483ff8000000000000", Some(r#"{"0":1.5}"#)),
        ("d855480000c03f00000040", Some(r#"{"0":1.5,"1":2}"#)),
        (
            "d85650000000000000f83f0000000000000040",
            Some(r#"{"0":1.5,"1":2}"#),
        ),
        ("d851447fc00000", Some(r#"{"0":{"$InfNaN":0}}"#)),
        // Big integers have no JSON; a piece of an element is none.
        ("d84348000000000000000a", None),
        ("d84f48000000000000000a", None),
        ("d85543010203", None),
        (
            "d84c420102",
            Some(r#"{"value":{"$binary":"AQI="},"tag":76}"#),
        ),
        ("d903e801", Some(r#"{"value":1,"tag":1000}"#)),
        ("d90102820102", Some("{}")),
        ("d90103a1617801", Some("{}")),
        (
            "c074323031332d30332d32315432303a30343a30305a",
            Some(r#"{"$date":1363896240000}"#),
        ),
        ("c1fb7ff8000000000000", Some(r#"{"$date":null}"#)),
        ("a1a161780102", Some(r#"{"[object Object]":2}"#)),
        ("a183f6820102f702", Some(r#"{",1,2,":2}"#)),
        (
            "a5f601f702f503f404fb3ff800000000000005",
            Some(r#"{"null":1,"undefined":2,"true":3,"false":4,"1.5":5}"#),
        ),
        ("a142010202", Some(r#"{"\u0001\u0002":2}"#)),
        ("a1d84042010202", Some(r#"{"1,2":2}"#)),
        ("a1d8514440490fdb02", Some(r#"{"3.1415927410125732":2}"#)),
        ("a1fb444b1ae4d6e2ef5002", Some(r#"{"1e+21":2}"#)),
        ("a1fb7ff800000000000002", Some(r#"{"NaN":2}"#)),
        (
            "a1c10002",
            Some(r#"{"Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)":2}"#),
        ),
        ("a1c1fb7ff800000000000002", Some(r#"{"Invalid Date":2}"#)),
        ("a1d81b83665265674578706161616902", Some(r#"{"/a/i":2}"#)),
        (
            "a1d81b8269547970654572726f72617802",
            Some(r#"{"TypeError: x":2}"#),
        ),
        ("a1d9010281 0102", Some(r#"{"[object Set]":2}"#)),
        ("a1d90103a1010202", Some(r#"{"[object Map]":2}"#)),
    ] {
        let hex = hex.replace(' ', "");
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let payload: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
        let read = SerializerKind::Cbor.decode(PacketKind::Event, payload.into());
        let read = read
            .ok()
            .map(|json| String::from_utf8(json.to_vec()).unwrap());
        assert_eq!(read.as_deref(), expected, "{hex}");
    }
}
