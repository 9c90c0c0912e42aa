//! From CBOR to EJSON text.

use std::borrow::Cow;

use minicbor::data::Type;
use minicbor::decode::Decoder;

use super::arrays::Elements;
use super::tags::{BYTES, CBOR, DATE, DATE_TEXT, MAP, OBJECT, RECORDS, REFUSED, REG_EXP, SET};
use crate::ejson::{self, MAX_DEPTH};
use crate::mesh::moleculer::serializer::date_text;
use crate::mesh::moleculer::serializer::error::{SerializeError, TOO_DEEP};
use crate::mesh::moleculer::serializer::text::EjsonText;

/// Text, in the first three bits of a header.
const TEXT: u8 = 3;

pub(super) const FOREIGN: SerializeError =
    SerializeError::new("CBOR: a value that no packet holds");
const RECORD: SerializeError =
    SerializeError::new("CBOR: cbor-x's records are not read, leave `useRecords` off");

pub(super) fn broken(error: minicbor::decode::Error) -> SerializeError {
    SerializeError::of("CBOR", &error)
}

/// A payload as EJSON text.
pub(in crate::mesh::moleculer::serializer) fn decode(
    payload: &[u8],
) -> Result<Vec<u8>, SerializeError> {
    let mut reader = Reader {
        cbor: Decoder::new(payload),
        out: EjsonText::with_capacity(payload.len() + payload.len() / 4),
    };
    reader.value(0)?;
    if reader.cbor.position() != payload.len() {
        return Err(SerializeError::new("CBOR: more than one value"));
    }
    Ok(reader.out.finish())
}

