//! Answers to `$node.<action>`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::health;
use crate::mesh::error::CallError;
use crate::mesh::moleculer::node::MoleculerNode;
use crate::mesh::remote_error::{Code, RemoteError};
use crate::mesh::service::Answer;
use crate::mesh::shared::registry::{Endpoints, Node, Service};

/// What the caller asked for. Switches may come as texts, which Moleculer's validator converts.
#[derive(Debug, Clone, Copy)]
struct Asked {
    only_local: bool,
    only_available: bool,
    skip_internal: bool,
    with_services: bool,
    with_actions: bool,
    with_events: bool,
    with_endpoints: bool,
    grouping: bool,
}

impl Asked {
    fn read(params: &RawValue) -> Self {
        // Moleculer's tools send an object; Rocket.Chat's broker sends the array of arguments.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Params {
            Object(BTreeMap<String, Value>),
            Array(Vec<BTreeMap<String, Value>>),
        }
        let params = match serde_json::from_str(params.get()) {
            Ok(Params::Object(object)) => object,
            Ok(Params::Array(array)) => array.into_iter().next().unwrap_or_default(),
            Err(_) => BTreeMap::new(),
        };
        let on = |name: &str, default: bool| match params.get(name) {
            Some(Value::Bool(on)) => *on,
            Some(Value::String(text)) => matches!(text.as_str(), "true" | "1" | "on"),
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            _ => default,
        };
        Self {
            only_local: on("onlyLocal", false),
            only_available: on("onlyAvailable", false),
            skip_internal: on("skipInternal", false),
            with_services: on("withServices", false),
            with_actions: on("withActions", false),
            with_events: on("withEvents", false),
            with_endpoints: on("withEndpoints", false),
            grouping: on("grouping", true),
        }
    }

    fn wants(&self, name: &str, endpoints: &Endpoints) -> bool {
        !(self.skip_internal && name.starts_with('$')
            || self.only_local && !endpoints.nodes.iter().any(|node| node.local))
    }
}

/// Answers `$node.<action>`.
pub(crate) fn answer(own: &MoleculerNode, action: &str, params: &RawValue) -> Answer {
    let asked = Asked::read(params);
    let value = match action {
        "$node.list" => list(own, asked),
        "$node.services" => services(own, asked),
        "$node.actions" => actions(own, asked),
        "$node.events" => events(own, asked),
        "$node.health" => health::report(own),
        "$node.options" => options(own),
        "$node.metrics" => return Err(no_metrics().into()),
        _ => {
            return Err(CallError::ServiceNotFound {
                action: action.to_owned(),
                node: Some(own.config.node_id.clone()),
            });
        }
    };
    RawValue::from_string(value.to_string())
        .map(Some)
        .map_err(|_| RemoteError::internal("the answer cannot be written").into())
}

/// As a Moleculer node without its metrics: ours are scraped, not asked for.
fn no_metrics() -> RemoteError {
    RemoteError {
        name: "MoleculerClientError".to_owned(),
        code: Some(Code::Number(400)),
        type_: Some("METRICS_DISABLED".to_owned()),
        ..RemoteError::internal("Metrics feature is disabled")
    }
}

fn raw(raw: Option<&RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or(Value::Null)
}

fn list(own: &MoleculerNode, asked: Asked) -> Value {
    own.registry.with_nodes(|nodes| {
        nodes
            .iter()
            .filter(|node| node.available || !asked.only_available)
            .map(|node| node_entry(own, node, asked))
            .collect()
    })
}

fn node_entry(own: &MoleculerNode, node: &Node, asked: Asked) -> Value {
    // As Moleculer counts: seconds since its process started.
    let uptime_at = |time: Instant| time.saturating_duration_since(own.started).as_secs();
    let mut entry = json!({
        "id": node.id().as_str(), "instanceID": &**node.instance(), "available": node.available, "local": node.vitals.local,
        "lastHeartbeatTime": uptime_at(node.heard),
        "config": raw(node.config.as_deref()), "client": node.client, "metadata": raw(node.metadata.as_deref()),
        "ipList": node.ip_list, "port": null, "hostname": node.vitals.hostname, "udpAddress": null,
        "cpu": node.vitals.cpu(), "cpuSeq": null, "seq": node.seq,
        "offlineSince": node.offline_since.map(uptime_at),
    });
    if asked.with_services {
        entry["services"] = node
            .services
            .iter()
            .map(|service| {
                let mut entry = service_entry(service);
                entry["actions"] = action_definitions(service);
                entry["events"] = event_definitions(service, true);
                entry
            })
            .collect();
    }
    entry
}

fn service_entry(service: &Service) -> Value {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), service.name.as_str().into());
    if service.version.is_some() {
        entry.insert("version".to_owned(), raw(service.version.as_deref()));
    }
    entry.insert("fullName".to_owned(), service.full_name.as_str().into());
    entry.insert("settings".to_owned(), raw(service.settings.as_deref()));
    entry.insert("metadata".to_owned(), raw(service.metadata.as_deref()));
    Value::Object(entry)
}

fn action_definitions(service: &Service) -> Value {
    Value::Object(
        service
            .actions
            .iter()
            .map(|action| (action.name.clone(), raw(Some(&action.definition))))
            .collect(),
    )
}

fn event_definitions(service: &Service, internal: bool) -> Value {
    let events = service
        .events
        .iter()
        .filter(|event| internal || !event.pattern.text().starts_with('$'));
    Value::Object(
        events
            .map(|event| {
                (
                    event.pattern.text().to_owned(),
                    raw(Some(&event.definition)),
                )
            })
            .collect(),
    )
}

