//! The life of a node, whichever broker it speaks with: connect, be there, lose the connection, connect again, for
//! ever; leave.

use std::time::Duration;

use rand::Rng;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::base::Base;
use super::calls::Reply;
use super::handle::{Broker, MeshState};
use super::packet::PacketKind;
use super::transport::{ConnectFailed, Down, Outlet};
use super::{link, plain};

/// Longest pause between attempts to connect (reference/mesh.md: at most 500 ms, jittered).
const MAX_PAUSE: Duration = Duration::from_millis(500);
/// Pause before the second attempt; each later one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// For the flush of the last packets.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a connection was given up.
pub(super) enum End {
    Broke(String),
    Leave,
    Stop,
}

/// Runs until the node leaves, fails or is stopped.
pub(super) async fn drive(broker: Broker, tracker: TaskTracker, token: CancellationToken) {
    let base = broker.base();
    // Nodes that start together must not all ask the same server first.
    let mut attempt = rand::rng().random_range(0..1024_usize);
    let mut failures = 0_u32;
    loop {
        let served = match &broker {
            Broker::Moleculer(node) => link::serve(node, attempt, &tracker, &token).await,
            Broker::Plain(node) => plain::serve(node, attempt, &tracker, &token).await,
        };
        attempt = attempt.wrapping_add(1);
        match served {
            Ok(End::Broke(reason)) => {
                failures = 0;
                tracing::warn!(%reason, "the mesh is away; calls fail and events are lost until it is back");
            }
            Ok(End::Leave | End::Stop) => break,
            Err(error) => {
                base.stats.connect_failures.add(1);
                failures = failures.saturating_add(1);
                base.limits.connect.log(|left_out| {
                    tracing::warn!(%error, left_out, "no connection to the mesh; trying on");
                });
            }
        }
        base.away();
        if base
            .unless_ended(&token, sleep(pause(failures)))
            .await
            .is_none()
        {
            break;
        }
    }
    base.pending.fail_all(|| Reply::Left);
    base.state.send_if_modified(|state| {
        let failed = matches!(state, MeshState::Failed(_));
        if !failed {
            *state = MeshState::Left;
        }
        !failed
    });
}

fn pause(failures: u32) -> Duration {
    let longest = FIRST_PAUSE
        .saturating_mul(1 << failures.min(8))
        .min(MAX_PAUSE);
    longest.mul_f64(rand::rng().random_range(0.5..1.0))
}

impl Base {
    fn away(&self) {
        self.state.send_if_modified(|state| match state {
            MeshState::Joined => {
                *state = MeshState::Away {
                    since: Instant::now(),
                };
                true
            }
            _ => false,
        });
    }

    /// What the future brings; `None` when the node is to leave or to stop first.
    async fn unless_ended<T>(
        &self,
        token: &CancellationToken,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            () = token.cancelled() => None,
            () = self.leaving.cancelled() => None,
            output = future => Some(output),
        }
    }

    /// A connection, or the reason why there is none; `None` when the node is to leave or to stop first.
    pub(super) async fn open<C>(
        &self,
        token: &CancellationToken,
        attempt: impl Future<Output = Result<C, ConnectFailed>>,
    ) -> Result<Option<C>, ConnectFailed> {
        self.unless_ended(token, attempt).await.transpose()
    }

    /// Waits for the end of a connection; the node counts as joined after the join delay.
    pub(super) async fn end(
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

    /// Hands the outbox to the connection.
    pub(super) async fn pump_out(&self, outlet: &Outlet, over: &CancellationToken) {
        while over
            .run_until_cancelled(self.outbox.filled())
            .await
            .is_some()
        {
            // Whoever was woken with the one who spoke first speaks before this goes on: all of it leaves in one write.
            tokio::task::yield_now().await;
            while !over.is_cancelled()
                && let Some(outgoing) = self.outbox.try_pop()
            {
                let kind = outgoing.kind;
                match over.run_until_cancelled(outlet.publish(outgoing)).await {
                    Some(Ok(())) => self.stats.published(kind),
                    _ if kind == PacketKind::Event => self.stats.events_lost_out.add(1),
                    _ => {}
                }
            }
        }
    }

    /// What was said before the end is written, if the server takes it.
    pub(super) async fn write_out(&self, outlet: &Outlet) {
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
    pub(super) async fn wind_up(
        &self,
        end: &End,
        over: &CancellationToken,
        tasks: impl IntoIterator<Item = JoinHandle<()>>,
    ) {
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
            End::Broke(_) => Reply::Away,
            End::Leave | End::Stop => Reply::Left,
        });
    }
}
