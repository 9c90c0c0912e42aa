//! Where a recording is played: a sandbox, or a mesh that is a sandbox's unless whoever plays says that he knows.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::ReplayError;
use crate::app::{self, SERVICE};
use crate::config::{MeshSettings, host_name};
use crate::mesh::{Mesh, MeshConfig, MeshState, NodeId, Survey, survey};
use crate::sandbox;

/// For joining, and for hearing of everybody who was there before.
const JOIN: Duration = Duration::from_secs(15);
/// Between looks at what others tell, and at what was not sent yet.
const LOOK: Duration = Duration::from_millis(20);
/// What may wait to be sent, bytes: a replay without pauses goes as fast as NATS takes it.
const WAITING: usize = 1024 * 1024;

/// See the module.
pub(super) enum Stage {
    Sandbox(sandbox::Target),
    Mesh(OnMesh),
}

/// A node of its own on a mesh.
pub(super) struct OnMesh {
    mesh: Mesh,
    tracker: TaskTracker,
    token: CancellationToken,
}

impl Stage {
    /// Joins the mesh of these settings, after a look at who is there.
    pub(super) async fn mesh(
        settings: &MeshSettings,
        whoever_is_there: bool,
    ) -> Result<Self, ReplayError> {
        let wrong = |error: String| ReplayError::Settings(error);
        let mut config = app::mesh_config(settings).map_err(|error| wrong(error.to_string()))?;
        let own = format!(
            "{}-replay-{}",
            host_name().to_lowercase(),
            std::process::id()
        );
        config.node_id = NodeId::new(own).map_err(|error| wrong(error.to_string()))?;
        let there = survey(&config, |_| whoever_is_there).await;
        let there = there.map_err(|error| wrong(error.to_string()))?;
        if !there.servers.iter().any(|server| server.told.is_ok()) {
            let told = there.servers.iter().map(|server| match &server.told {
                Ok(_) => server.name.clone(),
                Err(trouble) => format!("{}: {trouble}", server.name),
            });
            return Err(ReplayError::NotJoined(told.collect::<Vec<_>>().join(", ")));
        }
        if !whoever_is_there && let Some(why) = not_a_sandbox(&there) {
            return Err(ReplayError::NotASandbox(why));
        }
        OnMesh::join(config, &there).await.map(Self::Mesh)
    }

    /// Plays an event; `false` when there is no such thing here.
    pub(super) async fn play(
        &self,
        event: &str,
        broadcast: bool,
        args: &str,
    ) -> Result<bool, ReplayError> {
        match self {
            // Its page broadcasts, and takes arrays only.
            Self::Sandbox(_) if !broadcast || !args.starts_with('[') => Ok(false),
            Self::Sandbox(target) => {
                // An event that nobody lists was played as well: so it is on a mesh.
                sandbox::inject(target, event, args).await?;
                Ok(true)
            }
            Self::Mesh(on) => {
                while on.mesh.stats().outbox_bytes > WAITING {
                    sleep(LOOK).await;
                }
                match broadcast {
                    true => on.mesh.broadcast(event, args),
                    false => on.mesh.emit(event, args),
                }
                Ok(true)
            }
        }
    }

    /// Leaves, when all was sent. Tells how many events were not.
    pub(super) async fn leave(self) -> u64 {
        let Self::Mesh(on) = self else { return 0 };
        let sent = async {
            while on.mesh.stats().outbox_bytes > 0 {
                sleep(LOOK).await;
            }
        };
        let _goes_with_it = timeout(JOIN, sent).await;
        on.mesh.leave().await;
        let lost = on.mesh.stats().events_lost_out;
        on.token.cancel();
        on.tracker.close();
        on.tracker.wait().await;
        lost
    }
}

