//! Keys of maps: whatever they are, JavaScript makes texts of them.

use minicbor::data::Type;
use time::UtcDateTime;

use super::arrays::Elements;
use super::read::{FOREIGN, Reader, broken};
use super::tags::{BYTES, CBOR, DATE, DATE_TEXT, MAP, OBJECT, REG_EXP, SET};
use crate::ejson::MAX_DEPTH;
use crate::mesh::moleculer::serializer::date_text;
use crate::mesh::moleculer::serializer::error::{SerializeError, TOO_DEEP};
use crate::mesh::moleculer::serializer::text::write_number;
use crate::mesh::moleculer::serializer::value;

const AN_OBJECT: &str = "[object Object]";

/// A number as JavaScript writes it.
fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}Infinity");
    }
    let mut text = Vec::new();
    write_number(&mut text, value);
    String::from_utf8(text).unwrap_or_default()
}

/// A date as JavaScript writes it, in UTC, the local time of a container.
fn date(ms: f64) -> String {
    let Some(ms) = value::date(ms) else {
        return "Invalid Date".to_owned();
    };
    let at = UtcDateTime::UNIX_EPOCH.saturating_add(time::Duration::milliseconds(ms));
    let name = |name: &dyn std::fmt::Display| name.to_string().chars().take(3).collect::<String>();
    let (hours, minutes, seconds) = at.as_hms();
    format!(
        "{} {} {:02} {:04} {hours:02}:{minutes:02}:{seconds:02} GMT+0000 (Coordinated Universal Time)",
        name(&at.weekday()),
        name(&at.month()),
        at.day(),
        at.year(),
    )
}

fn joined(numbers: impl Iterator<Item = f64>) -> String {
    numbers.map(number).collect::<Vec<_>>().join(",")
}

impl Reader<'_> {
    /// What `String(value)` is in JavaScript.
    pub(super) fn key(&mut self, depth: usize) -> Result<String, SerializeError> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        Ok(match self.cbor.datatype().map_err(broken)? {
            Type::Null => {
                self.cbor.null().map_err(broken)?;
                "null".to_owned()
            }
            Type::Undefined => {
                self.cbor.undefined().map_err(broken)?;
                "undefined".to_owned()
            }
            Type::Bool => self.cbor.bool().map_err(broken)?.to_string(),
            Type::String => self.text()?.into_owned(),
            // A Buffer of Node.js is text to it.
            Type::Bytes => {
                let bytes = self.cbor.bytes().map_err(broken)?;
                String::from_utf8_lossy(bytes).into_owned()
            }
            Type::Array | Type::ArrayIndef => self.list(depth)?,
            Type::Map | Type::MapIndef => {
                self.pass_over(depth)?;
                AN_OBJECT.to_owned()
            }
            Type::Tag => self.tagged_key(depth)?,
            other => number(self.number(other)?),
        })
    }

    /// Elements with commas between them, of which those that are nothing are empty.
    fn list(&mut self, depth: usize) -> Result<String, SerializeError> {
        let mut count = self.cbor.array().map_err(broken)?;
        let mut texts = Vec::new();
        while self.more(&mut count)? {
            let nothing = matches!(
                self.cbor.datatype().map_err(broken)?,
                Type::Null | Type::Undefined
            );
            let text = self.key(depth + 1)?;
            texts.push(if nothing { String::new() } else { text });
        }
        Ok(texts.join(","))
    }

    fn tagged_key(&mut self, depth: usize) -> Result<String, SerializeError> {
        let tag = self.cbor.tag().map_err(broken)?.as_u64();
        Ok(match tag {
            DATE_TEXT => {
                let ms = date_text::parse(&self.text()?);
                date(ms.map_or(f64::NAN, |ms| ms as f64))
            }
            DATE => date(self.date()?),
            BYTES => {
                let bytes = self.cbor.bytes().map_err(broken)?;
                joined(bytes.iter().map(|byte| f64::from(*byte)))
            }
            OBJECT => self.made(depth)?,
            CBOR => self.key(depth + 1)?,
            SET | MAP => {
                self.pass_over(depth + 1)?;
                let name = if tag == SET { "Set" } else { "Map" };
                format!("[object {name}]")
            }
            tag => match Elements::of(tag) {
                Some(elements) => {
                    let bytes = self.cbor.bytes().map_err(broken)?;
                    joined(elements.read(bytes).ok_or(FOREIGN)?)
                }
                None => {
                    self.pass_over(depth + 1)?;
                    AN_OBJECT.to_owned()
                }
            },
        })
    }

    /// A regular expression, or an error.
    fn made(&mut self, depth: usize) -> Result<String, SerializeError> {
        let mut arguments = self.cbor.array().map_err(broken)?;
        let mut texts = Vec::new();
        while self.more(&mut arguments)? {
            texts.push(self.key(depth + 1)?);
        }
        match &*texts {
            [class, source, flags] if class == REG_EXP => Ok(format!("/{source}/{flags}")),
            [class, message, ..] => Ok(format!("{class}: {message}")),
            _ => Err(FOREIGN),
        }
    }
}
