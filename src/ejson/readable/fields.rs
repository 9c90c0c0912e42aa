//! What the scan keeps of an object.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Kind, Refused, Scan, Seen, as_text, is_base64};

/// What an object may claim to be long.
const MAX_LENGTH: f64 = 65_536.0;
/// No number that a length could be is written longer.
const MAX_NUMBER: usize = 64;
/// The fields that make an object special.
const SPECIAL: [&str; 8] = [
    "$date", "$InfNaN", "$binary", "$escape", "$regexp", "$flags", "$type", "$value",
];

/// What the scan keeps of an object. A field that comes twice counts by its last value.
#[derive(Default)]
pub(super) struct Fields<'a> {
    /// Those of [`SPECIAL`].
    special: [Option<Seen<'a>>; SPECIAL.len()],
    /// Whether there are others.
    others: bool,
    /// Those with a value that no reader takes.
    refused: HashSet<Cow<'a, str>>,
    proto: Option<Seen<'a>>,
    callee: bool,
    polyfill: Option<Seen<'a>>,
    length: Option<Seen<'a>>,
    to_string: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn add(&mut self, key: Cow<'a, str>, value: Seen<'a>) {
        match &*key {
            "__proto__" => {
                self.proto = Some(value);
                return;
            }
            "$Uint8ArrayPolyfill" => self.polyfill = Some(value),
            "callee" => self.callee = true,
            "length" => self.length = Some(value),
            "toString" => self.to_string = true,
            _ => {}
        }
        match SPECIAL.iter().position(|special| *special == &*key) {
            Some(at) => self.special[at] = Some(value),
            None => self.others = true,
        }
        if !value.taken {
            self.refused.insert(key);
        } else if !self.refused.is_empty() {
            self.refused.remove(&*key);
        }
    }

    /// What the object is to others, but for its being special.
    pub(super) fn seen(&self) -> Result<Seen<'a>, Refused> {
        // Whether the copy can be made at all, what it has besides decides.
        if self.proto.is_some_and(|proto| proto.kind == Kind::Bytes) {
            return Err(Refused);
        }
        let mut seen = Seen {
            json: "",
            kind: Kind::Object,
            taken: true,
            inside: self.refused.is_empty(),
            primitive: !self.to_string
                && self
                    .proto
                    .is_none_or(|proto| proto.kind != Kind::Null && proto.primitive),
        };
        if self.polyfill.is_some_and(is_truthy) {
            // Bytes, whatever else it has.
            self.length_within(0.0)?;
            (seen.kind, seen.inside, seen.primitive) = (Kind::Bytes, true, true);
        } else if self.callee {
            // An array, of what stands under the numbers below its length.
            let length = self.length_within(f64::NEG_INFINITY)?;
            let is_element = |key: &Cow<'_, str>| index(key).is_some_and(|at| at < length);
            (seen.inside, seen.primitive) = (!self.refused.iter().any(is_element), true);
        }
        Ok(seen)
    }

    /// Whether a reader takes it if it is special; `None` if it is not.
    pub(super) fn special(&self, scan: &mut Scan<'a>) -> Option<bool> {
        if self.others {
            return None;
        }
        let named = SPECIAL.into_iter().zip(self.special);
        let mut all = named.filter_map(|(name, value)| Some((name, value?)));
        match (all.next()?, all.next(), all.next()) {
            (("$date" | "$InfNaN", value), None, _) => Some(value.primitive),
            (("$binary", bytes), None, _) => {
                Some(bytes.kind == Kind::Text && is_base64(bytes.json))
            }
            (("$escape", escaped), None, _) => Some(escaped.kind != Kind::Null && escaped.inside),
            (("$regexp", pattern), Some(("$flags", flags)), None) => {
                Some(scan.is_pattern(pattern, flags))
            }
            (("$type", _), Some(("$value", _)), None) => Some(false),
            _ => None,
        }
    }

    /// The length that the object claims.
    fn length_within(&self, least: f64) -> Result<f64, Refused> {
        let Some(length) = self.length else {
            return Ok(0.0);
        };
        let mut text = Vec::new();
        if !length.primitive || !as_text(length, MAX_NUMBER, &mut text) {
            return Err(Refused);
        }
        let number = match (length.kind, &*String::from_utf16_lossy(&text)) {
            (Kind::Null, _) | (_, "false") => 0.0,
            (Kind::Other, "true") => 1.0,
            (_, text) if text.trim_start().starts_with("0x") => return Err(Refused),
            (_, text) => text.trim().parse().unwrap_or(f64::NAN),
        };
        let number = if number.is_nan() { 0.0 } else { number };
        let number = f64::trunc(number);
        if number >= least && number <= MAX_LENGTH {
            Ok(number)
        } else {
            Err(Refused)
        }
    }
}

fn is_truthy(value: Seen<'_>) -> bool {
    match value.kind {
        Kind::Null => false,
        Kind::Text => value.json.len() > 2,
        Kind::Other if value.json == "false" => false,
        Kind::Other => value.json.parse().ok() != Some(0.0),
        Kind::Array | Kind::Object | Kind::Bytes => true,
    }
}

/// The number that a key is, in JavaScript's only way to write it.
fn index(key: &str) -> Option<f64> {
    let number: u32 = key.parse().ok()?;
    (number.to_string() == key).then(|| f64::from(number))
}
