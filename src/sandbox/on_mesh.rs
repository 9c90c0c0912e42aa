//! The mesh of `--transporter`: read as the service reads it, so that whoever gives both the same finds both on one mesh; and
//! looked at before the core joins, since calls are balanced over all nodes that offer a service.

use std::time::Duration;

use tokio::time::Instant;

use super::error::SandboxError;
use super::node;
use crate::app;
use crate::config;
use crate::mesh::{MeshConfig, Survey, survey};

/// What else belongs to a mesh is taken from where the service takes it.
const OF_THE_ENVIRONMENT: [&str; 3] = ["SERIALIZER", "TLS_CA_PATH", "MOLECULER_PROTOCOL"];

/// What a node of ours is told; its name is to be replaced.
pub(super) fn config(transporter: &str, namespace: &str) -> Result<MeshConfig, SandboxError> {
    let wrong = |problem: String| SandboxError::NotJoined(problem);
    let rest = config::process_environment()
        .filter(|(name, _)| OF_THE_ENVIRONMENT.contains(&name.as_str()));
    let given = [("TRANSPORTER", transporter), ("MS_NAMESPACE", namespace)];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = config::load(rest.chain(given)).map_err(|errors| wrong(errors.to_string()))?;
    app::mesh_config(&loaded.config.mesh).map_err(|error| wrong(error.to_string()))
}

/// A core that is busy is given this time to answer.
const BUSY: Duration = Duration::from_secs(3);

/// Refuses a mesh on which another core is at work; `own` is what the sandbox's offers.
pub(super) async fn has_no_core(mesh: &MeshConfig, own: &[&str]) -> Result<(), SandboxError> {
    // Whoever is quick to answer is not all. (Longer, for a heartbeat of a node that answers nothing, is too long for those
    // who start a NATS of their own for each test.)
    let began = Instant::now();
    let there = survey(mesh, |_| began.elapsed() >= BUSY).await;
    let there = there.map_err(|error| SandboxError::NodeId(error.to_string()))?;
    if !there.servers.iter().any(|server| server.told.is_ok()) {
        let told = there.servers.iter().filter_map(|server| {
            let trouble = server.told.as_ref().err()?;
            Some(format!("{}: {trouble}", server.name))
        });
        return Err(SandboxError::NotJoined(told.collect::<Vec<_>>().join(", ")));
    }
    living(&there, own).map_or(Ok(()), |who| Err(SandboxError::Living(who)))
}

/// Who is at work there. Streamers, bots and other sandboxes may be.
fn living(there: &Survey, own: &[&str]) -> Option<String> {
    let others = there
        .nodes
        .iter()
        .filter(|node| !node::is_node(node.id.as_str()));
    for node in others {
        let offers = |service: &&String| own.contains(&service.as_str());
        if let Some(service) = node.services.iter().find(offers) {
            return Some(format!("{} on this mesh offers {service}", node.id));
        }
    }
    if let Some(mute) = there.mute.first() {
        return Some(format!("{mute} on this mesh does not tell what it offers"));
    }
    (there.unreadable + there.of_protocol_5 > 0)
        .then(|| "a node on this mesh cannot be understood".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::{NodeId, NodeSeen};

    fn there(nodes: &[(&str, &str)]) -> Survey {
        let nodes = nodes.iter().map(|(id, service)| NodeSeen {
            id: NodeId::new(*id).unwrap(),
            hostname: None,
            client: String::new(),
            services: vec![(*service).to_owned()],
            round_trip: None,
            ahead_ms: None,
        });
        Survey {
            nodes: nodes.collect(),
            ..Survey::default()
        }
    }

    #[test]
    fn others_may_be_there_as_long_as_they_are_no_core() {
        let own = ["accounts", "meteor"];
        let guests = [
            ("a-1", "streamer"),
            ("bot-1", "weather"),
            ("sandbox-core-12", "meteor"),
        ];
        assert_eq!(living(&there(&guests), &own), None);
        let core = there(&[guests[0], ("core-1", "meteor")]);
        assert_eq!(
            living(&core, &own).as_deref(),
            Some("core-1 on this mesh offers meteor")
        );
        let mut mute = there(&guests);
        mute.mute.insert(NodeId::new("core-2").unwrap());
        assert_eq!(
            living(&mute, &own).as_deref(),
            Some("core-2 on this mesh does not tell what it offers")
        );
        let (mut foreign, mut newer) = (there(&guests), there(&guests));
        foreign.unreadable = 1;
        newer.of_protocol_5 = 1;
        for there in [foreign, newer] {
            assert_eq!(
                living(&there, &own).as_deref(),
                Some("a node on this mesh cannot be understood")
            );
        }
    }
}
