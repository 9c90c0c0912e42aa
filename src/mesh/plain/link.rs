//! One connection of the node, from its first word to its end.

use std::sync::Arc;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::node::PlainNode;
use super::{census, subject};
use crate::mesh::dispatch::Incoming;
use crate::mesh::life::End;
use crate::mesh::packet::PacketKind;
use crate::mesh::transport::{ConnectFailed, Outlet};
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
        // There is nothing to say of the end itself: with the connection go its subscriptions, and with them this node.
        node.write_out(&outlet).await;
    }
    node.wind_up(&end, &over, tasks).await;
    end
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

async fn pump_out(node: Arc<PlainNode>, outlet: Arc<Outlet>, over: CancellationToken) {
    node.pump_out(&outlet, &over).await;
}
