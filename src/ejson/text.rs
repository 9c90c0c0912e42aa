//! The text of a JSON string.
//!
//! JSON, like JavaScript, lets half of a surrogate pair stand alone (`"cut \ud83d"`), which no Rust text can hold. Such a
//! half is held by a stand-in, a character of the private plane 16, and [`super::write_text`] writes it as the half that
//! it stands for. A character that looks like a stand-in is held by those of its own two halves, so that every text comes
//! back as what it was. Where nothing but UTF-8 can be written, [`well_formed`] makes U+FFFD of each, as Node.js does.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use serde_json::value::RawValue;

use super::escape::write_escaped;

/// The stand-in of U+D800; those of the other halves follow it, to the last character that there is.
const FIRST: char = '\u{10f800}';
/// The first byte of the characters of the last plane, among them the stand-ins.
const LAST_PLANE: u8 = 0xf4;

/// The text of a JSON string; `None` for every other value.
#[must_use]
pub fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    // It was read as JSON before: without an escape, it is what it says.
    let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    Some(unescaped(inside))
}

/// Up to here a search costs less than its beginning: most texts are keys, names and ids.
const SHORT: usize = 32;

/// Whether what stands between the quotes of a JSON string is held as it is: it has no escape, and nothing that looks like a
/// stand-in.
#[must_use]
pub fn is_plain(inside: &[u8]) -> bool {
    match inside.len() {
        ..=SHORT => !inside
            .iter()
            .any(|byte| matches!(*byte, b'\\' | LAST_PLANE)),
        _ => memchr2(b'\\', LAST_PLANE, inside).is_none(),
    }
}

/// What stands between the quotes of a JSON string, its escapes read.
pub(super) fn unescaped(inside: &str) -> Cow<'_, str> {
    if is_plain(inside.as_bytes()) {
        return inside.into();
    }
    let mut out = String::with_capacity(inside.len());
    for unit in char::decode_utf16(units(inside.as_bytes())) {
        match unit {
            Ok(char) => push(&mut out, char),
            Err(half) => out.push(stand_in(half.unpaired_surrogate())),
        }
    }
    out.into()
}

/// Appends a character, held by two stand-ins where it looks like one.
fn push(out: &mut String, char: char) {
    if char < FIRST {
        out.push(char);
    } else {
        let mut halves = [0; 2];
        let halves = char.encode_utf16(&mut halves);
        out.extend(halves.iter().map(|half| stand_in(*half)));
    }
}

fn stand_in(half: u16) -> char {
    let at = u32::from(half).wrapping_sub(0xd800);
    char::from_u32(u32::from(FIRST) + at).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The half that a character stands for.
fn half(char: char) -> Option<u16> {
    let at = u32::from(char).checked_sub(u32::from(FIRST))?;
    u16::try_from(0xd800 + at).ok()
}

/// `text` cut where stand-ins are: what stands before one, and its half. The last part has none.
pub(super) fn parts(text: &str) -> impl Iterator<Item = (&str, Option<u16>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let found = memchr(LAST_PLANE, text.as_bytes()).and_then(|_| {
            text.char_indices()
                .find_map(|(at, char)| Some((at, char.len_utf8(), half(char)?)))
        });
        let Some((at, len, half)) = found else {
            return Some((text, None));
        };
        rest = Some(&text[at + len..]);
        Some((&text[..at], Some(half)))
    })
}

/// `text` for where nothing but UTF-8 can be written: half a surrogate pair becomes U+FFFD.
#[must_use]
pub fn well_formed(text: &str) -> Cow<'_, str> {
    if memchr(LAST_PLANE, text.as_bytes()).is_none() {
        return text.into();
    }
    let units = parts(text).flat_map(|(text, half)| text.encode_utf16().chain(half));
    let chars = char::decode_utf16(units);
    chars
        .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The text that UTF-8 from outside is, as it is held here: the other way round than [`well_formed`].
#[must_use]
pub fn held(utf8: &str) -> Cow<'_, str> {
    if memchr(LAST_PLANE, utf8.as_bytes()).is_none() {
        return utf8.into();
    }
    let mut out = String::with_capacity(utf8.len() * 2);
    for char in utf8.chars() {
        push(&mut out, char);
    }
    out.into()
}

