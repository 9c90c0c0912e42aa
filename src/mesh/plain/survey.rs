//! The nodes of the plain broker: every instance of every service answers NATS's service protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::mesh::node_id::NodeId;
use crate::mesh::release::Release;
use crate::mesh::shared::registry::CORE_SERVICE;
use crate::mesh::survey::{NodeSeen, Survey};

/// Who is there.
const EVERYBODY: &str = "$SRV.PING";
/// Instances answer within milliseconds; a busy one within this.
const SHORT: Duration = Duration::from_secs(1);
/// When something is missing, a very busy one is given this.
const LONGER: Duration = Duration::from_secs(3);

/// An answer; other programs than Rocket.Chat's have no such metadata.
#[derive(Deserialize)]
struct Told {
    name: String,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "rocketchat-node-id")]
    node: String,
}

pub(crate) async fn look(
    client: &Client,
    enough: &impl Fn(&BTreeSet<String>) -> bool,
    found: &mut Survey,
) {
    let inbox = client.new_inbox();
    let Ok(mut answers) = client.subscribe(inbox.clone()).await else {
        return;
    };
    let asked = Instant::now();
    let question = client.publish_with_reply(EVERYBODY, inbox, "".into());
    if question.await.is_err() {
        return;
    }
    let mut nodes: BTreeMap<NodeId, (Duration, BTreeSet<String>)> = BTreeMap::new();
    let mut until = asked + SHORT;
    loop {
        let Ok(answer) = timeout(
            until.saturating_duration_since(Instant::now()),
            answers.next(),
        )
        .await
        else {
            let services = nodes
                .values()
                .flat_map(|(_, services)| services.iter().cloned())
                .collect();
            if until > asked + SHORT || enough(&services) {
                break;
            }
            until = asked + LONGER;
            continue;
        };
        let Some(answer) = answer else { break };
        let Ok(told) = serde_json::from_slice::<Told>(&answer.payload) else {
            continue;
        };
        if let Ok(node) = NodeId::new(&told.metadata.node) {
            let first = || (asked.elapsed(), BTreeSet::new());
            nodes.entry(node).or_insert_with(first).1.insert(told.name);
        }
    }
    let core = |(_, services): &(Duration, BTreeSet<String>)| services.contains(CORE_SERVICE);
    if nodes.values().any(core) {
        // No earlier release has this broker.
        found.release = Release::V8;
    }
    let seen = nodes.into_iter().map(|(id, (took, services))| NodeSeen {
        id,
        hostname: None,
        client: "plain broker".to_owned(),
        services: services.into_iter().collect(),
        round_trip: Some(took),
        ahead_ms: None,
    });
    found.nodes = seen.collect();
}
