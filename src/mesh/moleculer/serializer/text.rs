//! Writing EJSON text, value by value, as a payload is read.

use std::io::Write as _;

use base64::engine::general_purpose::STANDARD;

use super::error::{SerializeError, TOO_DEEP};
use super::value;
use crate::ejson::{self, MAX_DEPTH};

/// Whole numbers up to here are written with all their digits, and read as the same double.
const WHOLE: f64 = 1e18;

/// EJSON text in the making. Objects that only look like EJSON's own are escaped. Texts come as [`ejson`] holds them.
#[derive(Debug, Default)]
pub(super) struct EjsonText {
    out: Vec<u8>,
    open: Vec<Open>,
}

/// An array or object that is not closed yet.
#[derive(Debug, Default)]
struct Open {
    /// Where it began.
    start: usize,
    entries: usize,
    /// In an object: where the newest key began, its comma included.
    key: Option<usize>,
    /// In an object: EJSON's own keys among its keys.
    marks: u8,
}

/// Keys that make EJSON of an object: of one key, or of two that belong together.
const MARKS: [(&str, u8); 8] = [
    ("$date", 1),
    ("$binary", 2),
    ("$InfNaN", 4),
    ("$escape", 8),
    ("$regexp", 16),
    ("$flags", 32),
    ("$type", 64),
    ("$value", 128),
];
const ALONE: [u8; 4] = [1, 2, 4, 8];
const PAIRS: [u8; 2] = [16 | 32, 64 | 128];

impl EjsonText {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
            open: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// A value comes: in an array its comma stands before it.
    fn next(&mut self) {
        if let Some(Open { entries, key, .. }) = self.open.last_mut()
            && key.take().is_none()
        {
            if *entries > 0 {
                self.out.push(b',');
            }
            *entries += 1;
        }
    }

    fn raw(&mut self, json: &[u8]) {
        self.next();
        self.out.extend_from_slice(json);
    }

    pub(super) fn null(&mut self) {
        self.raw(b"null");
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.raw(if value { b"true" } else { b"false" });
    }

    pub(super) fn number(&mut self, value: f64) {
        if value.is_finite() {
            self.next();
            write_number(&mut self.out, value);
        } else if value.is_nan() {
            self.raw(b"{\"$InfNaN\":0}");
        } else if value > 0.0 {
            self.raw(b"{\"$InfNaN\":1}");
        } else {
            self.raw(b"{\"$InfNaN\":-1}");
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.next();
        ejson::write_text(&mut self.out, text);
    }

    /// A date, in milliseconds since 1970; beyond what JavaScript can hold it is an invalid one.
    pub(super) fn date(&mut self, ms: f64) {
        match value::date(ms) {
            Some(ms) => {
                self.next();
                // Writing to memory cannot fail, here and below.
                let _infallible = write!(self.out, "{{\"$date\":{ms}}}");
            }
            None => self.raw(b"{\"$date\":null}"),
        }
    }

    pub(super) fn binary(&mut self, bytes: &[u8]) {
        self.next();
        let _infallible = write!(
            self.out,
            "{{\"$binary\":\"{}\"}}",
            base64::display::Base64Display::new(bytes, &STANDARD)
        );
    }

    pub(super) fn pattern(&mut self, source: &str, flags: &str) {
        self.raw(b"{\"$regexp\":");
        ejson::write_text(&mut self.out, source);
        self.out.extend_from_slice(b",\"$flags\":");
        ejson::write_text(&mut self.out, flags);
        self.out.push(b'}');
    }

    /// JavaScript's `undefined`: as the value of a key it takes the key with it, elsewhere it is `null`.
    pub(super) fn undefined(&mut self) {
        match self.open.last_mut() {
            Some(Open { key: Some(_), .. }) => self.take_key_back(),
            _ => self.null(),
        }
    }

    fn take_key_back(&mut self) {
        if let Some(open) = self.open.last_mut()
            && let Some(start) = open.key.take()
        {
            let key = self.out.get(start..).unwrap_or_default();
            let key = key.strip_prefix(b",").unwrap_or(key);
            open.marks &= !mark(key.strip_suffix(b":").unwrap_or(key));
            open.entries -= 1;
            self.out.truncate(start);
        }
    }

    /// The key of the value that comes next.
    pub(super) fn key(&mut self, key: &str) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let start = self.out.len();
        if open.entries > 0 {
            self.out.push(b',');
        }
        let written = self.out.len();
        ejson::write_text(&mut self.out, key);
        open.entries += 1;
        open.key = Some(start);
        if key.starts_with('$') {
            open.marks |= mark(self.out.get(written..).unwrap_or_default());
        }
        self.out.push(b':');
    }

