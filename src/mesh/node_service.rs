//! `$node`: what other nodes' tools ask of any Moleculer node.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::discovery::now_ms;
use super::error::CallError;
use super::handle::Inner;
use super::host::{file, first_line};
use super::registry::{Endpoints, Node, Service};
use super::service::Answer;

/// Options that the listing actions take: name, whether it is a switch that is on by default.
type Options = &'static [(&'static str, bool)];

const ONLY: [(&str, bool); 4] = [
    ("onlyLocal", false),
    ("skipInternal", false),
    ("withEndpoints", false),
    ("onlyAvailable", false),
];
const ACTIONS: [(&str, Option<Options>); 6] = [
    (
        "list",
        Some(&[("withServices", false), ("onlyAvailable", false)]),
    ),
    (
        "services",
        Some(&[
            ("onlyLocal", false),
            ("skipInternal", false),
            ("withActions", false),
            ("withEvents", false),
            ("onlyAvailable", false),
            ("grouping", true),
        ]),
    ),
    ("actions", Some(&ONLY)),
    ("events", Some(&ONLY)),
    ("health", None),
    ("options", Some(&[])),
];

/// The service as INFO lists it.
pub(super) fn info() -> Value {
    let mut actions = Map::new();
    for (name, options) in ACTIONS {
        let full = format!("$node.{name}");
        let mut entry = Map::new();
        entry.insert("cache".to_owned(), false.into());
        entry.insert("tracing".to_owned(), false.into());
        if let Some(options) = options {
            let params = options.iter().map(|(option, on)| {
                (
                    (*option).to_owned(),
                    json!({ "type": "boolean", "optional": true, "convert": true, "default": on }),
                )
            });
            entry.insert("params".to_owned(), Value::Object(params.collect()));
        }
        entry.insert("rawName".to_owned(), name.into());
        entry.insert("name".to_owned(), full.as_str().into());
        actions.insert(full, Value::Object(entry));
    }
    json!({ "name": "$node", "fullName": "$node", "settings": {}, "metadata": {}, "actions": actions, "events": {} })
}

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
pub(super) fn answer(inner: &Inner, action: &str, params: &RawValue) -> Answer {
    let asked = Asked::read(params);
    let value = match action {
        "$node.list" => list(inner, asked),
        "$node.services" => services(inner, asked),
        "$node.actions" => actions(inner, asked),
        "$node.events" => events(inner, asked),
        "$node.health" => health(inner),
        "$node.options" => options(inner),
        _ => {
            return Err(CallError::ServiceNotFound {
                action: action.to_owned(),
                node: None,
            });
        }
    };
    RawValue::from_string(value.to_string())
        .map(Some)
        .map_err(|_| {
            super::remote_error::RemoteError::internal("the answer cannot be written").into()
        })
}

fn raw(raw: Option<&RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or(Value::Null)
}

fn list(inner: &Inner, asked: Asked) -> Value {
    inner.registry.with_nodes(|nodes| {
        nodes
            .iter()
            .filter(|node| node.available || !asked.only_available)
            .map(|node| node_entry(node, asked))
            .collect()
    })
}