/// JSON for readers that take no half of a surrogate pair: the texts that they read in it are as they are held here.
#[must_use]
pub fn held_json(raw: &RawValue) -> Vec<u8> {
    let mut rest = raw.get();
    if is_plain(rest.as_bytes()) {
        return rest.as_bytes().to_vec();
    }
    let mut out = Vec::with_capacity(rest.len());
    while let Some((inside, after)) = memchr(b'"', rest.as_bytes()).and_then(|quote| {
        out.extend_from_slice(&rest.as_bytes()[..=quote]);
        let behind = &rest[quote + 1..];
        Some(behind.split_at(string_len(behind)?))
    }) {
        let text = unescaped(inside);
        if memchr(LAST_PLANE, text.as_bytes()).is_some() {
            write_escaped(&mut out, text.as_bytes());
        } else {
            out.extend_from_slice(inside.as_bytes());
        }
        out.push(b'"');
        rest = &after[1..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// JSON that stands in a JSON string, between the quotes: half of a surrogate pair in it becomes its escape, as which it
/// is the same JSON.
#[must_use]
pub fn nested(inside: &str) -> Cow<'_, str> {
    let text = unescaped(inside);
    if memchr(LAST_PLANE, text.as_bytes()).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for (text, half) in parts(&text) {
        out.push_str(text);
        if let Some(half) = half {
            let backslashes = out.bytes().rev().take_while(|byte| *byte == b'\\').count();
            if backslashes % 2 == 0 {
                out.push_str(&escape(half));
            } else {
                // No JSON: nothing is escaped so.
                out.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
    out.into()
}

/// How half of a surrogate pair is written.
pub(super) fn escape(half: u16) -> String {
    format!("\\u{half:04x}")
}

/// How long the inside of the JSON string is whose opening quote stands before `rest`.
#[must_use]
pub fn string_len(rest: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = memchr2(b'"', b'\\', rest.as_bytes().get(at..)?)?;
        at += found;
        if rest.as_bytes().get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// The UTF-16 units of what stands between the quotes of a JSON string: JavaScript's own view of it.
pub(super) fn units(inside: &[u8]) -> impl Iterator<Item = u16> {
    let mut rest = inside;
    let mut second = None;
    std::iter::from_fn(move || {
        if let Some(second) = second.take() {
            return Some(second);
        }
        let (&first, behind) = rest.split_first()?;
        if first == b'\\' {
            let (&escape, behind) = behind.split_first()?;
            rest = behind;
            return match escape {
                b'u' => {
                    let (digits, behind) = rest.split_at_checked(4)?;
                    rest = behind;
                    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
                }
                b'n' => Some(u16::from(b'\n')),
                b't' => Some(u16::from(b'\t')),
                b'r' => Some(u16::from(b'\r')),
                b'b' => Some(0x08),
                b'f' => Some(0x0c),
                itself => Some(u16::from(itself)),
            };
        }
        if first < 0x80 {
            rest = behind;
            return Some(u16::from(first));
        }
        let len = match first {
            0x80..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        let (char, behind) = rest.split_at_checked(len)?;
        rest = behind;
        let char = std::str::from_utf8(char).ok()?.chars().next()?;
        let mut units = [0; 2];
        let units = char.encode_utf16(&mut units);
        second = units.get(1).copied();
        units.first().copied()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::ejson::{quoted, raw};
    use proptest::prelude::*;

    fn of(json: &str) -> String {
        text(&raw(json.into()).unwrap()).unwrap().into_owned()
    }

    #[test]
    fn values_of_another_type_are_no_text() {
        assert_eq!(of(r#""a\"b""#), "a\"b");
        for other in ["1", "null", "true", "[\"a\"]", "{\"$ne\":\"a\"}"] {
            assert_eq!(text(&raw(other.into()).unwrap()), None, "{other}");
        }
    }

    // contract: ddp/message/lone-surrogates
    #[test]
    fn half_a_pair_comes_back_as_it_was() {
        for (json, written, utf8) in [
            (r#""cut \ud83d""#, r#""cut \ud83d""#, "cut \u{fffd}"),
            (
                r#""\uDE00\ud83d\"""#,
                r#""\ude00\ud83d\"""#,
                "\u{fffd}\u{fffd}\"",
            ),
            (r#""\ud83d\ude00""#, r#""😀""#, "😀"),
            (r#""\ud83d\u0041""#, r#""\ud83dA""#, "\u{fffd}A"),
            // Characters that look like stand-ins, as themselves and as escapes.
            ("\"\u{10f83d}\"", r#""\udbfe\udc3d""#, "\u{10f83d}"),
            (r#""\udbfe\udc3d""#, r#""\udbfe\udc3d""#, "\u{10f83d}"),
            ("\"\u{10ffff}\"", r#""\udbff\udfff""#, "\u{10ffff}"),
            ("\"\u{100000}\"", "\"\u{100000}\"", "\u{100000}"),
        ] {
            let text = of(json);
            assert_eq!(quoted(&text), written, "{json}");
            assert_eq!(well_formed(&text), utf8, "{json}");
            assert_eq!(well_formed(&held(utf8)), utf8, "{json}");
            let json = raw(format!(r#"{{"a\n":[{json},{json}],"b":1}}"#)).unwrap();
            let read: BTreeMap<String, Value> = serde_json::from_slice(&held_json(&json)).unwrap();
            assert_eq!(
                read,
                BTreeMap::from([
                    ("a\n".to_owned(), Value::from(vec![text.clone(), text])),
                    ("b".to_owned(), Value::from(1)),
                ])
            );
        }
        assert_eq!(of(r#""\ud83d\ude00""#), "😀");
        assert_ne!(of("\"\u{10f83d}\""), of(r#""\ud83d""#));
    }

    proptest! {
        /// Whatever JavaScript's strings are made of.
        #[test]
        fn every_string_survives_the_round(units in proptest::collection::vec(prop_oneof![any::<u16>(), 0xd7fe_u16..0xe002, 0_u16..0x80], 0..40)) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let text = of(&format!("\"{escaped}\""));
            let written = quoted(&text);
            let back: Vec<u16> = super::units(&written.as_bytes()[1..written.len() - 1]).collect();
            prop_assert_eq!(&back, &units);
            prop_assert_eq!(well_formed(&text), String::from_utf16_lossy(&units));
            prop_assert_eq!(of(&written), text);
        }

        #[test]
        fn every_text_is_what_serde_json_reads(text in "(.|[\\x00-\\x1f\"\\\\/]){0,40}") {
            let json = serde_json::to_string(&text).unwrap();
            let read = of(&json);
            prop_assert_eq!(well_formed(&read), text.as_str());
            prop_assert_eq!(held(&text), read);
        }
    }
}
