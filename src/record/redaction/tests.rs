use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::fields::names;
use super::{Redaction, Unreadable, words};

fn redacted(redaction: &Redaction, value: &Value) -> Value {
    let raw = RawValue::from_string(value.to_string()).unwrap();
    let mut out = String::new();
    redaction.write(&raw, &mut out).unwrap();
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_message_keeps_its_structure_and_nothing_that_was_written() {
    let redaction = Redaction::new(false);
    let of = |text: &str| redaction.pseudonyms.of(text);
    let event = json!([{
        "clientAction": "inserted",
        "message": {
            "_id": "m1", "rid": "room1", "t": "uj", "msg": "call me at 555", "ts": {"$date": 1_700_000_000_000_i64}, "tcount": 3,
            "u": {"_id": "uid1", "username": "alice", "name": "Alice L."}, "mentions": [{"_id": "uid2", "username": "bob"}],
            "reactions": {":thinking:": {"usernames": ["bob"]}}, "customFields": {"PIN": 1234, "vip": true, "name": "x y"},
            "md": [{"type": "PARAGRAPH", "value": [{"type": "PLAIN_TEXT", "value": "call me"}]}],
            "urls": [{"url": "https://example.org/a", "meta": {"pageTitle": "A"}}], "groupable": false, "replies": ["uid1"],
            "file": {"_id": "f1", "name": "salary.pdf", "type": "application/pdf", "size": 12}, "_updatedAt": "2026-11-30T09:05:06.007Z",
        },
    }]);
    let expected = json!([{
        "clientAction": "inserted",
        "message": {
            "_id": of("m1"), "rid": of("room1"), "t": "uj", "msg": "xxxxxxxxxxxxxxxx", "ts": {"$date": 1_700_000_000_000_i64}, "tcount": 3,
            "u": {"_id": of("uid1"), "username": of("alice"), "name": of("Alice L.")}, "mentions": [{"_id": of("uid2"), "username": of("bob")}],
            "reactions": {of(":thinking:"): {"usernames": ["xxxxxxxx"]}},
            "customFields": {of("PIN"): 0, of("vip"): false, "name": "xxxxxxxx"},
            "md": [{"type": "PARAGRAPH", "value": [{"type": "PLAIN_TEXT", "value": "xxxxxxxx"}]}],
            "urls": [{"url": "xxxxxxxxxxxxxxxxxxxxxxxx", "meta": {of("pageTitle"): "xxxxxxxx"}}], "groupable": false, "replies": [of("uid1")],
            "file": {"_id": of("f1"), "name": of("salary.pdf"), "type": format!("{}/{}", of("application"), of("pdf")), "size": 12},
            "_updatedAt": "2026-11-30T09:05:06.007Z",
        },
    }]);
    assert_eq!(redacted(&redaction, &event), expected);
    let kept = redacted(&Redaction::new(true), &event);
    let message = &kept[0]["message"];
    assert_eq!(
        (&message["msg"], &message["md"]),
        (&event[0]["message"]["msg"], &event[0]["message"]["md"])
    );
    for other in ["u", "urls", "file", "customFields", "reactions"] {
        assert_ne!(message[other], event[0]["message"][other], "{other}");
    }
}

#[test]
fn arguments_are_ids_and_words_of_the_protocol() {
    let redaction = Redaction::new(false);
    let of = |text: &str| redaction.pseudonyms.of(text);
    let rows = [
        (
            json!(["uid1", 5, true, null, ""]),
            json!([of("uid1"), 0, true, null, ""]),
        ),
        (
            json!([
                "notify-room",
                "rid1/user-activity",
                ["alice", ["user-typing"]]
            ]),
            json!([
                "notify-room",
                format!("{}/user-activity", of("rid1")),
                [of("alice"), ["user-typing"]]
            ]),
        ),
        (
            json!([{"resume": "secret", "totp": {"code": 123_456}}, {"token": "t", "password": {"digest": "d", "algorithm": "sha-256"}}]),
            json!([{"resume": "xxxxxxxx", "totp": {"code": 0}}, {"token": "xxxxxxxx", "password": {"digest": "xxxxxxxx", of("algorithm"): "xxxxxxxx"}}]),
        ),
        (
            json!([{"diff": {"status": "away", "services.resume.loginTokens.0.hashedToken": "h", "mystery": 1}, "unset": {"statusText": 1}}]),
            json!([{"diff": {"status": "away", "services.resume.loginTokens.0.hashedToken": "xxxxxxxx", of("mystery"): 0}, "unset": {"statusText": 0}}]),
        ),
        (
            json!([{"id": "c1", "clientAddress": "192.0.2.7", "httpHeaders": {"x-mine": "192.0.2.8", "cookie": "c"}, "tokenExpires": {"$date": 7}}]),
            json!([{"id": of("c1"), "clientAddress": "xxxxxxxxxxxxxxxx", "httpHeaders": {of("x-mine"): "xxxxxxxxxxxxxxxx", "cookie": "xxxxxxxx"}, "tokenExpires": {"$date": 7}}]),
        ),
        // A word counts where a word may stand, and a state's name is nobody's.
        (
            json!([{"status": "my cat"}, {"msg": "online"}]),
            json!([{"status": of("my cat")}, {"msg": "xxxxxxxx"}]),
        ),
        (
            json!([{"birthday": {"$date": 5}, "ts": {"$date": "soon"}, "data": {"$binary": "AQID"}, "x": {"$type": "oid", "$value": "ff"}}]),
            json!([{of("birthday"): {"$date": 0}, "ts": {"$date": 0}, "data": {"$binary": "AAAAAAAA"}, of("x"): null}]),
        ),
    ];
    for (value, expected) in rows {
        assert_eq!(redacted(&redaction, &value), expected, "{value}");
    }
}

#[test]
fn what_cannot_be_read_is_not_written() {
    let redaction = Redaction::new(false);
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for (text, read) in [
        (deep(100), true),
        (deep(200), false),
        (r#"["\ud800"]"#.to_owned(), true),
        (r#"[1e400,{"ts":1e400}]"#.to_owned(), true),
    ] {
        let Ok(raw) = RawValue::from_string(text.clone()) else {
            assert!(!read, "{text}");
            continue;
        };
        let mut out = String::new();
        let written = redaction.write(&raw, &mut out);
        assert_eq!(
            written,
            if read { Ok(()) } else { Err(Unreadable) },
            "{text}"
        );
        assert!(!read || RawValue::from_string(out.clone()).is_ok(), "{out}");
        assert!(!out.contains("ud800"));
    }
}

#[test]
fn names_of_programs_stay_and_others_do_not() {
    let redaction = Redaction::new(false);
    for name in [
        "watch.messages",
        "$node.list",
        "v2.x-y_z",
        "apps.**",
        "livechat:setUpConnection",
    ] {
        assert_eq!(redaction.name(name), name);
    }
    for name in ["", "two words", "a@example.org", "é", &"a".repeat(81)] {
        assert_eq!(redaction.name(name), redaction.pseudonyms.of(name));
    }
    for (code, kept) in [
        ("403", true),
        ("totp-required", true),
        ("MeteorError", true),
        ("12345", false),
        ("my code", false),
        ("", false),
    ] {
        assert_eq!(redaction.code(code).is_some(), kept, "{code}");
    }
}

/// Every packet of real nodes: what is not on the lists is in no line.
#[test]
fn of_real_packets_only_known_words_are_left() {
    const RECORDED: &str = include_str!("../../mesh/tests/data/mesh-6.14.ndjson");
    let redaction = Redaction::new(false);
    let (mut read, mut words_kept) = (0, HashSet::new());
    for line in RECORDED.lines() {
        let (_, _, payload): (String, String, String) = serde_json::from_str(line).unwrap();
        let packet: Value = serde_json::from_str(&payload).unwrap();
        for part in ["data", "params"] {
            let Some(value) = packet.get(part) else {
                continue;
            };
            let after = redacted(&redaction, value);
            let (mut before, mut left) = (HashSet::new(), HashSet::new());
            texts(value, &mut before);
            texts(&after, &mut left);
            read += 1;
            for text in left.intersection(&before) {
                assert!(is_known(text), "{text} in {line}");
                words_kept.insert(text.clone());
            }
        }
    }
    assert!(read > 100, "{read}");
    for word in ["updated", "online", "clientAction", "username", "user"] {
        assert!(words_kept.contains(word), "{word} is lost");
    }
}

fn is_known(text: &str) -> bool {
    let all: HashSet<&str> = names().collect();
    let part = |part: &str| all.contains(part) || part.bytes().all(|b| b.is_ascii_digit());
    text.is_empty()
        || words::is_word(text)
        || all.contains(text)
        || text.split('.').all(part)
        || text.starts_with('$')
}

/// Every text in a value, names of fields included.
fn texts(value: &Value, found: &mut HashSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                found.insert(name.clone());
                texts(value, found);
            }
        }
        _ => {}
    }
}

