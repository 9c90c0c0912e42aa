//! INFO: a node and what it offers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::present;
use super::write::{Writer, sealed_info};
use crate::mesh::node_id::NodeId;

/// INFO as it is read. Definitions of actions and events stay raw; only their names matter here.
#[derive(Debug, Deserialize)]
pub(crate) struct InfoPacket<'a> {
    #[serde(borrow)]
    pub(crate) ver: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sender: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) services: Vec<ServiceInfo<'a>>,
    #[serde(rename = "instanceID")]
    pub(crate) instance_id: Option<String>,
    pub(crate) seq: Option<u64>,
    pub(crate) hostname: Option<String>,
    #[serde(rename = "ipList", default, deserialize_with = "lenient")]
    pub(crate) ip_list: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) client: ClientInfo,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) config: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) metadata: Option<&'a RawValue>,
}

/// What runs the node.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize)]
#[serde(default)]
pub(crate) struct ClientInfo {
    #[serde(rename = "type")]
    pub(crate) type_: Option<String>,
    pub(crate) version: Option<String>,
    #[serde(rename = "langVersion")]
    pub(crate) lang_version: Option<String>,
}

/// One service of a node.
#[derive(Debug, Deserialize)]
pub(crate) struct ServiceInfo<'a> {
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    /// The name with its version; older nodes leave it out.
    #[serde(rename = "fullName")]
    pub(crate) full_name: Option<Cow<'a, str>>,
    /// A number or a text.
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) version: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) settings: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) actions: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
    #[serde(borrow, default)]
    pub(crate) events: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

impl ServiceInfo<'_> {
    /// Moleculer's full name: `v2.name` for version 2, `staging.name` for a version in words.
    pub(crate) fn full_name(&self) -> String {
        if let Some(full) = &self.full_name {
            return full.clone().into_owned();
        }
        match self.version.map(RawValue::get) {
            None | Some("null") => self.name.clone().into_owned(),
            Some(version) => match serde_json::from_str::<String>(version) {
                Ok(text) => format!("{text}.{}", self.name),
                Err(_) => format!("v{version}.{}", self.name),
            },
        }
    }
}

/// The fields of an action's definition that matter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ActionInfo {
    pub(crate) name: Option<String>,
    pub(crate) visibility: Option<String>,
    pub(crate) protected: bool,
}

/// The fields of an event's definition that matter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EventInfo {
    pub(crate) name: Option<String>,
    pub(crate) group: Option<String>,
}

/// A field that says nothing when it is of another type than expected.
fn lenient<'de, D: serde::Deserializer<'de>, T: Default + serde::de::DeserializeOwned>(
    d: D,
) -> Result<T, D::Error> {
    let raw = <&RawValue>::deserialize(d)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// INFO as it is written.
pub(crate) struct InfoOut<'a> {
    /// JSON array.
    pub(crate) services: &'a str,
    pub(crate) ip_list: &'a [String],
    pub(crate) hostname: &'a str,
    pub(crate) client: &'a ClientInfo,
    pub(crate) instance_id: &'a str,
    pub(crate) seq: u64,
}

/// INFO.
pub(crate) fn info(sender: &NodeId, info: &InfoOut<'_>) -> Vec<u8> {
    sealed_info(
        |out: &mut Writer| {
            out.raw("services", info.services);
            out.raw(
                "ipList",
                &serde_json::to_string(info.ip_list).unwrap_or_else(|_| "[]".to_owned()),
            );
            out.text("hostname", info.hostname);
            out.raw(
                "client",
                &serde_json::to_string(info.client).unwrap_or_else(|_| "{}".to_owned()),
            );
            out.raw("config", "{}");
            out.text("instanceID", info.instance_id);
            out.raw("metadata", "{}");
            out.number("seq", i64::try_from(info.seq).unwrap_or(i64::MAX));
        },
        sender,
    )
}