fn node_entry(node: &Node, asked: Asked) -> Value {
    let mut entry = json!({
        "id": node.id().as_str(), "instanceID": node.instance_id, "available": node.available, "local": node.vitals.local,
        "lastHeartbeatTime": now_ms() / 1000 - i64::try_from(node.heard.elapsed().as_secs()).unwrap_or(0),
        "config": raw(node.config.as_deref()), "client": node.client, "metadata": raw(node.metadata.as_deref()),
        "ipList": node.ip_list, "port": null, "hostname": node.vitals.hostname, "udpAddress": null,
        "cpu": node.vitals.cpu(), "cpuSeq": null, "seq": node.seq,
        "offlineSince": node.offline_since.map(|since| now_ms() / 1000 - i64::try_from(since.elapsed().as_secs()).unwrap_or(0)),
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

fn services(inner: &Inner, asked: Asked) -> Value {
    inner.registry.with_nodes(|nodes| {
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

fn actions(inner: &Inner, asked: Asked) -> Value {
    let definitions = definitions(inner, |service| {
        service
            .actions
            .iter()
            .map(|action| (action.name.clone(), raw(Some(&action.definition))))
            .collect()
    });
    let index = inner.registry.index();
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

fn events(inner: &Inner, asked: Asked) -> Value {
    let definitions = definitions(inner, |service| {
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
    let index = inner.registry.index();
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
    inner: &Inner,
    read: impl Fn(&Service) -> Vec<(String, Value)>,
) -> BTreeMap<String, Value> {
    inner.registry.with_nodes(|nodes| {
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
fn options(inner: &Inner) -> Value {
    let config = &inner.config;
    json!({
        "namespace": config.namespace, "nodeID": config.node_id.as_str(),
        "heartbeatInterval": config.heartbeat_interval.as_secs_f64(), "heartbeatTimeout": config.heartbeat_timeout.as_secs_f64(),
        "requestTimeout": u64::try_from(config.request_timeout.as_millis()).unwrap_or(u64::MAX),
        "retryPolicy": {
            "enabled": config.retry.enabled, "retries": config.retry.retries,
            "delay": u64::try_from(config.retry.delay.as_millis()).unwrap_or(u64::MAX),
            "maxDelay": u64::try_from(config.retry.max_delay.as_millis()).unwrap_or(u64::MAX), "factor": config.retry.factor,
        },
        "bulkhead": config.bulkhead.map_or(json!({ "enabled": false }), |bulkhead| json!({
            "enabled": true, "concurrency": bulkhead.concurrency, "maxQueueSize": bulkhead.max_queue,
        })),
        "registry": { "strategy": format!("{:?}", config.balance), "preferLocal": config.prefer_local },
        "serializer": format!("{:?}", config.serializer),
    })
}

fn health(inner: &Inner) -> Value {
    let load: Vec<f64> = file("/proc/loadavg")
        .split_whitespace()
        .take(3)
        .map_while(|n| n.parse().ok())
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load1 = load.first().copied().unwrap_or(0.0);
    let meminfo = file("/proc/meminfo");
    let memory = |key: &str| -> u64 {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| {
            line.trim_start_matches(':')
                .split_whitespace()
                .next()?
                .parse::<u64>()
                .ok()
        })
        .unwrap_or(0)
            * 1024
    };
    let (free, total) = (memory("MemFree"), memory("MemTotal"));
    let uptime = file("/proc/uptime")
        .split_whitespace()
        .next()
        .and_then(|n| n.parse::<f64>().ok());
    let resident: u64 = file("/proc/self/statm")
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let now = now_ms();
    json!({
        "cpu": {
            "load1": load1, "load5": load.get(1), "load15": load.get(2), "cores": cores,
            "utilization": ((load1 * 100.0 / cores as f64).floor()).min(100.0),
        },
        "mem": { "free": free, "total": total, "percent": if total > 0 { free as f64 * 100.0 / total as f64 } else { 0.0 } },
        "os": {
            "uptime": uptime, "type": first_line("/proc/sys/kernel/ostype"), "release": first_line("/proc/sys/kernel/osrelease"),
            "hostname": inner.host.hostname, "arch": std::env::consts::ARCH, "platform": std::env::consts::OS, "user": {},
        },
        "process": {
            "pid": std::process::id(), "memory": { "rss": resident * 4096 }, "uptime": inner.started.elapsed().as_secs_f64(),
            // The program only: arguments may hold credentials.
            "argv": std::env::args().take(1).collect::<Vec<_>>(),
        },
        "client": inner.host.client,
        "net": { "ip": inner.host.ip_list },
        "time": { "now": now, "iso": iso(now), "utc": utc(now) },
    })
}

/// Year, month, day, weekday (0 is Sunday), hour, minute, second, millisecond.
fn civil(ms: i64) -> [i64; 8] {
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // Days are counted from 1 March of year 0 in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    [
        year,
        month,
        day,
        (days + 4).rem_euclid(7),
        in_day / 3_600_000,
        in_day / 60_000 % 60,
        in_day / 1000 % 60,
        in_day % 1000,
    ]
}

fn iso(ms: i64) -> String {
    let [year, month, day, _, hour, minute, second, ms] = civil(ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

fn utc(ms: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let [year, month, day, weekday, hour, minute, second, _] = civil(ms);
    let name = |names: &'static [&'static str], at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at))
            .copied()
            .unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT",
        name(&DAYS, weekday),
        name(&MONTHS, month - 1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_javascript_writes_them() {
        for (ms, expected_iso, expected_utc) in [
            (
                0,
                "1970-01-01T00:00:00.000Z",
                "Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                1_709_210_096_789,
                "2024-02-29T12:34:56.789Z",
                "Thu, 29 Feb 2024 12:34:56 GMT",
            ),
            (
                1_795_337_222_079,
                "2026-11-22T08:47:02.079Z",
                "Sun, 22 Nov 2026 08:47:02 GMT",
            ),
        ] {
            assert_eq!(
                (iso(ms).as_str(), utc(ms).as_str()),
                (expected_iso, expected_utc)
            );
        }
    }
}
