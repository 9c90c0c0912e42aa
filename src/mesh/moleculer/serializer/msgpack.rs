//! MessagePack, as the npm packages msgpack5 (`MsgPack`) and notepack.io (`Notepack`) write and read it.
//!
//! Both have dates (the timestamp extension) and bytes; neither writes `undefined`, though older ones did, as extension 0.
//! They differ in floats (msgpack5 writes single ones where nothing is lost) and in what they refuse to read.

use std::borrow::Cow;

use rmp::Marker;
use rmp::encode::{self, ByteBuf};

use super::error::{SerializeError, TOO_DEEP};
use super::text::EjsonText;
use super::value::Value;
use crate::ejson::{self, MAX_DEPTH};

/// Whole numbers above are no integers to JavaScript.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;
/// msgpack5 drops a packet that nests deeper: better to say so than to let a call run into its time-out.
const MSGPACK5_DEPTH: usize = 100;
/// The extension of dates.
const TIMESTAMP: i8 = -1;
/// What older packages used for `undefined` (1 byte), dates (8) and buffers (any other size).
const LEGACY: i8 = 0;

const CUT_SHORT: SerializeError = SerializeError::new("MessagePack: cut short");

/// Whose MessagePack it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Msgpack5,
    Notepack,
}

/// A payload as EJSON text.
pub(super) fn decode(payload: &[u8]) -> Result<Vec<u8>, SerializeError> {
    let mut reader = Reader {
        rest: payload,
        out: EjsonText::with_capacity(payload.len() + payload.len() / 4),
    };
    reader.value(0)?;
    if !reader.rest.is_empty() {
        return Err(SerializeError::new("MessagePack: more than one value"));
    }
    Ok(reader.out.finish())
}

