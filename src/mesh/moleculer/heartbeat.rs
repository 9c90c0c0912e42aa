//! Heartbeats: the own ones, and the look at whose do not come.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::node::MoleculerNode;
use super::packet;
use super::ping::PING_INTERVAL;
use crate::mesh::config::Strategy;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::host::CpuMeter;

/// Heartbeats of nodes that started together drift apart by up to this much either way.
const HEARTBEAT_JITTER: Duration = Duration::from_millis(500);

/// So many of the own heartbeats may be away: NATS brings them back, as what everybody hears.
const MUTE: u32 = 3;

/// Says that this node lives, at once and at intervals (an INFO alone does not tell those who still know it, and may be about
/// to give it up), and looks for those that do not. Runs while there is a connection: who cannot hear anybody
/// must not conclude that all are gone.
pub(super) async fn beat(node: Arc<MoleculerNode>, over: CancellationToken) {
    let (every, timeout) = (
        node.config.node.heartbeat_interval,
        node.config.node.heartbeat_timeout,
    );
    let jitter = HEARTBEAT_JITTER.min(every / 4).as_secs_f64();
    let every = (every.as_secs_f64() + rand::rng().random_range(-jitter..=jitter)).max(0.05);
    let mut beat = interval(Duration::from_secs_f64(every));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut check =
        interval((timeout / 10).clamp(Duration::from_millis(50), Duration::from_secs(1)));
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ping = interval(PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut meter = CpuMeter::new();
    let mut checked = Instant::now();
    let mut first_ping = true;
    loop {
        tokio::select! {
            biased;
            () = over.cancelled() => return,
            _ = beat.tick() => {
                if node.beats_away.fetch_add(1, Relaxed) >= MUTE {
                    tracing::warn!("NATS does not bring back what is sent to it: the connection is given up");
                    return over.cancel();
                }
                let cpu = meter.percent();
                node.registry.set_own_cpu(&node.config.node_id, cpu);
                let _ = node.publish(PacketKind::Heartbeat, None, packet::heartbeat(&node.config.node_id, cpu));
            }
            now = check.tick() => {
                // This process itself was stopped or starved: others' heartbeats still wait to be read.
                if now.duration_since(checked) > timeout / 2 {
                    node.registry.give_time();
                }
                checked = now;
                for silent in node.registry.silent(timeout) {
                    tracing::warn!(node = %silent, "a node fell silent");
                    node.node_gone(&silent, true);
                }
                node.registry.forget(node.config.forget_after);
            }
            _ = ping.tick(), if node.config.node.balance == Strategy::Latency => {
                node.ping_hosts(std::mem::take(&mut first_ping));
            }
        }
    }
}