    fn begin(&mut self, bracket: u8) -> Result<(), SerializeError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        self.next();
        self.open.push(Open {
            start: self.out.len(),
            ..Open::default()
        });
        self.out.push(bracket);
        Ok(())
    }

    pub(super) fn begin_array(&mut self) -> Result<(), SerializeError> {
        self.begin(b'[')
    }

    pub(super) fn end_array(&mut self) {
        self.open.pop();
        self.out.push(b']');
    }

    pub(super) fn begin_object(&mut self) -> Result<(), SerializeError> {
        self.begin(b'{')
    }

    pub(super) fn end_object(&mut self) {
        let open = self.open.pop().unwrap_or_default();
        self.out.push(b'}');
        let looks_like_ejson = match open.entries {
            1 => ALONE.contains(&open.marks),
            2 => PAIRS.contains(&open.marks),
            _ => false,
        };
        if looks_like_ejson {
            self.out.splice(open.start..open.start, *b"{\"$escape\":");
            self.out.push(b'}');
        }
    }
}

/// The mark of a key, as it is written with its quotes.
fn mark(written: &[u8]) -> u8 {
    let key = written
        .strip_prefix(b"\"")
        .and_then(|key| key.strip_suffix(b"\""))
        .unwrap_or_default();
    MARKS
        .iter()
        .find(|(name, _)| name.as_bytes() == key)
        .map_or(0, |(_, mark)| *mark)
}

/// A finite number; a whole one without a fraction, as JavaScript writes it.
pub(super) fn write_number(out: &mut Vec<u8>, value: f64) {
    let _infallible = if value.fract() == 0.0 && value.abs() <= WHOLE {
        write!(out, "{}", value as i64)
    } else {
        serde_json::to_writer(out, &value).map_err(Into::into)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(entries: &[(&str, Option<f64>)]) -> String {
        let mut out = EjsonText::default();
        out.begin_object().unwrap();
        for (key, value) in entries {
            out.key(key);
            match value {
                Some(value) => out.number(*value),
                None => out.undefined(),
            }
        }
        out.end_object();
        String::from_utf8(out.finish()).unwrap()
    }

    #[test]
    fn what_only_looks_like_ejson_is_escaped() {
        assert_eq!(
            object(&[("$date", Some(5.0))]),
            r#"{"$escape":{"$date":5}}"#
        );
        assert_eq!(
            object(&[("$value", Some(1.0)), ("$type", Some(2.0))]),
            r#"{"$escape":{"$value":1,"$type":2}}"#
        );
        for harmless in [
            vec![("$set", Some(1.0))],
            vec![("$flags", Some(1.0))],
            vec![("$date", Some(1.0)), ("a", Some(2.0))],
            vec![("$regexp", Some(1.0)), ("$type", Some(2.0))],
        ] {
            assert!(!object(&harmless).contains("$escape"));
        }
    }

    #[test]
    fn undefined_takes_its_key_with_it() {
        assert_eq!(
            object(&[("a", None), ("b", Some(1.0)), ("c", None)]),
            r#"{"b":1}"#
        );
        assert_eq!(object(&[("$date", None), ("b", Some(1.0))]), r#"{"b":1}"#);
        assert_eq!(
            object(&[("b", None), ("$date", Some(1.0))]),
            r#"{"$escape":{"$date":1}}"#
        );
        let mut out = EjsonText::default();
        out.begin_array().unwrap();
        out.undefined();
        out.undefined();
        out.end_array();
        assert_eq!(out.finish(), b"[null,null]");
    }

    #[test]
    fn numbers_are_written_as_javascript_reads_them() {
        for (value, expected) in [
            (-0.0, "0"),
            (1_795_337_222_079.0, "1795337222079"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (-1.5, "-1.5"),
            (1e21, "1e+21"),
            (f64::NEG_INFINITY, r#"{"$InfNaN":-1}"#),
        ] {
            let mut out = EjsonText::default();
            out.number(value);
            assert_eq!(String::from_utf8(out.finish()).unwrap(), expected);
        }
    }
}
