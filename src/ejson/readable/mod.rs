//! Whether a reader takes a value: what npm `ejson` 2.2.3 says of it, which the core's nodes read with.
//!
//! One way through the bytes, and no value is built: of each the scan keeps what the object around it may ask. What is
//! special (`{"$date":…}`) is known only when its object ends, so what stands inside is judged on the way and counts then,
//! or not. `ejson` copies a message before it reads it, and the copy differs from what came: a `__proto__` is no field of
//! it, an object with a field `callee` becomes an array, one with `$Uint8ArrayPolyfill` bytes, both as long as their
//! `length` says. One that is too long to be made for a client is refused ([`fields`]).

mod fields;
mod pattern;

use std::sync::LazyLock;

use memchr::memchr_iter;
use memchr::memmem::Finder;

use super::text::{string_len, unescaped, units};
use fields::Fields;
use pattern::{MAX_PATTERN, is_pattern};

/// What a pattern may be long as JSON, which may be an array in arrays.
const MAX_PATTERN_JSON: usize = 8 * MAX_PATTERN;
/// So many of its flags a regular expression has.
const MAX_FLAGS: usize = 50;

/// Whether a reader of EJSON takes `json`, which is one JSON value that nests no deeper than [`super::MAX_DEPTH`].
#[must_use]
pub fn is_readable(json: &str) -> bool {
    is_plain(json.as_bytes()) || {
        let mut scan = Scan {
            json,
            at: 0,
            pattern: MAX_PATTERN,
        };
        scan.value().is_ok_and(|value| value.taken)
    }
}

/// Whether nothing in it can be special, as nearly always: no key begins with a dollar, none is `callee`, and none is
/// written with escapes.
fn is_plain(json: &[u8]) -> bool {
    static CALLEE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"callee\""));
    let special = |at: usize| json[..at].ends_with(b"\"");
    let escape = |at: usize| json[at..].starts_with(b"\\u");
    !memchr_iter(b'$', json).any(special)
        && !memchr_iter(b'\\', json).any(escape)
        && CALLEE.find(json).is_none()
}

struct Scan<'a> {
    json: &'a str,
    at: usize,
    /// How long patterns may still be.
    pattern: usize,
}

/// Nobody can tell what a reader would do.
struct Refused;

/// What the scan keeps of a value.
#[derive(Clone, Copy)]
struct Seen<'a> {
    json: &'a str,
    kind: Kind,
    /// Whether a reader takes it.
    taken: bool,
    /// Whether a reader takes what is directly inside, whatever it is itself.
    inside: bool,
    /// Whether JavaScript makes text or a number of it: not of an object with a `toString` that is none, or without any.
    primitive: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Text,
    Array,
    Object,
    /// An object that says it is bytes.
    Bytes,
    /// A number or a boolean.
    Other,
}

impl<'a> Scan<'a> {
    fn value(&mut self) -> Result<Seen<'a>, Refused> {
        self.blank();
        let start = self.at;
        let mut seen = Seen {
            json: "",
            kind: Kind::Other,
            taken: true,
            inside: true,
            primitive: true,
        };
        match self.peek()? {
            b'{' => seen = self.object()?,
            b'[' => self.array(&mut seen)?,
            b'"' => {
                seen.kind = Kind::Text;
                self.text()?;
            }
            b'n' => {
                seen.kind = Kind::Null;
                self.word();
            }
            _ => self.word(),
        }
        seen.json = self.slice(start, self.at)?;
        Ok(seen)
    }

    fn array(&mut self, seen: &mut Seen<'a>) -> Result<(), Refused> {
        seen.kind = Kind::Array;
        self.at += 1;
        while !self.ends(b']')? {
            let element = self.value()?;
            seen.taken &= element.taken;
            seen.primitive &= element.primitive;
        }
        seen.inside = seen.taken;
        Ok(())
    }

    fn object(&mut self) -> Result<Seen<'a>, Refused> {
        let mut fields = Fields::default();
        self.at += 1;
        while !self.ends(b'}')? {
            self.blank();
            let key = unescaped(self.text()?);
            self.blank();
            self.at += 1;
            let value = self.value()?;
            fields.add(key, value);
        }
        let seen = fields.seen()?;
        let taken = seen.taken && fields.special(self).unwrap_or(seen.inside);
        Ok(Seen { taken, ..seen })
    }

    fn peek(&self) -> Result<u8, Refused> {
        self.json.as_bytes().get(self.at).copied().ok_or(Refused)
    }

    fn slice(&self, from: usize, to: usize) -> Result<&'a str, Refused> {
        self.json.get(from..to).ok_or(Refused)
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Ok(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether the array or object ends here; a comma is passed.
    fn ends(&mut self, end: u8) -> Result<bool, Refused> {
        self.blank();
        let next = self.peek()?;
        if next == end || next == b',' {
            self.at += 1;
        }
        Ok(next == end)
    }

    fn word(&mut self) {
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        let end = rest.iter().position(
            |byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'E'),
        );
        // What is no JSON must not be looked at for ever.
        self.at += end.unwrap_or(rest.len()).max(1);
    }

    /// What stands between the quotes.
    fn text(&mut self) -> Result<&'a str, Refused> {
        let start = self.at + 1;
        let rest = self.json.get(start..).ok_or(Refused)?;
        let end = start + string_len(rest).ok_or(Refused)?;
        self.at = end + 1;
        self.slice(start, end)
    }

    /// Whether a regular expression can be made of the value.
    fn is_pattern(&mut self, pattern: Seen<'a>, flags: Seen<'a>) -> bool {
        if flags.kind != Kind::Text || !pattern.primitive || pattern.json.len() > MAX_PATTERN_JSON {
            return false;
        }
        let unicode = units(inside(flags.json))
            .take(MAX_FLAGS)
            .any(|unit| unit == u16::from(b'u'));
        let mut text = Vec::new();
        if !as_text(pattern, self.pattern, &mut text) {
            return false;
        }
        self.pattern -= text.len();
        is_pattern(&text, unicode)
    }
}

/// Whether `ejson` decodes it: it looks for `=` alone, and that where a group of four begins.
fn is_base64(json: &str) -> bool {
    units(inside(json))
        .enumerate()
        .all(|(at, unit)| at % 4 > 1 || unit != u16::from(b'='))
}

/// The text between the quotes.
fn inside(json: &str) -> &[u8] {
    let json = json.as_bytes();
    json.get(1..json.len().saturating_sub(1))
        .unwrap_or_default()
}

/// A value as JavaScript writes it into a pattern; says whether it is no longer than `most`.
fn as_text(value: Seen<'_>, most: usize, out: &mut Vec<u16>) -> bool {
    match value.kind {
        Kind::Object | Kind::Bytes => out.extend("[object Object]".encode_utf16()),
        Kind::Text => out.extend(units(inside(value.json)).take(most + 1)),
        Kind::Null | Kind::Other => out.extend(value.json.encode_utf16().take(most + 1)),
        Kind::Array => {
            let mut scan = Scan {
                json: value.json,
                at: 1,
                pattern: 0,
            };
            let mut first = true;
            while let Ok(false) = scan.ends(b']') {
                let Ok(element) = scan.value() else {
                    return false;
                };
                if !std::mem::replace(&mut first, false) {
                    out.push(u16::from(b','));
                }
                if element.kind != Kind::Null && !as_text(element, most, out) {
                    return false;
                }
            }
        }
    }
    out.len() <= most
}

#[cfg(test)]
mod tests;
