//! Values of EJSON, beside serde_json: one level of an object, texts, depth, and what is written again.
#![no_main]

use ddp_streamer::ejson::{
    self, RawObject, escaped_len, is_readable, quoted, too_deep, well_formed, write_escaped,
};
use serde_json::Value;
use serde_json::value::RawValue;

/// From here on characters stand for halves of surrogate pairs.
const STAND_INS: char = '\u{10f800}';

libfuzzer_sys::fuzz_target!(|text: &str| {
    written(text);
    let deep = too_deep(text);
    if !deep {
        // Whatever it is, JSON or not: it ends.
        let _either = is_readable(text);
    }
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else {
        return assert!(RawObject::parse(text).is_none());
    };
    let object = RawObject::of(raw);
    assert_eq!(object.is_some(), raw.get().starts_with('{'));
    if let Some(object) = &object {
        let again = object.to_json();
        let again = RawObject::parse(&again).unwrap();
        let fields = |object: &RawObject<'_>| -> Vec<(String, String)> {
            let fields = object.iter();
            let owned = fields.map(|(key, value)| (key.to_owned(), value.get().to_owned()));
            owned.collect()
        };
        assert_eq!(fields(&again), fields(object));
    }
    // It refuses lone surrogates, which are read here.
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    assert_eq!(deep, depth(&value) > ejson::MAX_DEPTH);
    if !deep && is_plain(&value) {
        assert!(is_readable(text));
    }
    same(raw, &value);
    if let (Some(object), Value::Object(fields)) = (object, &value) {
        for (key, value) in fields.iter().filter(|(key, _)| is_written(key)) {
            same(object.get(key).unwrap(), value);
        }
    }
});

/// A text is written as serde_json writes it.
fn written(text: &str) {
    let mut inside = Vec::new();
    write_escaped(&mut inside, text.as_bytes());
    assert_eq!(inside.len(), escaped_len(text.as_bytes()));
    if is_written(text) {
        assert_eq!(quoted(text), serde_json::to_string(text).unwrap());
    }
}

fn is_written(text: &str) -> bool {
    text.chars().all(|char| char < STAND_INS)
}

/// One value, as it is looked into.
fn same(raw: &RawValue, value: &Value) {
    let text = ejson::text(raw);
    assert_eq!(text.as_deref().map(well_formed).as_deref(), value.as_str());
    assert_eq!(ejson::boolean(raw), value.as_bool());
    assert_eq!(ejson::is_null(raw), value.is_null());
    let elements = ejson::array(raw).map(|elements| elements.len());
    assert_eq!(elements, value.as_array().map(Vec::len));
}

fn depth(value: &Value) -> usize {
    let inside = match value {
        Value::Array(elements) => elements.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + inside.unwrap_or_default()
}

/// Whether no key of it means anything to a reader of EJSON or to JavaScript.
fn is_plain(value: &Value) -> bool {
    const JAVASCRIPT: [&str; 4] = ["__proto__", "callee", "toString", "length"];
    match value {
        Value::Array(elements) => elements.iter().all(is_plain),
        Value::Object(fields) => fields.iter().all(|(key, value)| {
            !key.starts_with('$') && !JAVASCRIPT.contains(&&**key) && is_plain(value)
        }),
        _ => true,
    }
}