struct Reader<'a> {
    rest: &'a [u8],
    out: EjsonText,
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], SerializeError> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next bytes of a fixed number.
    fn array<const N: usize>(&mut self) -> Result<[u8; N], SerializeError> {
        self.take(N)?.try_into().map_err(|_| CUT_SHORT)
    }

    fn marker(&mut self) -> Result<Marker, SerializeError> {
        self.array::<1>().map(|[byte]| Marker::from_u8(byte))
    }

    fn u8(&mut self) -> Result<usize, SerializeError> {
        self.array()
            .map(|bytes| usize::from(u8::from_be_bytes(bytes)))
    }

    fn u16(&mut self) -> Result<usize, SerializeError> {
        self.array()
            .map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    fn u32(&mut self) -> Result<usize, SerializeError> {
        self.array()
            .map(|bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX))
    }

    /// A text; bytes that are no UTF-8 (half of an emoji, written by JavaScript) are replaced.
    fn text(&mut self, bytes: usize) -> Result<Cow<'a, str>, SerializeError> {
        self.take(bytes).map(String::from_utf8_lossy)
    }

    fn value(&mut self, depth: usize) -> Result<(), SerializeError> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        match self.marker()? {
            Marker::Null => self.out.null(),
            Marker::True => self.out.bool(true),
            Marker::False => self.out.bool(false),
            Marker::FixStr(size) => self.string(usize::from(size))?,
            Marker::Str8 => self.u8().and_then(|size| self.string(size))?,
            Marker::Str16 => self.u16().and_then(|size| self.string(size))?,
            Marker::Str32 => self.u32().and_then(|size| self.string(size))?,
            Marker::Bin8 => self.u8().and_then(|size| self.binary(size))?,
            Marker::Bin16 => self.u16().and_then(|size| self.binary(size))?,
            Marker::Bin32 => self.u32().and_then(|size| self.binary(size))?,
            Marker::FixArray(count) => self.elements(usize::from(count), depth)?,
            Marker::Array16 => self.u16().and_then(|count| self.elements(count, depth))?,
            Marker::Array32 => self.u32().and_then(|count| self.elements(count, depth))?,
            Marker::FixMap(count) => self.entries(usize::from(count), depth)?,
            Marker::Map16 => self.u16().and_then(|count| self.entries(count, depth))?,
            Marker::Map32 => self.u32().and_then(|count| self.entries(count, depth))?,
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.u8().and_then(|size| self.extension(size))?,
            Marker::Ext16 => self.u16().and_then(|size| self.extension(size))?,
            Marker::Ext32 => self.u32().and_then(|size| self.extension(size))?,
            number => {
                let number = self.number(number)?;
                self.out.number(number);
            }
        }
        Ok(())
    }

    /// A number, which is a double to JavaScript.
    fn number(&mut self, marker: Marker) -> Result<f64, SerializeError> {
        Ok(match marker {
            Marker::FixPos(value) => value.into(),
            Marker::FixNeg(value) => value.into(),
            Marker::U8 => u8::from_be_bytes(self.array()?).into(),
            Marker::U16 => u16::from_be_bytes(self.array()?).into(),
            Marker::U32 => u32::from_be_bytes(self.array()?).into(),
            Marker::U64 => u64::from_be_bytes(self.array()?) as f64,
            Marker::I8 => i8::from_be_bytes(self.array()?).into(),
            Marker::I16 => i16::from_be_bytes(self.array()?).into(),
            Marker::I32 => i32::from_be_bytes(self.array()?).into(),
            Marker::I64 => i64::from_be_bytes(self.array()?) as f64,
            Marker::F32 => f32::from_be_bytes(self.array()?).into(),
            Marker::F64 => f64::from_be_bytes(self.array()?),
            _ => {
                return Err(SerializeError::new(
                    "MessagePack: a byte that means nothing",
                ));
            }
        })
    }

    fn string(&mut self, size: usize) -> Result<(), SerializeError> {
        let text = self.text(size)?;
        self.out.text(&ejson::held(&text));
        Ok(())
    }

    fn binary(&mut self, size: usize) -> Result<(), SerializeError> {
        let bytes = self.take(size)?;
        self.out.binary(bytes);
        Ok(())
    }

    // The counts are only claims: every element takes at least a byte, so that the payload's end ends these.
    fn elements(&mut self, count: usize, depth: usize) -> Result<(), SerializeError> {
        self.out.begin_array()?;
        for _ in 0..count {
            self.value(depth + 1)?;
        }
        self.out.end_array();
        Ok(())
    }

    fn entries(&mut self, count: usize, depth: usize) -> Result<(), SerializeError> {
        self.out.begin_object()?;
        for _ in 0..count {
            let key = self.key()?;
            self.out.key(&ejson::held(&key));
            self.value(depth + 1)?;
        }
        self.out.end_object();
        Ok(())
    }

    /// A key: a text, or a number, which JavaScript makes a text of.
    fn key(&mut self) -> Result<Cow<'a, str>, SerializeError> {
        match self.marker()? {
            Marker::FixStr(size) => self.text(usize::from(size)),
            Marker::Str8 => self.u8().and_then(|size| self.text(size)),
            Marker::Str16 => self.u16().and_then(|size| self.text(size)),
            Marker::Str32 => self.u32().and_then(|size| self.text(size)),
            other => self.number(other).map(|number| number.to_string().into()),
        }
    }

    fn extension(&mut self, size: usize) -> Result<(), SerializeError> {
        let [type_] = self.array()?.map(u8::cast_signed);
        let data = self.take(size)?;
        match (type_, data) {
            (TIMESTAMP, data) => {
                let ms = timestamp(data).ok_or(SerializeError::new("MessagePack: no date"))?;
                self.out.date(ms);
            }
            (LEGACY, [_]) => self.out.undefined(),
            (LEGACY, &[a, b, c, d, e, f, g, h]) => {
                self.out
                    .date(i64::from_be_bytes([a, b, c, d, e, f, g, h]) as f64);
            }
            (LEGACY, bytes) => self.out.binary(bytes),
            _ => {
                return Err(SerializeError(
                    format!("MessagePack: extension {type_} is unknown").into(),
                ));
            }
        }
        Ok(())
    }
}

