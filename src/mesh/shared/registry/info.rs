//! What a node told of itself.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::mesh::shared::json::present;

/// A node. Definitions of actions and events stay raw; only their names matter here.
#[derive(Debug, Default)]
pub(crate) struct NodeInfo<'a> {
    pub(crate) services: Vec<ServiceInfo<'a>>,
    /// Which run of the node it is.
    pub(crate) instance_id: Option<String>,
    /// Version of the list of services.
    pub(crate) seq: Option<u64>,
    pub(crate) hostname: Option<String>,
    pub(crate) ip_list: Vec<String>,
    pub(crate) client: ClientInfo,
    pub(crate) config: Option<&'a RawValue>,
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
