//! The life of a node: connect, be there, lose the connection, connect again, for ever; leave.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::link::{self, End};
use super::pending::Reply;
use super::protocol::Protocol;

/// Longest pause between attempts to connect (reference/mesh.md: at most 500 ms, jittered).
const MAX_PAUSE: Duration = Duration::from_millis(500);
/// Pause before the second attempt; each later one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Runs until the node leaves, fails or is stopped.
pub(crate) async fn drive<P: Protocol>(
    node: Arc<P>,
    tracker: TaskTracker,
    token: CancellationToken,
) {
    // Nodes that start together must not all ask the same server first.
    let mut attempt = rand::rng().random_range(0..1024_usize);
    let mut failures = 0_u32;
    loop {
        let served = link::serve(&node, attempt, &tracker, &token).await;
        attempt = attempt.wrapping_add(1);
        match served {
            Ok(End::Broke(reason)) => {
                failures = 0;
                tracing::warn!(%reason, "the mesh is away; calls fail and events are lost until it is back");
            }
            Ok(End::Outdated) => {
                failures = 0;
                tracing::info!("other services are offered: a new connection is made");
            }
            Ok(End::Leave | End::Stop) => break,
            Err(error) => {
                node.stats.connect_failures.add(1);
                failures = failures.saturating_add(1);
                node.limits.connect.log(|left_out| {
                    tracing::warn!(%error, left_out, "no connection to the mesh; trying on");
                });
            }
        }
        node.away();
        if node
            .unless_ended(&token, sleep(pause(failures)))
            .await
            .is_none()
        {
            break;
        }
    }
    node.pending.fail_all(|| Reply::Left);
    node.left();
}

/// How long after so many failures in a row the next attempt waits.
pub(crate) fn pause(failures: u32) -> Duration {
    let longest = FIRST_PAUSE
        .saturating_mul(1 << failures.min(8))
        .min(MAX_PAUSE);
    longest.mul_f64(rand::rng().random_range(0.5..1.0))
}