/// The milliseconds of a timestamp of 32, 64 or 96 bits.
fn timestamp(data: &[u8]) -> Option<f64> {
    let (seconds, nanos) = match data.len() {
        4 => (f64::from(u32::from_be_bytes(data.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(data.try_into().ok()?);
            let nanos = u32::try_from(both >> 34).ok()?;
            ((both & 0x3_ffff_ffff) as f64, nanos)
        }
        12 => {
            let (nanos, seconds) = data.split_first_chunk::<4>()?;
            let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
            (seconds as f64, u32::from_be_bytes(*nanos))
        }
        _ => return None,
    };
    Some(seconds * 1000.0 + (f64::from(nanos) / 1e6).round())
}

/// EJSON text as a payload.
pub(super) fn encode(mut json: Vec<u8>, dialect: Dialect) -> Result<Vec<u8>, SerializeError> {
    let size = json.len();
    let value = Value::ejson(&mut json)?;
    let mut writer = Writer {
        out: ByteBuf::with_capacity(size),
        dialect,
    };
    writer.value(&value, 0)?;
    Ok(writer.out.into_vec())
}

struct Writer {
    out: ByteBuf,
    dialect: Dialect,
}

/// Writing to memory cannot fail.
fn written<T, E>(_infallible: Result<T, E>) {}

impl Writer {
    fn value(&mut self, value: &Value<'_>, depth: usize) -> Result<(), SerializeError> {
        let out = &mut self.out;
        match value {
            Value::Null => written(encode::write_nil(out)),
            Value::Bool(value) => written(encode::write_bool(out, *value)),
            Value::Number(value) => self.number(*value),
            Value::Text(text) => {
                length(text.len())?;
                written(encode::write_str(out, text));
            }
            // Both packages write an invalid date so.
            Value::Date(ms) => self.date(ms.unwrap_or(0)),
            Value::Binary(bytes) => {
                length(bytes.len())?;
                written(encode::write_bin(out, bytes));
            }
            // An object without properties of its own is all that these encodings see in it.
            Value::Pattern(_) => written(encode::write_map_len(out, 0)),
            Value::Array(elements) => {
                self.deeper(depth)?;
                written(encode::write_array_len(
                    &mut self.out,
                    length(elements.len())?,
                ));
                for element in elements {
                    self.value(element, depth + 1)?;
                }
            }
            Value::Object(entries) => {
                self.deeper(depth)?;
                let entries = || entries.iter().filter(|(key, _)| key != super::error::PROTO);
                written(encode::write_map_len(
                    &mut self.out,
                    length(entries().count())?,
                ));
                for (key, value) in entries() {
                    length(key.len())?;
                    written(encode::write_str(&mut self.out, key));
                    self.value(value, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn deeper(&self, depth: usize) -> Result<(), SerializeError> {
        if self.dialect == Dialect::Msgpack5 && depth >= MSGPACK5_DEPTH {
            return Err(TOO_DEEP);
        }
        Ok(())
    }

    fn number(&mut self, value: f64) {
        let out = &mut self.out;
        let whole = value.fract() == 0.0;
        let single = value as f32;
        let nothing_is_lost = value.is_nan() || f64::from(single) == value;
        if whole && value.abs() <= MAX_SAFE {
            // Bounded: exact.
            written(encode::write_sint(out, value as i64));
        } else if self.dialect == Dialect::Msgpack5 && !whole && nothing_is_lost {
            written(encode::write_f32(out, single));
        } else {
            written(encode::write_f64(out, value));
        }
    }

    fn date(&mut self, ms: i64) {
        let (seconds, nanos) = (ms.div_euclid(1000), ms.rem_euclid(1000) * 1_000_000);
        let out = &mut self.out;
        let nanos = u32::try_from(nanos).unwrap_or_default();
        match (u32::try_from(seconds), u64::try_from(seconds)) {
            (Ok(seconds), _) if nanos == 0 => {
                written(encode::write_ext_meta(out, 4, TIMESTAMP));
                out.as_mut_vec().extend_from_slice(&seconds.to_be_bytes());
            }
            (_, Ok(seconds)) if seconds < 1 << 34 => {
                written(encode::write_ext_meta(out, 8, TIMESTAMP));
                let both = u64::from(nanos) << 34 | seconds;
                out.as_mut_vec().extend_from_slice(&both.to_be_bytes());
            }
            _ => {
                written(encode::write_ext_meta(out, 12, TIMESTAMP));
                out.as_mut_vec().extend_from_slice(&nanos.to_be_bytes());
                out.as_mut_vec().extend_from_slice(&seconds.to_be_bytes());
            }
        }
    }
}

/// A length that the encoding can say.
fn length(count: usize) -> Result<u32, SerializeError> {
    u32::try_from(count).map_err(|_| SerializeError::new("MessagePack: too long"))
}