fn numbers(value: &Value, found: &mut Vec<i64>) {
    match value {
        Value::Number(number) => found.extend(number.as_i64()),
        Value::Array(list) => list.iter().for_each(|value| numbers(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| numbers(value, found)),
        _ => {}
    }
}

/// Any value: its fields known ones and others, its texts words of the protocol and others.
fn values() -> impl Strategy<Value = Value> {
    let all: Vec<&'static str> = names().collect();
    let known = proptest::sample::select(all);
    let name = prop_oneof![
        3 => known.clone().prop_map(str::to_owned),
        1 => secret(),
        1 => (known, secret()).prop_map(|(known, secret)| format!("{known}.{secret}")),
    ];
    let text = prop_oneof![4 => secret(), 1 => Just("online".to_owned()), 1 => (secret(), secret()).prop_map(|(a, b)| format!("{a}/{b}"))];
    let leaf = prop_oneof![
        text.prop_map(Value::from),
        (1_000_000_i64..2_000_000).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Nothing of it can come to be by chance: no pseudonym and no filling has such letters.
fn secret() -> impl Strategy<Value = String> {
    "[а-я]{1,12}( [0-9@.]{0,6}[а-я]{1,3}){0,2}"
}

proptest! {
    #[test]
    fn no_text_comes_through_that_is_not_on_a_list(value in values(), keep in any::<bool>()) {
        let redaction = Redaction::new(keep);
        let raw = RawValue::from_string(value.to_string()).unwrap();
        let mut out = String::new();
        redaction.write(&raw, &mut out).unwrap();
        let after: Value = serde_json::from_str(&out).unwrap();
        if !keep {
            prop_assert!(out.is_ascii(), "{}", out);
        }
        let (mut before, mut left) = (HashSet::new(), HashSet::new());
        texts(&value, &mut before);
        texts(&without_texts(&after), &mut left);
        for text in left.intersection(&before) {
            prop_assert!(is_known(text), "{}", text);
        }
    }

    #[test]
    fn what_is_hidden_hides_all_that_is_below(value in values()) {
        let redaction = Redaction::new(true);
        for hidden in ["customFields", "services", "unheard of"] {
            let after = redacted(&redaction, &json!([{ (hidden): value }]));
            let mut left = Vec::new();
            numbers(&after, &mut left);
            prop_assert!(left.iter().all(|number| *number == 0), "{}", after);
            prop_assert!(after.to_string().is_ascii(), "{}", after);
        }
    }

    #[test]
    fn what_was_replaced_once_is_replaced_by_the_same_length_of_structure(value in values()) {
        let redaction = Redaction::new(false);
        fn shape(value: &Value) -> Vec<usize> {
            match value {
                Value::Array(list) => std::iter::once(list.len()).chain(list.iter().flat_map(shape)).collect(),
                Value::Object(fields) => vec![fields.len()],
                _ => Vec::new(),
            }
        }
        prop_assert_eq!(shape(&redacted(&redaction, &value)), shape(&value));
    }
}

/// Without the fields whose texts are kept when asked.
fn without_texts(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(without_texts).collect(),
        Value::Object(fields) => {
            let others = fields.iter().filter(|(name, _)| {
                let last = name.rsplit('.').next().unwrap_or_default();
                !["msg", "tmsg", "text", "md", "descriptionMd"].contains(&last)
            });
            Value::Object(
                others
                    .map(|(name, value)| (name.clone(), without_texts(value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}
