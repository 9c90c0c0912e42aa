//! From a packet of the schema to JSON text.
//!
//! A text inside is put in as it is, once it is known to be one JSON value: nobody may write fields of the envelope in it.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Packet;
use super::packets::DataType;
use crate::ejson;
use crate::mesh::moleculer::serializer::error::SerializeError;
use crate::mesh::moleculer::serializer::text::EjsonText;
use crate::mesh::moleculer::serializer::{json, text};
use crate::mesh::shared::json::Writer;

/// The envelope in the making.
pub(super) struct Fields(Writer);

pub(super) fn packet<P: Packet>(payload: Bytes) -> Result<Vec<u8>, SerializeError> {
    let size = payload.len();
    let packet = P::decode(payload).map_err(|error| SerializeError::of("ProtoBuf", &error))?;
    let mut fields = Fields(Writer::with_capacity(size + 256));
    fields.0.open();
    packet.tell(&mut fields)?;
    fields.0.close();
    Ok(fields.0.finish())
}

impl Fields {
    pub(super) fn text(&mut self, key: &'static str, value: Option<&String>) {
        if let Some(value) = value {
            self.0.text(key, &ejson::held(value));
        }
    }

    /// Texts; none at all are left out.
    pub(super) fn texts(&mut self, key: &'static str, values: &[String]) {
        if !values.is_empty() {
            let quoted = values
                .iter()
                .map(|value| ejson::quoted(&ejson::held(value)));
            self.0.raw(key, &ejson::join(quoted));
        }
    }

    pub(super) fn whole(&mut self, key: &'static str, value: Option<i64>) {
        if let Some(value) = value {
            self.0.number(key, value);
        }
    }

    pub(super) fn number(&mut self, key: &'static str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let mut written = Vec::new();
            text::write_number(&mut written, value);
            self.0.raw(key, &String::from_utf8_lossy(&written));
        }
    }

    pub(super) fn flag(&mut self, key: &'static str, value: Option<bool>) {
        if let Some(value) = value {
            self.0.flag(key, value);
        }
    }

    pub(super) fn object(&mut self, key: &'static str, fields: impl FnOnce(&mut Self)) {
        self.0.key(key);
        self.0.open();
        fields(self);
        self.0.close();
    }

    /// JSON text.
    pub(super) fn json(
        &mut self,
        key: &'static str,
        json: Option<&String>,
    ) -> Result<(), SerializeError> {
        // As Moleculer reads it: an empty text is nothing.
        match json.filter(|json| !json.is_empty()) {
            Some(json) => self.raw(key, json.as_bytes()),
            None => Ok(()),
        }
    }

    /// What its type says that it is.
    pub(super) fn anything(
        &mut self,
        key: &'static str,
        type_: DataType,
        bytes: Option<&Bytes>,
    ) -> Result<(), SerializeError> {
        let bytes = bytes.map(AsRef::as_ref).unwrap_or_default();
        match type_ {
            DataType::Undefined => {}
            DataType::Null => self.0.raw(key, "null"),
            DataType::Json => self.raw(key, bytes)?,
            DataType::Buffer => {
                let mut binary = EjsonText::default();
                binary.binary(bytes);
                self.0.raw(key, &String::from_utf8_lossy(&binary.finish()));
            }
        }
        Ok(())
    }

    fn raw(&mut self, key: &'static str, json: &[u8]) -> Result<(), SerializeError> {
        let json = if json::has_marks(json) {
            Cow::Owned(json::escaped(json)?)
        } else {
            Cow::Borrowed(json)
        };
        let raw: &RawValue = serde_json::from_slice(&json)
            .map_err(|error| SerializeError::of("ProtoBuf, in its JSON", &error))?;
        self.0.raw(key, raw.get());
        Ok(())
    }
}