impl OnMesh {
    async fn join(config: MeshConfig, there: &Survey) -> Result<Self, ReplayError> {
        let failed = |why: &str| ReplayError::NotJoined(why.to_owned());
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        let mesh = Mesh::start(config, Vec::new(), Arc::new(()), &tracker, &token);
        let mesh = mesh.map_err(|error| failed(&error.to_string()))?;
        let joined = async {
            let mut state = mesh.state();
            let joined = state.wait_for(|state| *state == MeshState::Joined).await;
            drop(joined);
            // What nobody is known to listen to is sent to nobody.
            while there.nodes.iter().any(|seen| !knows(&mesh, &seen.id)) {
                sleep(LOOK).await;
            }
        };
        if timeout(JOIN, joined).await.is_err() {
            token.cancel();
            return Err(failed("its nodes did not tell of themselves"));
        }
        Ok(Self {
            mesh,
            tracker,
            token,
        })
    }
}

fn knows(mesh: &Mesh, node: &NodeId) -> bool {
    mesh.nodes()
        .iter()
        .any(|known| known.available && known.id == *node)
}

/// Why somebody may be at work on this mesh; `None` where a sandbox's core has streamers and nobody else.
fn not_a_sandbox(there: &Survey) -> Option<String> {
    if there.unreadable + there.of_protocol_5 > 0 || !there.mute.is_empty() {
        return Some("there are nodes on this mesh that do not tell what they are".to_owned());
    }
    let is_streamer = |services: &[String]| services.iter().all(|service| service == SERVICE);
    let (sandboxes, others): (Vec<_>, Vec<_>) = there
        .nodes
        .iter()
        .partition(|node| sandbox::is_node(node.id.as_str()));
    let strangers: BTreeSet<Cow<'_, str>> = others
        .iter()
        .filter(|node| !is_streamer(&node.services))
        .map(|node| Cow::Borrowed(node.id.as_str()))
        .collect();
    if let Some(first) = strangers.first() {
        let rest = match strangers.len() - 1 {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        return Some(format!("this is no sandbox's mesh ({first}{rest})"));
    }
    sandboxes
        .is_empty()
        .then(|| "no sandbox's core is on this mesh".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::NodeSeen;

    /// Its name and its services.
    type Node<'a> = (&'a str, &'a [&'a str]);

    fn there(nodes: &[Node<'_>]) -> Survey {
        let nodes = nodes.iter().map(|(id, services)| NodeSeen {
            id: NodeId::new(*id).unwrap(),
            hostname: None,
            client: String::new(),
            services: services.iter().map(|name| (*name).to_owned()).collect(),
            round_trip: None,
            ahead_ms: None,
        });
        Survey {
            nodes: nodes.collect(),
            ..Survey::default()
        }
    }

    #[test]
    fn only_where_a_sandbox_is_alone_with_streamers_nobody_is_asked() {
        let core: Node<'_> = ("sandbox-core-12", &["meteor", "accounts"]);
        let probe: Node<'_> = ("sandbox-probe-12", &["probe"]);
        let streamer: Node<'_> = ("a-1", &["streamer"]);
        assert_eq!(not_a_sandbox(&there(&[core, probe, streamer])), None);
        let rows: [(&[Node<'_>], &str); 5] = [
            (&[], "no sandbox's core is on this mesh"),
            // Its core may be on its way back.
            (&[streamer], "no sandbox's core is on this mesh"),
            (
                &[core, streamer, ("b-1", &["presence"])],
                "this is no sandbox's mesh (b-1)",
            ),
            (
                &[core, ("sandbox-core-x", &["meteor"]), ("b-1", &["meteor"])],
                "this is no sandbox's mesh (b-1 and 1 more)",
            ),
            (
                &[("rocketchat-1", &["meteor"])],
                "this is no sandbox's mesh (rocketchat-1)",
            ),
        ];
        for (nodes, why) in rows {
            assert_eq!(not_a_sandbox(&there(nodes)).as_deref(), Some(why));
        }
        let mut mute = there(&[core]);
        mute.mute.insert(NodeId::new("b").unwrap());
        assert!(not_a_sandbox(&mute).is_some());
        let mut unreadable = there(&[core]);
        unreadable.unreadable = 1;
        assert!(not_a_sandbox(&unreadable).is_some());
        let mut newer = there(&[core]);
        newer.of_protocol_5 = 1;
        assert!(not_a_sandbox(&newer).is_some());
    }
}
