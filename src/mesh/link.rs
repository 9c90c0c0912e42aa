//! One connection of a Moleculer node, from its first packet to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::discovery;
use super::dispatch::Incoming;
use super::life::{End, FLUSH_TIMEOUT};
use super::moleculer::MoleculerNode;
use super::packet::{self, PacketKind};
use super::publish::Outgoing;
use super::service::LocalServices;
use super::transport::{Arrival, ConnectFailed, Connection, Inlet, Outlet};
use crate::telemetry::metrics;

/// One attempt to connect, and the connection from its first packet to its end.
pub(super) async fn serve(
    node: &Arc<MoleculerNode>,
    attempt: usize,
    tracker: &TaskTracker,
    token: &CancellationToken,
) -> Result<End, ConnectFailed> {
    let config = &node.config;
    let subjects = node.subjects.subscriptions(&config.node_id);
    let opening = Connection::open(
        &config.transporter,
        &config.node_id,
        subjects,
        attempt,
        &node.stats,
    );
    match node.open(token, opening).await? {
        Some(connection) => Ok(session(node, connection, tracker, token).await),
        None => Ok(End::Stop),
    }
}

async fn session(
    node: &Arc<MoleculerNode>,
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
    node.connected(max_payload);
    node.registry.give_time();
    node.waits.clear();
    node.outbox.open();
    node.set_up(true);
    let _ = node.publish(
        PacketKind::Discover,
        None,
        packet::bare(&node.config.node_id),
    );
    node.send_info(None);

    // Handlers of calls that came here go on when the connection breaks, as they do in Moleculer.
    let alive = token.clone();
    // Tasks of this connection: ended, and waited for, before the next one begins.
    let over = token.child_token();
    let outlet = Arc::new(outlet);
    let tasks = [
        tracker.spawn(pump_events(Arc::clone(node), events, over.clone())),
        tracker.spawn(pump_packets(
            Arc::clone(node),
            answers,
            control,
            tracker.clone(),
            alive,
            over.clone(),
        )),
        tracker.spawn(pump_out(
            Arc::clone(node),
            Arc::clone(&outlet),
            over.clone(),
        )),
        tracker.spawn(discovery::beat(Arc::clone(node), over.clone())),
    ];
    let end = node.end(token, &over, &mut down).await;
    if matches!(end, End::Leave) {
        say_goodbye(node, &outlet).await;
    }
    over.cancel();
    node.wind_up(tasks).await;
    let lost = node
        .outbox
        .close()
        .iter()
        .filter(|outgoing| outgoing.kind == PacketKind::Event)
        .count();
    node.stats.events_lost_out.add(lost as u64);
    node.give_up(&end);
    end
}

/// INFO without services, so that nobody calls any more; DISCONNECT; written.
async fn say_goodbye(inner: &MoleculerNode, outlet: &Outlet) {
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
async fn pump_events(inner: Arc<MoleculerNode>, mut events: Inlet, over: CancellationToken) {
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
        inner.take_in(Incoming::Packet(payload, metrics::arrived()), bytes);
    }
    over.cancel();
}

/// Answers first: one that came before its node's DISCONNECT is then seen before it.
async fn pump_packets(
    inner: Arc<MoleculerNode>,
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
async fn pump_out(inner: Arc<MoleculerNode>, outlet: Arc<Outlet>, over: CancellationToken) {
    while over
        .run_until_cancelled(inner.outbox.filled())
        .await
        .is_some()
    {
        // Whoever was woken with the one who spoke first speaks before this goes on: all of it leaves in one write.
        tokio::task::yield_now().await;
        while !over.is_cancelled()
            && let Some(outgoing) = inner.outbox.try_pop()
        {
            let Outgoing {
                kind,
                subject,
                payload,
                asked,
            } = outgoing;
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
}
