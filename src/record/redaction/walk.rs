//! Through a value, token by token: numbers and keys stay in their order and form, and nothing is held but the text that is written.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::value::RawValue;

use super::fields::{Class, class};
use super::{Redaction, Unreadable, words};
use crate::ejson::{self, MAX_DEPTH, RawObject};

/// In place of texts, so often that the length is about the same.
const FILLING: &str = "x";
/// Lengths are told in steps of this.
const STEP: usize = 8;

pub(super) fn write(
    redaction: &Redaction,
    value: &RawValue,
    out: &mut String,
) -> Result<(), Unreadable> {
    // Arguments that stand alone are ids, mostly.
    Walk { redaction, out }.value(value, Class::Id, 0)
}

struct Walk<'r> {
    redaction: &'r Redaction,
    out: &'r mut String,
}

impl Walk<'_> {
    fn value(&mut self, value: &RawValue, class: Class, depth: usize) -> Result<(), Unreadable> {
        if depth > MAX_DEPTH {
            return Err(Unreadable);
        }
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'{') => self.object(text, class, depth + 1),
            Some(b'[') => self.array(value, class, depth + 1),
            Some(b'"') => {
                self.text(value, class);
                Ok(())
            }
            Some(b't' | b'f') if class == Class::Hidden => self.raw("false"),
            Some(b'n' | b't' | b'f') => self.raw(text),
            Some(_) if matches!(class, Class::Hidden | Class::Id) => self.raw("0"),
            Some(_) => self.raw(text),
            None => Err(Unreadable),
        }
    }

    fn raw(&mut self, text: &str) -> Result<(), Unreadable> {
        self.out.push_str(text);
        Ok(())
    }

    fn array(&mut self, value: &RawValue, class: Class, depth: usize) -> Result<(), Unreadable> {
        let elements = ejson::array(value).ok_or(Unreadable)?;
        self.out.push('[');
        for (at, element) in elements.into_iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.value(element, class, depth)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, text: &str, class: Class, depth: usize) -> Result<(), Unreadable> {
        let fields = RawObject::parse(text).ok_or(Unreadable)?;
        let fields: Vec<_> = fields.iter().collect();
        if fields
            .first()
            .is_some_and(|(name, _)| name.starts_with('$'))
        {
            return self.special(&fields, class);
        }
        self.out.push('{');
        for (at, (name, value)) in fields.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            let own = self.field(name);
            self.out.push(':');
            self.value(value, below(class, own), depth)?;
        }
        self.out.push('}');
        Ok(())
    }

    /// Writes the name of a field, each part of a path by itself, and tells what becomes of its value.
    fn field(&mut self, name: &str) -> Option<Class> {
        let mut own = Some(Class::Plain);
        let mut written = String::with_capacity(name.len());
        for part in name.split('.') {
            if !written.is_empty() {
                written.push('.');
            }
            let is_place =
                !part.is_empty() && part.len() < 4 && part.bytes().all(|b| b.is_ascii_digit());
            let known = class(part);
            if is_place || known.is_some() {
                written.push_str(part);
            } else {
                written.push_str(&self.redaction.pseudonyms.of(part));
            }
            // What is below something hidden or unknown is, too.
            own = match (own, known) {
                (Some(Class::Hidden), _) => Some(Class::Hidden),
                (Some(above), None) if is_place => Some(above),
                (Some(_), known) => known,
                (None, _) => None,
            };
        }
        self.out.push_str(&ejson::quoted(&written));
        own
    }

    /// A date, a binary, a number that JSON has not: what readers of EJSON take must be taken of a recording as well.
    fn special(&mut self, fields: &[(&str, &RawValue)], class: Class) -> Result<(), Unreadable> {
        let hidden = matches!(class, Class::Hidden | Class::Id);
        let written = match fields {
            [("$date", value)] => {
                let is_number = value
                    .get()
                    .starts_with(|c: char| c == '-' || c.is_ascii_digit());
                let date = if hidden || !is_number {
                    "0"
                } else {
                    value.get()
                };
                write!(self.out, "{{\"$date\":{date}}}")
            }
            [("$binary", value)] => {
                let length = ejson::text(value).map_or(0, |text| text.len());
                let zeros = "A".repeat(length.div_ceil(STEP) * STEP);
                write!(self.out, "{{\"$binary\":\"{zeros}\"}}")
            }
            [("$InfNaN", value)] if ["-1", "0", "1"].contains(&value.get()) => {
                write!(self.out, "{{\"$InfNaN\":{}}}", value.get())
            }
            _ => write!(self.out, "null"),
        };
        written.map_err(|_| Unreadable)
    }

    fn text(&mut self, value: &RawValue, class: Class) {
        if self.redaction.keep_texts && matches!(class, Class::Text | Class::Markup) {
            return self.out.push_str(value.get());
        }
        // Half of a pair of surrogates is no text of ours.
        let text = ejson::text(value);
        let text = text.as_deref().unwrap_or(FILLING);
        let written = match class {
            // Whether there is something matters, as in an absent status text.
            _ if text.is_empty() => Cow::Borrowed(""),
            Class::Word if words::is_word(text) => Cow::Borrowed(text),
            Class::Word | Class::Id => Cow::Owned(self.ids(text)),
            Class::Plain if is_date(text) => Cow::Borrowed(text),
            Class::Plain | Class::Text | Class::Markup | Class::Hidden => {
                let length = text.chars().count().div_ceil(STEP) * STEP;
                Cow::Owned(FILLING.repeat(length))
            }
        };
        self.out.push_str(&ejson::quoted(&written));
    }

    /// Names of events are made of ids and words: `<room>/user-activity`.
    fn ids(&self, text: &str) -> String {
        if words::is_name(text) {
            return text.to_owned();
        }
        let parts = text.split('/').map(|part| match part {
            "" => String::new(),
            part if words::is_name(part) => part.to_owned(),
            part => self.redaction.pseudonyms.of(part),
        });
        parts.collect::<Vec<_>>().join("/")
    }
}

/// What becomes of a field, by what is above it and by its own name.
fn below(above: Class, own: Option<Class>) -> Class {
    match (above, own) {
        // The kinds of its parts are words of the grammar; the rest is somebody's text.
        (Class::Markup, Some(Class::Word)) => Class::Word,
        (Class::Markup, _) => Class::Markup,
        (Class::Hidden, _) | (_, None) => Class::Hidden,
        (_, Some(own)) => own,
    }
}

/// A date as nodes send it whose encoding has none: `2026-11-30T09:05:06.007Z`.
fn is_date(text: &str) -> bool {
    let pattern = b"0000-00-00T00:00:00.000Z";
    text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern)
            .all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                wanted => byte == *wanted,
            })
}