pub(super) struct Reader<'a> {
    pub(super) cbor: Decoder<'a>,
    out: EjsonText,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<(), SerializeError> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        match self.cbor.datatype().map_err(broken)? {
            Type::Null => {
                self.cbor.null().map_err(broken)?;
                self.out.null();
            }
            Type::Undefined => {
                self.cbor.undefined().map_err(broken)?;
                self.out.undefined();
            }
            Type::Bool => {
                let value = self.cbor.bool().map_err(broken)?;
                self.out.bool(value);
            }
            Type::Bytes => {
                let bytes = self.cbor.bytes().map_err(broken)?;
                self.out.binary(bytes);
            }
            Type::String => {
                let text = self.text()?;
                self.out.text(&ejson::held(&text));
            }
            Type::Array | Type::ArrayIndef => {
                let count = self.cbor.array().map_err(broken)?;
                self.elements(count, depth)?;
            }
            Type::Map | Type::MapIndef => {
                let count = self.cbor.map().map_err(broken)?;
                self.entries(count, depth)?;
            }
            Type::Tag => self.tagged(depth)?,
            number => {
                let number = self.number(number)?;
                self.out.number(number);
            }
        }
        Ok(())
    }

    /// A number, which is a double to JavaScript.
    pub(super) fn number(&mut self, type_: Type) -> Result<f64, SerializeError> {
        match type_ {
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int => self.cbor.int().map(|int| i128::from(int) as f64),
            Type::F32 => self.cbor.f32().map(f64::from),
            Type::F64 => self.cbor.f64(),
            _ => return Err(FOREIGN),
        }
        .map_err(broken)
    }

    /// A text; bytes that are no UTF-8 (half of an emoji, written by JavaScript) are replaced.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, SerializeError> {
        let start = self.cbor.position();
        self.cbor.str().map(Cow::Borrowed).or_else(|error| {
            let input = self.cbor.input();
            let header = input.get(start).copied().unwrap_or_default();
            let body = start
                + match header & 0x1f {
                    0..=23 => 1,
                    24 => 2,
                    25 => 3,
                    26 => 5,
                    _ => 9,
                };
            // Where the whole text was read, only its letters were wrong.
            let end = self.cbor.position();
            input
                .get(body..end)
                .filter(|_| header >> 5 == TEXT && !error.is_end_of_input())
                .map(String::from_utf8_lossy)
                .ok_or_else(|| broken(error))
        })
    }

    /// Whether another one comes; counts down what was claimed, which the payload's end ends in any case.
    pub(super) fn more(&mut self, left: &mut Option<u64>) -> Result<bool, SerializeError> {
        match left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.cbor.datatype().map_err(broken)? == Type::Break => {
                self.cbor.set_position(self.cbor.position() + 1);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn elements(&mut self, mut count: Option<u64>, depth: usize) -> Result<(), SerializeError> {
        self.out.begin_array()?;
        while self.more(&mut count)? {
            self.value(depth + 1)?;
        }
        self.out.end_array();
        Ok(())
    }

    fn entries(&mut self, mut count: Option<u64>, depth: usize) -> Result<(), SerializeError> {
        self.out.begin_object()?;
        while self.more(&mut count)? {
            let key = match self.cbor.datatype().map_err(broken)? {
                Type::String => self.text()?,
                _ => self.key(depth + 1)?.into(),
            };
            self.out.key(&ejson::held(&key));
            self.value(depth + 1)?;
        }
        self.out.end_object();
        Ok(())
    }

    fn tagged(&mut self, depth: usize) -> Result<(), SerializeError> {
        let tag = self.cbor.tag().map_err(broken)?.as_u64();
        match tag {
            DATE_TEXT => {
                let ms = date_text::parse(&self.text()?);
                self.out.date(ms.map_or(f64::NAN, |ms| ms as f64));
                Ok(())
            }
            DATE => {
                let ms = self.date()?;
                self.out.date(ms);
                Ok(())
            }
            BYTES => {
                let bytes = self.cbor.bytes().map_err(broken)?;
                self.out.binary(bytes);
                Ok(())
            }
            OBJECT => self.object(),
            CBOR => self.value(depth + 1),
            // EJSON finds no properties in them.
            SET | MAP => {
                self.pass_over(depth + 1)?;
                self.empty_object()
            }
            tag => match Elements::of(tag) {
                Some(elements) => self.typed_array(elements),
                None => self.unknown(tag, depth),
            },
        }
    }

    /// Milliseconds of a date whose tag was read.
    pub(super) fn date(&mut self) -> Result<f64, SerializeError> {
        let type_ = self.cbor.datatype().map_err(broken)?;
        let ms = self.number(type_)? * 1000.0;
        // As JavaScript rounds: halves up, also below zero.
        Ok(if ms.fract() == -0.5 {
            ms.trunc()
        } else {
            ms.round()
        })
    }

    /// An object of indices: so EJSON writes a typed array.
    fn typed_array(&mut self, elements: Elements) -> Result<(), SerializeError> {
        let bytes = self.cbor.bytes().map_err(broken)?;
        self.out.begin_object()?;
        for (at, element) in elements.read(bytes).ok_or(FOREIGN)?.enumerate() {
            self.out.key(&at.to_string());
            self.out.number(element);
        }
        self.out.end_object();
        Ok(())
    }

    /// What cbor-x does not know it gives as an object of value and tag.
    fn unknown(&mut self, tag: u64, depth: usize) -> Result<(), SerializeError> {
        if RECORDS.iter().any(|tags| tags.contains(&tag)) {
            return Err(RECORD);
        }
        if REFUSED.contains(&tag) {
            return Err(SerializeError(
                format!("CBOR: tag {tag} is not read").into(),
            ));
        }
        self.out.begin_object()?;
        self.out.key("value");
        self.value(depth + 1)?;
        self.out.key("tag");
        self.out.number(tag as f64);
        self.out.end_object();
        Ok(())
    }

    fn empty_object(&mut self) -> Result<(), SerializeError> {
        self.out.begin_object()?;
        self.out.end_object();
        Ok(())
    }

    /// Reads a value and writes nothing.
    pub(super) fn pass_over(&mut self, depth: usize) -> Result<(), SerializeError> {
        let kept = std::mem::take(&mut self.out);
        let read = self.value(depth);
        self.out = kept;
        read
    }

    /// A regular expression; of anything else (errors) EJSON keeps nothing.
    fn object(&mut self) -> Result<(), SerializeError> {
        let mut arguments = self.cbor.array().map_err(broken)?;
        if !self.more(&mut arguments)? {
            return Err(FOREIGN);
        }
        if self.text()? == REG_EXP && arguments == Some(2) {
            let (source, flags) = (self.text()?, self.text()?);
            self.out
                .pattern(&ejson::held(&source), &ejson::held(&flags));
            return Ok(());
        }
        while self.more(&mut arguments)? {
            self.cbor.skip().map_err(broken)?;
        }
        self.empty_object()
    }
}
