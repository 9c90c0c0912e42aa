//! A look at the mesh from outside: which servers answer, who is there, whose clock is off.
//!
//! Who looks is no node. It publishes DISCOVER and PING (with the plain broker `$SRV.PING`), which every node answers to whoever asks, and never an INFO or a
//! heartbeat: nobody takes it into a registry, no `$node.connected` fires anywhere, and nothing is left when it goes.

mod around;
mod plain;
mod server;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::config::{MeshConfig, Transporter};
use super::host::Host;
use super::node_id::{InvalidNodeId, NodeId};
use super::release::Release;
pub use server::{ServerFacts, ServerSeen, ServerTrouble};

/// What a look found.
#[derive(Debug)]
pub struct Survey {
    /// Every server that the transporter names, in its order.
    pub servers: Vec<ServerSeen>,
    /// Every node that told of itself, by name.
    pub nodes: Vec<NodeSeen>,
    /// Which release the cores among them are.
    pub release: Release,
    /// Nodes that were heard and did not answer.
    pub mute: BTreeSet<NodeId>,
    /// Packets of this namespace that could not be read.
    pub unreadable: usize,
    /// Other namespaces that were heard; the empty text is none.
    pub strangers: BTreeSet<String>,
}

/// A node that told of itself.
#[derive(Debug, Clone)]
pub struct NodeSeen {
    /// Its name.
    pub id: NodeId,
    /// Its host.
    pub hostname: Option<String>,
    /// What runs it, such as `nodejs 0.14.35`.
    pub client: String,
    /// Full names of its services, sorted, Moleculer's own (`$…`) left out.
    pub services: Vec<String>,
    /// The quickest of its answers.
    pub round_trip: Option<Duration>,
    /// How many milliseconds its clock was ahead of ours then; `None` where the broker does not tell.
    pub ahead_ms: Option<i64>,
}

/// Looks at the servers and the nodes of a mesh. It takes a second when `enough` is content with the services
/// that were found, three when it is not, and as long as a silent mesh could go without a heartbeat when nobody is heard.
///
/// # Errors
/// The host's name cannot be part of a node id.
pub async fn survey(
    config: &MeshConfig,
    enough: impl Fn(&BTreeSet<String>) -> bool,
) -> Result<Survey, InvalidNodeId> {
    let mut found = Survey {
        servers: Vec::new(),
        nodes: Vec::new(),
        release: Release::Unknown,
        mute: BTreeSet::new(),
        unreadable: 0,
        strangers: BTreeSet::new(),
    };
    let (target, is_plain) = match &config.transporter {
        Transporter::Nats(target) => (target, false),
        Transporter::Plain(target) => (target, true),
        Transporter::Local(_) => return Ok(found),
    };
    let host = Host::read().hostname.to_lowercase();
    let own = NodeId::new(format!("{host}-check-{}", std::process::id()))?;
    let since = Instant::now();
    let (servers, client) = server::visit_all(target, &own).await;
    found.servers = servers;
    match client {
        None => {}
        Some(client) if is_plain => plain::look(&client, &enough, &mut found).await,
        Some(client) => around::look(config, &own, &client, since, &enough, &mut found).await,
    }
    Ok(found)
}
