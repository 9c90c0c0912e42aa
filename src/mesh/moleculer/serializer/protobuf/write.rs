//! From JSON text to a packet of the schema.

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Packet;
use super::packets::DataType;
use crate::ejson;
use crate::mesh::moleculer::serializer::error::SerializeError;
use crate::mesh::moleculer::serializer::json;
use crate::mesh::moleculer::serializer::value::Value;
use crate::mesh::shared::registry::ClientInfo;

/// The fields of all packets.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Envelope<'a> {
    pub(super) ver: Option<String>,
    pub(super) sender: Option<String>,
    pub(super) id: Option<String>,
    pub(super) action: Option<String>,
    pub(super) event: Option<String>,
    #[serde(borrow, deserialize_with = "present")]
    pub(super) params: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "present")]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) meta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) services: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) config: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) metadata: Option<&'a RawValue>,
    pub(super) success: Option<bool>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) broadcast: Option<bool>,
    pub(super) need_ack: Option<bool>,
    pub(super) timeout: Option<f64>,
    pub(super) level: Option<i32>,
    pub(super) tracing: Option<bool>,
    #[serde(rename = "parentID")]
    pub(super) parent_id: Option<String>,
    #[serde(rename = "requestID")]
    pub(super) request_id: Option<String>,
    pub(super) caller: Option<String>,
    pub(super) stream: Option<bool>,
    pub(super) seq: Option<i32>,
    pub(super) ip_list: Option<Vec<String>>,
    pub(super) hostname: Option<String>,
    pub(super) client: Option<ClientInfo>,
    #[serde(rename = "instanceID")]
    pub(super) instance_id: Option<String>,
    pub(super) cpu: Option<f64>,
    pub(super) time: Option<i64>,
    pub(super) arrived: Option<i64>,
}

/// `null` is a value.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

pub(super) fn packet<P: Packet>(json: &[u8]) -> Result<Vec<u8>, SerializeError> {
    let envelope =
        serde_json::from_slice(json).map_err(|error| SerializeError::of("not a packet", &error))?;
    P::make(envelope).map(|packet| packet.encode_to_vec())
}

/// EJSON as JSON text.
pub(super) fn json(raw: Option<&RawValue>) -> Result<Option<String>, SerializeError> {
    let Some(raw) = raw else { return Ok(None) };
    let json = json::encode(raw.get().as_bytes().to_vec())?;
    String::from_utf8(json)
        .map(Some)
        .map_err(|error| SerializeError::of("not JSON", &error))
}

/// EJSON as bytes, and what they are.
pub(super) fn anything(
    raw: Option<&RawValue>,
) -> Result<(DataType, Option<Bytes>), SerializeError> {
    let Some(raw) = raw else {
        return Ok((DataType::Undefined, None));
    };
    if ejson::is_null(raw) {
        return Ok((DataType::Null, None));
    }
    if !json::has_marks(raw.get().as_bytes()) {
        let json = raw.get().to_owned();
        return Ok((DataType::Json, Some(json.into())));
    }
    Ok(match Value::ejson(&mut ejson::held_json(raw))? {
        Value::Binary(binary) => (DataType::Buffer, Some(binary.into())),
        value => (DataType::Json, Some(json::stringify(&value).into())),
    })
}
