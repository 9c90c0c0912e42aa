//! One connection of the node, from its first word to its end.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, Outlet};
use super::node::PlainNode;
use super::{census, subject};
use crate::mesh::dispatch::Incoming;
use crate::mesh::life::{End, FLUSH_TIMEOUT};
use crate::mesh::packet::PacketKind;
use crate::mesh::transport::ConnectFailed;
use crate::telemetry::metrics;

/// One attempt to connect, and the connection to its end.
pub(in crate::mesh) async fn serve(
    node: &Arc<PlainNode>,
    attempt: usize,
    tracker: &TaskTracker,
    token: &CancellationToken,
) -> Result<End, ConnectFailed> {
    match node.open(token, Connection::open(node, attempt)).await? {
        Some(connection) => Ok(session(node, connection, tracker, token).await),
        None => Ok(End::Stop),
    }
}

async fn session(
    node: &Arc<PlainNode>,
    connection: Connection,
    tracker: &TaskTracker,
    token: &CancellationToken,
) -> End {
    let Connection {
        answers,
        events,
        requests,
        outlet,
        mut down,
        max_payload,
    } = connection;
    node.connected(max_payload);
    node.census.give_time();
    node.outbox.open();
    node.set_up(true);

    // Handlers of calls that came here go on when the connection breaks.
    let alive = token.clone();
    // Tasks of this connection: ended, and waited for, before the next one begins.
    let over = token.child_token();
    let outlet = Arc::new(outlet);
    let tasks = [
        tracker.spawn(pump_events(Arc::clone(node), events, over.clone())),
        tracker.spawn(pump_answers(Arc::clone(node), answers, over.clone())),
        tracker.spawn(pump_requests(
            Arc::clone(node),
            requests,
            tracker.clone(),
            alive,
            over.clone(),
        )),
        tracker.spawn(pump_out(
            Arc::clone(node),
            Arc::clone(&outlet),
            over.clone(),
        )),
        tracker.spawn(census::keep(Arc::clone(node), over.clone())),
    ];
    let (end, alive) = tokio::select! {
        end = node.end(token, &over, &mut down) => {
            let alive = matches!(end, End::Leave);
            (end, alive)
        }
        () = node.renew.notified() => (End::Broke("other services are offered".to_owned()), true),
    };
    if alive {
        write_out(node, &outlet).await;
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

/// What was said before the end is sent. There is nothing to say of the end itself: with the connection go its
/// subscriptions, and with them this node.
async fn write_out(node: &PlainNode, outlet: &Outlet) {
    let written = async {
        while !node.outbox.is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        outlet.flush().await;
    };
    let _ = tokio::time::timeout(FLUSH_TIMEOUT, written).await;
}

/// The next message; `None` at the end of the connection.
async fn next(from: &mut Subscriber, over: &CancellationToken) -> Option<Message> {
    let next = over.run_until_cancelled(from.next()).await.flatten();
    if next.is_none() {
        over.cancel();
    }
    next
}

/// Drains the event subscription and does nothing else: async-nats drops what is not taken.
async fn pump_events(node: Arc<PlainNode>, mut events: Subscriber, over: CancellationToken) {
    while let Some(message) = next(&mut events, &over).await {
        node.stats.received(PacketKind::Event);
        let Some(name) = subject::event_name(&message.subject) else {
            continue;
        };
        if !node.services.load().listens::<&str>(name, &[]) {
            continue;
        }
        let bytes = name.len() + message.payload.len();
        let incoming = Incoming::Named {
            name: name.to_owned(),
            payload: message.payload,
            arrived: metrics::arrived(),
        };
        node.take_in(incoming, bytes);
    }
}

async fn pump_answers(node: Arc<PlainNode>, mut answers: Subscriber, over: CancellationToken) {
    while let Some(message) = next(&mut answers, &over).await {
        node.answered(&message);
    }
}

async fn pump_requests(
    node: Arc<PlainNode>,
    mut requests: SelectAll<Subscriber>,
    tracker: TaskTracker,
    alive: CancellationToken,
    over: CancellationToken,
) {
    while let Some(Some(message)) = over.run_until_cancelled(requests.next()).await {
        node.asked(message, &tracker, &alive);
    }
    over.cancel();
}

/// Hands the outbox to the connection.
async fn pump_out(node: Arc<PlainNode>, outlet: Arc<Outlet>, over: CancellationToken) {
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
