//! One connection of the own node, from its first word to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::local_node::LocalNode;
use super::pending::Reply;
use super::protocol::{Protocol, Scope};
use super::transport::{ConnectFailed, Connection, Down, Outlet};
use crate::mesh::packet_kind::PacketKind;

/// For the flush of the last packets.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a connection was given up.
pub(crate) enum End {
    /// It broke.
    Broke(String),
    /// It is as good as before, but its subscriptions are not.
    Outdated,
    /// The node leaves.
    Leave,
    /// The node is stopped, or cannot go on.
    Stop,
}

/// One attempt to connect, and the connection to its end.
pub(crate) async fn serve<P: Protocol>(
    node: &Arc<P>,
    attempt: usize,
    tracker: &TaskTracker,
    token: &CancellationToken,
) -> Result<End, ConnectFailed> {
    let opened = node.unless_ended(token, node.connect(attempt)).await;
    match opened.transpose()? {
        Some(connection) => Ok(session(node, connection, tracker, token).await),
        None => Ok(End::Stop),
    }
}

async fn session<P: Protocol>(
    node: &Arc<P>,
    connection: Connection<P::Inlets>,
    tracker: &TaskTracker,
    token: &CancellationToken,
) -> End {
    let Connection {
        inlets,
        outlet,
        mut down,
        max_payload,
    } = connection;
    node.connected(max_payload);
    node.registry.connected();
    node.hears_again();
    node.outbox.open();
    node.set_up(true);
    let over = token.child_token();
    let scope = Scope {
        tracker,
        node: token,
        over: &over,
    };
    let mut tasks = node.begin(inlets, &scope);
    let outlet = Arc::new(outlet);
    tasks.push(tracker.spawn(pump_out(
        Arc::clone(node),
        Arc::clone(&outlet),
        over.clone(),
    )));
    let end = tokio::select! {
        end = node.end(token, &over, &mut down) => end,
        () = node.outdated() => End::Outdated,
    };
    if matches!(end, End::Leave) {
        node.farewell();
    }
    if matches!(end, End::Leave | End::Outdated) {
        node.write_out(&outlet).await;
    }
    node.wind_up(&end, &over, tasks).await;
    end
}

/// Hands the outbox to the connection.
async fn pump_out<P: Protocol>(node: Arc<P>, outlet: Arc<Outlet>, over: CancellationToken) {
    while over
        .run_until_cancelled(node.outbox.filled())
        .await
        .is_some()
    {
        // Whoever was woken with the one who spoke first speaks before this goes on: all of it leaves in one write.
        tokio::task::yield_now().await;
        while !over.is_cancelled()
            && let Some(outgoing) = node.outbox.try_pop()
        {
            let kind = outgoing.kind;
            match over.run_until_cancelled(outlet.publish(outgoing)).await {
                Some(Ok(())) => node.stats.published(kind),
                _ if kind == PacketKind::Event => node.stats.events_lost_out.add(1),
                _ => {}
            }
        }
    }
}

impl LocalNode {
    /// Waits for the end of a connection; the node counts as joined after the join delay.
    async fn end(
        &self,
        token: &CancellationToken,
        over: &CancellationToken,
        down: &mut Down,
    ) -> End {
        let joined = async {
            sleep(self.config.join_delay).await;
            self.joined();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = token.cancelled() => End::Stop,
            () = self.failed.cancelled() => End::Stop,
            () = self.leaving.cancelled() => End::Leave,
            reason = down.wait() => End::Broke(reason),
            // A pump that ends on its own has seen the end of the connection.
            () = over.cancelled() => End::Broke("the connection closed".to_owned()),
            () = joined => End::Stop,
        }
    }

    /// What was said before the end is written, if the server takes it.
    async fn write_out(&self, outlet: &Outlet) {
        let written = async {
            while !self.outbox.is_empty() {
                sleep(Duration::from_millis(1)).await;
            }
            outlet.flush().await;
        };
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, written).await;
    }

    /// The connection is over: its tasks are waited for, nothing is kept for the next one, and what waits for an answer
    /// is given up. The outbox is closed before that, so that no call slips in between.
    async fn wind_up(&self, end: &End, over: &CancellationToken, tasks: Vec<JoinHandle<()>>) {
        over.cancel();
        for task in tasks {
            let _ = task.await;
        }
        self.set_up(false);
        let unsent = self.outbox.close();
        let lost = unsent
            .iter()
            .filter(|outgoing| outgoing.kind == PacketKind::Event);
        self.stats.events_lost_out.add(lost.count() as u64);
        self.pending.fail_all(|| match end {
            End::Broke(_) | End::Outdated => Reply::Away,
            End::Leave | End::Stop => Reply::Left,
        });
    }
}
