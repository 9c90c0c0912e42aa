//! Which broker: the only file that knows both.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::Call;
use super::config::{MeshConfig, Transporter};
use super::error::MeshError;
use super::event::EventListener;
use super::moleculer::{self, MoleculerNode};
use super::node_id::{InvalidNodeId, NodeId};
use super::overheard::{ListenError, Overheard};
use super::plain::{self, PlainNode};
use super::release::{Listed, Release};
use super::service::{Answer, ServiceSpec};
use super::shared::host::Host;
use super::shared::local_node::LocalNode;
use super::shared::protocol::Protocol;
use super::shared::tap::{self, Tapped};
use super::shared::{dispatch, life, server};
use super::survey::Survey;

/// The node behind the face: one for each broker.
#[derive(Clone)]
pub(super) enum Broker {
    /// Moleculer's protocol.
    Moleculer(Arc<MoleculerNode>),
    /// The plain NATS broker of 8.x.
    Plain(Arc<PlainNode>),
}

impl Broker {
    pub(super) fn new(
        config: MeshConfig,
        services: &[ServiceSpec],
        listener: Arc<dyn EventListener>,
    ) -> Result<Self, MeshError> {
        Ok(match &config.transporter {
            Transporter::Plain(target) => {
                let target = target.clone();
                Self::Plain(Arc::new(PlainNode::new(config, target, services, listener)))
            }
            Transporter::Nats(_) | Transporter::Local(_) => {
                Self::Moleculer(Arc::new(MoleculerNode::new(config, services, listener)?))
            }
        })
    }

    /// What both have.
    pub(super) fn local(&self) -> &LocalNode {
        match self {
            Self::Moleculer(node) => node,
            Self::Plain(node) => node,
        }
    }

    /// Starts the node's tasks.
    pub(super) fn run(&self, tracker: &TaskTracker, token: &CancellationToken) {
        match self {
            Self::Moleculer(node) => run(node, tracker, token),
            Self::Plain(node) => run(node, tracker, token),
        }
    }

    /// Who speaks with the plain broker is 8.x.
    pub(super) fn release(&self) -> Release {
        match self {
            Self::Moleculer(node) => node.registry.core().release(),
            Self::Plain(_) => Release::V8,
        }
    }

    /// The plain broker does not tell: there the cores listen to what an 8.x core listens to.
    pub(super) fn core_listens(&self, event: &str) -> Listed {
        match self {
            Self::Moleculer(node) => node.registry.core().lists(event),
            Self::Plain(_) => Listed::by_every_8(event),
        }
    }

    pub(super) fn listeners(&self, event: &str) -> Option<Vec<NodeId>> {
        match self {
            Self::Moleculer(node) => Some(node.listeners(event)),
            Self::Plain(_) => None,
        }
    }

    /// As traces call what a call goes by.
    pub(super) fn system(&self) -> &'static str {
        match self {
            Self::Moleculer(_) => "moleculer",
            Self::Plain(_) => "nats",
        }
    }

    pub(super) fn broadcast(&self, event: &str, args: &str, meta: Option<&str>, own: bool) {
        match self {
            Self::Moleculer(node) => node.broadcast(event, args, meta, own),
            Self::Plain(node) => node.broadcast(event, args, meta, own),
        }
    }

    pub(super) fn emit(&self, event: &str, args: &str) {
        match self {
            Self::Moleculer(node) => node.emit(event, args),
            Self::Plain(node) => node.emit(event, args),
        }
    }

    pub(super) async fn call(&self, call: &Call<'_>) -> Answer {
        match self {
            Self::Moleculer(node) => node.call(call).await,
            Self::Plain(node) => node.call(call).await,
        }
    }

    pub(super) fn set_services(&self, services: &[ServiceSpec], seq: u64) {
        match self {
            Self::Moleculer(node) => node.set_services(services, seq),
            Self::Plain(node) => node.set_services(services, seq),
        }
    }

    /// With Moleculer what is known is fresh.
    pub(super) async fn look_around(&self) {
        if let Self::Plain(node) = self {
            node.look_around().await;
        }
    }
}

fn run<P: Protocol>(node: &Arc<P>, tracker: &TaskTracker, token: &CancellationToken) {
    tracker.spawn(life::drive(
        Arc::clone(node),
        tracker.clone(),
        token.clone(),
    ));
    tracker.spawn(dispatch::run(Arc::clone(node), token.clone()));
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
    let mut found = Survey::default();
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
        Some(client) => moleculer::look(config, &own, &client, since, &enough, &mut found).await,
    }
    Ok(found)
}

/// Listens along under this name, from the first connection until `ear` has had enough; a connection that is lost is made again.
///
/// # Errors
/// None of the servers is reached at the start, or this user may not subscribe.
pub async fn overhear(
    config: &MeshConfig,
    own: &NodeId,
    mut ear: impl FnMut(Overheard<'_>) -> ControlFlow<()>,
) -> Result<(), ListenError> {
    let mut reader = moleculer::Reader::new(&config.node);
    let (target, subjects, is_plain) = match &config.transporter {
        Transporter::Nats(target) => (target, reader.subjects(), false),
        Transporter::Plain(target) => (target, plain::subjects(), true),
        Transporter::Local(_) => return Err(ListenError::NoServer),
    };
    let mut take = |tapped| match tapped {
        Tapped::Message(message) if is_plain => plain::read(&message, &mut ear),
        Tapped::Message(message) => reader.read(message, &mut ear),
        Tapped::Listening => ear(Overheard::Listening),
        Tapped::Lost(count) => ear(Overheard::Lost(count)),
        Tapped::Away(why) => ear(Overheard::Away(why)),
        Tapped::Turn => ear(Overheard::Turn),
    };
    tap::listen(target, own, &subjects, &mut take).await
}
