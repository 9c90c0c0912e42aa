//! The own services as NATS's service protocol shows them: to other nodes, who list who is there, and to `nats micro`.

use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde_json::{Value, json};
use uuid::Uuid;

use super::subject;
use crate::mesh::error::CallError;
use crate::mesh::node_id::NodeId;
use crate::mesh::service::ServiceSpec;
use crate::telemetry::logs::timestamp;

/// What may be asked.
pub(super) const VERBS: [&str; 3] = ["PING", "INFO", "STATS"];
/// The queue group in which nodes share the calls of a service: the default of the protocol, which Rocket.Chat keeps.
pub(super) const GROUP: &str = "q";
/// The version that all of Rocket.Chat's services have.
const VERSION: &str = "0.1.0";
/// Where a service says on which node it runs.
pub(super) const NODE_ID: &str = "rocketchat-node-id";

/// One service of this node.
pub(super) struct Micro {
    pub(super) name: String,
    /// Which run of it this is.
    pub(super) id: String,
    pub(super) endpoints: Vec<Endpoint>,
    node: NodeId,
    started: SystemTime,
}

/// A subject on which a method is called.
pub(super) struct Endpoint {
    pub(super) subject: String,
    name: String,
    stats: Mutex<Stats>,
}

#[derive(Default)]
struct Stats {
    requests: u64,
    errors: u64,
    last_error: String,
    busy: Duration,
}

impl Micro {
    /// Those of the services whose names the protocol takes.
    pub(super) fn of(node: &NodeId, specs: &[ServiceSpec]) -> Vec<Self> {
        let specs = specs.iter().filter(|spec| subject::is_token(spec.name()));
        let micro = |spec: &ServiceSpec| Self {
            name: spec.name().to_owned(),
            id: Uuid::new_v4().simple().to_string(),
            endpoints: spec
                .actions()
                .flat_map(|name| endpoints(node, spec.name(), name))
                .collect(),
            node: node.clone(),
            started: SystemTime::now(),
        };
        specs.map(micro).collect()
    }

    /// The answer to `<verb>[.<name>[.<id>]]`; `None` when another service is meant.
    pub(super) fn tell(&self, question: &str) -> Option<String> {
        let mut tokens = question.split('.');
        let verb = tokens.next()?;
        if tokens.next().is_some_and(|name| name != self.name)
            || tokens.next().is_some_and(|id| id != self.id)
        {
            return None;
        }
        let mut told = json!({
            "type": format!("io.nats.micro.v1.{}_response", verb.to_ascii_lowercase()),
            "name": self.name, "id": self.id, "version": VERSION, "metadata": { NODE_ID: self.node.as_str() },
        });
        match verb {
            "PING" => {}
            "INFO" => {
                told["description"] = json!("");
                told["endpoints"] = self.endpoints.iter().map(Endpoint::info).collect();
            }
            "STATS" => {
                told["started"] = json!(timestamp(self.started));
                told["endpoints"] = self.endpoints.iter().map(Endpoint::stats).collect();
            }
            _ => return None,
        }
        Some(told.to_string())
    }

    /// A call on this subject is over.
    pub(super) fn count(&self, subject: &str, took: Duration, error: Option<&CallError>) {
        if let Some(endpoint) = self
            .endpoints
            .iter()
            .find(|endpoint| endpoint.subject == subject)
        {
            let mut stats = endpoint.stats.lock();
            stats.requests += 1;
            stats.busy += took;
            if let Some(error) = error {
                stats.errors += 1;
                stats.last_error = error.to_string();
            }
        }
    }
}

/// Of any node, and of this one.
fn endpoints(node: &NodeId, service: &str, name: &str) -> impl Iterator<Item = Endpoint> {
    let action = format!("{service}.{name}");
    let subjects = [
        subject::call(&action, None),
        subject::call(&action, Some(node)),
    ];
    let name = name.to_owned();
    subjects.into_iter().flatten().map(move |subject| Endpoint {
        subject,
        name: name.clone(),
        stats: Mutex::default(),
    })
}

impl Endpoint {
    fn info(&self) -> Value {
        json!({ "subject": self.subject, "name": self.name, "queue_group": GROUP })
    }

    fn stats(&self) -> Value {
        let stats = self.stats.lock();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        json!({
            "name": self.name, "subject": self.subject, "queue_group": GROUP,
            "num_requests": stats.requests, "num_errors": stats.errors, "last_error": stats.last_error,
            "processing_time": nanos(stats.busy),
            "average_processing_time": nanos(stats.busy).checked_div(stats.requests).unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(micro: &Micro, question: &str) -> Value {
        serde_json::from_str(&micro.tell(question).unwrap()).unwrap()
    }

    // contract: mesh/broker/registration
    #[test]
    fn what_the_nats_package_tells() {
        let node = NodeId::new("core-1").unwrap();
        let spec = ServiceSpec::new("meteor")
            .action("echo", |request| async move { Ok(Some(request.params)) });
        let micro = Micro::of(&node, &[spec, ServiceSpec::new("two.words")]);
        assert_eq!(micro.len(), 1);
        let micro = &micro[0];
        let who = |kind: &str| {
            json!({ "type": format!("io.nats.micro.v1.{kind}_response"), "name": "meteor", "id": micro.id,
                    "version": "0.1.0", "metadata": { "rocketchat-node-id": "core-1" } })
        };
        assert_eq!(told(micro, "PING"), who("ping"));
        let mut info = who("info");
        info["description"] = json!("");
        info["endpoints"] = json!([
            { "subject": "rpc.meteor.echo", "name": "echo", "queue_group": "q" },
            { "subject": "node.core-1.meteor.echo", "name": "echo", "queue_group": "q" },
        ]);
        assert_eq!(told(micro, &format!("INFO.meteor.{}", micro.id)), info);
        let error = crate::mesh::RemoteError::internal("no").into();
        micro.count("rpc.meteor.echo", Duration::from_nanos(10), None);
        micro.count("rpc.meteor.echo", Duration::from_nanos(30), Some(&error));
        let stats = told(micro, "STATS.meteor");
        let keys = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            keys(&stats),
            [
                "endpoints",
                "id",
                "metadata",
                "name",
                "started",
                "type",
                "version"
            ]
        );
        let endpoint = &stats["endpoints"][0];
        assert_eq!(
            (&endpoint["num_requests"], &endpoint["num_errors"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(endpoint["average_processing_time"], 20);
        for other in ["PING.streamer", "INFO.meteor.other", "SCHEMA"] {
            assert_eq!(micro.tell(other), None, "{other}");
        }
    }
}