fn services(own: &MoleculerNode, asked: Asked) -> Value {
    own.registry.with_nodes(|nodes| {
        let mut listed: Vec<Value> = Vec::new();
        for node in nodes {
            if asked.only_local && !node.vitals.local || asked.only_available && !node.available {
                continue;
            }
            for service in &node.services {
                if asked.skip_internal && service.name.starts_with('$') {
                    continue;
                }
                let same = listed
                    .iter_mut()
                    .find(|entry| asked.grouping && entry["fullName"] == *service.full_name);
                if let Some(Value::Array(hosts)) = same.map(|entry| &mut entry["nodes"]) {
                    hosts.push(node.id().as_str().into());
                    continue;
                }
                let mut entry = service_entry(service);
                entry["local"] = node.vitals.local.into();
                entry["available"] = node.available.into();
                if asked.grouping {
                    entry["nodes"] = json!([node.id().as_str()]);
                } else {
                    entry["nodeID"] = node.id().as_str().into();
                }
                if asked.with_actions {
                    entry["actions"] = action_definitions(service);
                }
                if asked.with_events {
                    entry["events"] = event_definitions(service, false);
                }
                listed.push(entry);
            }
        }
        Value::Array(listed)
    })
}

fn endpoint_fields(entry: &mut Value, endpoints: &Endpoints, asked: Asked) {
    entry["count"] = endpoints.nodes.len().into();
    entry["hasLocal"] = endpoints.nodes.iter().any(|node| node.local).into();
    entry["available"] = (!endpoints.nodes.is_empty()).into();
    if asked.with_endpoints {
        entry["endpoints"] = endpoints
            .nodes
            .iter()
            .map(|node| json!({ "nodeID": node.id.as_str(), "state": true, "available": true }))
            .collect();
    }
}

fn actions(own: &MoleculerNode, asked: Asked) -> Value {
    let definitions = definitions(own, |service| {
        service
            .actions
            .iter()
            .map(|action| (action.name.clone(), raw(Some(&action.definition))))
            .collect()
    });
    let index = own.registry.index();
    let wanted = index
        .actions()
        .filter(|(name, endpoints)| asked.wants(name, endpoints));
    let mut listed: Vec<(&String, Value)> = wanted
        .map(|(name, endpoints)| {
            let mut entry = json!({ "name": name });
            endpoint_fields(&mut entry, endpoints, asked);
            entry["action"] = definitions.get(name).cloned().unwrap_or(Value::Null);
            (name, entry)
        })
        .collect();
    listed.sort_by_key(|(name, _)| *name);
    listed.into_iter().map(|(_, entry)| entry).collect()
}

fn events(own: &MoleculerNode, asked: Asked) -> Value {
    let definitions = definitions(own, |service| {
        service
            .events
            .iter()
            .map(|event| {
                (
                    event.pattern.text().to_owned(),
                    raw(Some(&event.definition)),
                )
            })
            .collect()
    });
    let index = own.registry.index();
    let wanted = index
        .all_listeners()
        .filter(|list| asked.wants(list.pattern.text(), &list.endpoints));
    let mut listed: Vec<(String, Value)> = wanted
        .map(|list| {
            let name = list.pattern.text();
            let mut entry = json!({ "name": name, "group": list.group });
            endpoint_fields(&mut entry, &list.endpoints, asked);
            entry["event"] = definitions.get(name).cloned().unwrap_or(Value::Null);
            (format!("{name} {}", list.group), entry)
        })
        .collect();
    listed.sort_by(|a, b| a.0.cmp(&b.0));
    listed.into_iter().map(|(_, entry)| entry).collect()
}

fn definitions(
    own: &MoleculerNode,
    read: impl Fn(&Service) -> Vec<(String, Value)>,
) -> BTreeMap<String, Value> {
    own.registry.with_nodes(|nodes| {
        let mut all = BTreeMap::new();
        for (name, definition) in nodes
            .iter()
            .filter(|n| n.available)
            .flat_map(|n| &n.services)
            .flat_map(&read)
        {
            all.entry(name).or_insert(definition);
        }
        all
    })
}

/// Never the whole configuration: it holds credentials.
fn options(own: &MoleculerNode) -> Value {
    let config = &own.config;
    json!({
        "namespace": config.node.namespace, "nodeID": config.node_id.as_str(),
        "heartbeatInterval": config.node.heartbeat_interval.as_secs_f64(), "heartbeatTimeout": config.node.heartbeat_timeout.as_secs_f64(),
        "requestTimeout": u64::try_from(config.node.request_timeout.as_millis()).unwrap_or(u64::MAX),
        "retryPolicy": {
            "enabled": config.node.retry.enabled, "retries": config.node.retry.retries,
            "delay": u64::try_from(config.node.retry.delay.as_millis()).unwrap_or(u64::MAX),
            "maxDelay": u64::try_from(config.node.retry.max_delay.as_millis()).unwrap_or(u64::MAX), "factor": config.node.retry.factor,
        },
        "bulkhead": config.node.bulkhead.map_or(json!({ "enabled": false }), |bulkhead| json!({
            "enabled": true, "concurrency": bulkhead.concurrency, "maxQueueSize": bulkhead.max_queue,
        })),
        "registry": { "strategy": format!("{:?}", config.node.balance), "preferLocal": config.node.prefer_local },
        "serializer": config.node.serializer.name(),
    })
}
