//! The life of the node: connect, be there, lose the connection, connect again, for ever; leave.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::calls::Reply;
use super::discovery;
use super::dispatch::Incoming;
use super::handle::{Inner, MeshState};
use super::packet::{self, PacketKind};
use super::publish::Outgoing;
use super::service::LocalServices;
use super::transport::{Arrival, Connection, Inlet, Outlet};
use crate::telemetry::metrics;

/// Longest pause between attempts to connect (reference/mesh.md: at most 500 ms, jittered).
const MAX_PAUSE: Duration = Duration::from_millis(500);
/// Pause before the second attempt; each later one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// For the flush of the last packets.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a connection was given up.
enum End {
    Broke(String),
    Leave,
    Stop,
}

/// Runs until the node leaves, fails or is stopped.
pub(super) async fn drive(inner: Arc<Inner>, tracker: TaskTracker, token: CancellationToken) {
    // Nodes that start together must not all ask the same server first.
    let mut attempt = rand::rng().random_range(0..1024_usize);
    let mut failures = 0_u32;
    let mut connected_before = false;
    loop {
        let subjects = inner.subjects.subscriptions(&inner.config.node_id);
        let opened = tokio::select! {
            biased;
            () = token.cancelled() => break,
            () = inner.leaving.cancelled() => break,
            opened = Connection::open(&inner.config.transporter, &inner.config.node_id, subjects, attempt, &inner.stats) => opened,
        };
        attempt = attempt.wrapping_add(1);
        match opened {
            Ok(connection) => {
                if connected_before {
                    inner.stats.reconnects.add(1);
                }
                tracing::info!(node = %inner.config.node_id, again = connected_before, "connected to the mesh");
                connected_before = true;
                failures = 0;
                match session(&inner, connection, &tracker, &token).await {
                    End::Broke(reason) => {
                        tracing::warn!(%reason, "the mesh is away; calls fail and events are lost until it is back")
                    }
                    End::Leave | End::Stop => break,
                }
            }
            Err(error) => {
                inner.stats.connect_failures.add(1);
                failures = failures.saturating_add(1);
                if let Some(left_out) = inner.limits.connect.pass() {
                    tracing::warn!(%error, left_out, "no connection to the mesh; trying on");
                }
            }
        }
        away(&inner);
        tokio::select! {
            () = token.cancelled() => break,
            () = inner.leaving.cancelled() => break,
            () = sleep(pause(failures)) => {}
        }
    }
    inner.outbox.close();
    inner.pending.fail_all(|| Reply::Left);
    inner.state.send_if_modified(|state| {
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

fn away(inner: &Inner) {
    inner.state.send_if_modified(|state| match state {
        MeshState::Joined => {
            *state = MeshState::Away {
                since: Instant::now(),
            };
            true
        }
        _ => false,
    });
}

/// One connection from its first packet to its end.
async fn session(
    inner: &Arc<Inner>,
    connection: Connection,
    tracker: &TaskTracker,
    token: &CancellationToken,
) -> End {
    let Connection {
        answers,
        events,
        control,
        outlet,
        mut down,
        max_payload,
    } = connection;
    inner.max_payload.store(max_payload, Ordering::Relaxed);
    inner.registry.give_time();
    inner.waits.clear();
    inner.outbox.open();
    inner.up.store(true, Ordering::Release);
    metrics::nats_connected(true);
    let _ = inner.publish(
        PacketKind::Discover,
        None,
        packet::bare(&inner.config.node_id),
    );
    inner.send_info(None);

    // Handlers of calls that came here go on when the connection breaks, as they do in Moleculer.
    let alive = token.clone();
    // Tasks of this connection: ended, and waited for, before the next one begins.
    let over = token.child_token();
    let outlet = Arc::new(outlet);
    let tasks = [
        tracker.spawn(pump_events(Arc::clone(inner), events, over.clone())),
        tracker.spawn(pump_packets(
            Arc::clone(inner),
            answers,
            control,
            tracker.clone(),
            alive,
            over.clone(),
        )),
        tracker.spawn(pump_out(
            Arc::clone(inner),
            Arc::clone(&outlet),
            over.clone(),
        )),
        tracker.spawn(discovery::beat(Arc::clone(inner), over.clone())),
    ];
    let joined = async {
        sleep(inner.config.join_delay).await;
        inner.state.send_if_modified(|state| {
            let changed = matches!(state, MeshState::Joining | MeshState::Away { .. });
            if changed {
                *state = MeshState::Joined;
            }
            changed
        });
        std::future::pending::<()>().await;
    };
    let end = tokio::select! {
        biased;
        () = token.cancelled() => End::Stop,
        () = inner.failed.cancelled() => End::Stop,
        () = inner.leaving.cancelled() => End::Leave,
        reason = down.wait() => End::Broke(reason),
        // A pump that ends on its own has seen the end of the connection.
        () = over.cancelled() => End::Broke("the connection closed".to_owned()),
        () = joined => End::Stop,
    };
    if matches!(end, End::Leave) {
        say_goodbye(inner, &outlet).await;
    }
    over.cancel();
    for task in tasks {
        let _ = task.await;
    }
    inner.up.store(false, Ordering::Release);
    metrics::nats_connected(false);
    let lost = inner
        .outbox
        .close()
        .iter()
        .filter(|outgoing| outgoing.kind == PacketKind::Event)
        .count();
    inner.stats.events_lost_out.add(lost as u64);
    inner.pending.fail_all(|| {
        if matches!(end, End::Broke(_)) {
            Reply::Away
        } else {
            Reply::Left
        }
    });
    end
}

/// INFO without services, so that nobody calls any more; DISCONNECT; written.
async fn say_goodbye(inner: &Inner, outlet: &Outlet) {
    let seq = inner.services.load().seq + 1;
    inner.set_services(LocalServices::none(seq));
    let _ = inner.publish(
        PacketKind::Disconnect,
        None,
        packet::bare(&inner.config.node_id),
    );
    let written = async {
        while !inner.outbox.is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        outlet.flush().await;
    };
    let _ = tokio::time::timeout(FLUSH_TIMEOUT, written).await;
}

/// Drains the event subscription and does nothing else: async-nats drops what is not taken.
async fn pump_events(inner: Arc<Inner>, mut events: Inlet, over: CancellationToken) {
    loop {
        let next = tokio::select! {
            biased;
            () = over.cancelled() => return,
            next = events.next() => next,
        };
        let Some(arrival) = next else { break };
        let Arrival::Packet(kind, payload) = arrival else {
            continue;
        };
        inner.stats.received(kind);
        let bytes = payload.len();
        inner.take_in(Incoming::Wire(payload, metrics::arrived()), bytes);
    }
    over.cancel();
}

/// Answers first: one that came before its node's DISCONNECT is then seen before it.
async fn pump_packets(
    inner: Arc<Inner>,
    mut answers: Inlet,
    mut control: Inlet,
    tracker: TaskTracker,
    alive: CancellationToken,
    over: CancellationToken,
) {
    loop {
        let next = tokio::select! {
            biased;
            () = over.cancelled() => return,
            answer = answers.next() => answer,
            packet = control.next() => packet,
        };
        match next {
            Some(Arrival::Packet(kind, payload)) => {
                inner.stats.received(kind);
                inner.handle(kind, payload, &tracker, &alive);
            }
            Some(Arrival::Unreached(id)) => inner.pending.unreached(id),
            None => break,
        }
    }
    over.cancel();
}

/// Hands the outbox to the transport.
async fn pump_out(inner: Arc<Inner>, outlet: Arc<Outlet>, over: CancellationToken) {
    loop {
        let Outgoing {
            kind,
            subject,
            payload,
            asked,
        } = tokio::select! {
            biased;
            () = over.cancelled() => return,
            next = inner.outbox.pop() => next,
        };
        let handed = tokio::select! {
            biased;
            handed = outlet.publish(subject, payload, asked) => handed,
            () = over.cancelled() => Err(()),
        };
        match handed {
            Ok(()) => inner.stats.published(kind),
            Err(()) if kind == PacketKind::Event => inner.stats.events_lost_out.add(1),
            Err(()) => {}
        }
    }
}
