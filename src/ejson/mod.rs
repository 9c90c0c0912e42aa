//! EJSON as text: the form in which everything travels here.
//!
//! Values pass through this service as slices of the JSON they came in. This room looks into them no deeper than a rule
//! needs: [`RawObject`] is one level of an object, [`text()`], [`array()`] and [`boolean`] read one value, and
//! [`is_readable`] tells whether those take a value who read it in earnest.

mod escape;
mod first;
mod glance;
mod raw_object;
mod readable;
mod text;

use serde_json::value::RawValue;

pub use escape::{escaped_len, write_escaped, write_text};
pub use first::first;
pub use glance::{Glance, Key};
pub use raw_object::RawObject;
pub use readable::is_readable;
pub use text::{held, held_json, is_plain, nested, string_len, text, well_formed};

/// Nesting above this depth is not read: what is deeper was not made by a client of Rocket.Chat, and whoever parses it
/// after us may recurse. MongoDB itself ends at 100.
pub const MAX_DEPTH: usize = 128;

/// The value of a JSON boolean; `None` for every other value.
#[must_use]
pub fn boolean(raw: &RawValue) -> Option<bool> {
    match raw.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The elements of a JSON array; `None` for every other value.
#[must_use]
pub fn array(raw: &RawValue) -> Option<Vec<&RawValue>> {
    raw.get()
        .starts_with('[')
        .then(|| serde_json::from_str(raw.get()).ok())
        .flatten()
}

/// Whether the value is `null`.
#[must_use]
pub fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

/// The JSON value `null`, for places that travel without a value.
pub const NULL: &RawValue = RawValue::NULL;

/// Makes a raw value of JSON text that this program built.
///
/// # Errors
/// When the text is not one JSON value.
pub fn raw(text: String) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(text)
}

/// `text` as a JSON string, quotes included.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_text(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

/// `{"$date":ms}`.
#[must_use]
pub fn date(ms: i64) -> String {
    format!("{{\"$date\":{ms}}}")
}

/// Most of what is joined is shorter, in bytes: a few ids.
const JOINED: usize = 128;

/// Joins ready JSON texts into an array: `["a","b"]`.
#[must_use]
pub fn join<S: AsRef<str>>(elements: impl IntoIterator<Item = S>) -> String {
    let mut out = String::new();
    for (at, element) in elements.into_iter().enumerate() {
        let element = element.as_ref();
        if at == 0 {
            out.reserve(JOINED.max(element.len() + 2));
        }
        out.push(if at == 0 { '[' } else { ',' });
        out.push_str(element);
    }
    if out.is_empty() {
        out.push('[');
    }
    out.push(']');
    out
}

/// Whether `json` nests deeper than [`MAX_DEPTH`]. Reads bytes only: it may be asked before the text is known to be JSON.
#[must_use]
pub fn too_deep(json: &str) -> bool {
    let opening = json.bytes().filter(|byte| matches!(byte, b'{' | b'['));
    let opening = opening.count();
    if opening <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_of_text() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(!too_deep(&nested(MAX_DEPTH)));
        assert!(too_deep(&nested(MAX_DEPTH + 1)));
        assert!(!too_deep(&format!("[\"{}\"]", "[".repeat(1000))));
        assert!(!too_deep(&format!("[{}1]", "[],".repeat(1000))));
        assert!(too_deep(&nested(10_000)));
    }

    #[test]
    fn joined_texts_are_an_array() {
        assert_eq!(join(["1", "null"]), "[1,null]");
        assert_eq!(join::<&str>([]), "[]");
        assert_eq!(quoted("a\"\u{1}"), "\"a\\\"\\u0001\"");
    }
}
