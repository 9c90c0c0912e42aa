//! INFO: a node and what it offers.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::write::sealed_info;
use crate::mesh::node_id::NodeId;
use crate::mesh::shared::json::{Writer, present};
use crate::mesh::shared::registry::{ClientInfo, NodeInfo, ServiceInfo};

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

impl<'a> InfoPacket<'a> {
    /// What it tells of its node.
    pub(crate) fn into_node(self) -> NodeInfo<'a> {
        NodeInfo {
            services: self.services,
            instance_id: self.instance_id,
            seq: self.seq,
            hostname: self.hostname,
            ip_list: self.ip_list,
            client: self.client,
            config: self.config,
            metadata: self.metadata,
        }
    }
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
