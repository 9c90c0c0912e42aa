//! What a connection means to a node of the plain broker: what it takes in. There is nothing to say at its beginning or
//! its end: with the connection come and go its subscriptions, and with them this node.

use std::sync::Arc;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::connection::{self, Inlets};
use super::node::PlainNode;
use super::{answer, census, headers, subject};
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::incoming::{Incoming, Received};
use crate::mesh::shared::protocol::{Protocol, Scope, left_over};
use crate::mesh::shared::transport::{ConnectFailed, Connection};
use crate::telemetry::work;

impl Protocol for PlainNode {
    type Inlets = Inlets;

    async fn connect(&self, attempt: usize) -> Result<Connection<Inlets>, ConnectFailed> {
        connection::connect(self, attempt).await
    }

    fn hears_again(&self) {
        self.instances.give_time();
    }

    fn begin(self: &Arc<Self>, inlets: Inlets, scope: &Scope<'_>) -> Vec<JoinHandle<()>> {
        let Inlets {
            answers,
            events,
            emitted,
            requests,
        } = inlets;
        let Scope { tracker, over, .. } = *scope;
        vec![
            tracker.spawn(take_events(Arc::clone(self), events, over.clone())),
            tracker.spawn(take_emitted(Arc::clone(self), emitted, over.clone())),
            tracker.spawn(take_answers(Arc::clone(self), answers, over.clone())),
            tracker.spawn(take_requests(
                Arc::clone(self),
                requests,
                tracker.clone(),
                scope.node.clone(),
                over.clone(),
            )),
            tracker.spawn(census::keep(Arc::clone(self), over.clone())),
        ]
    }

    async fn outdated(&self) {
        self.renew.notified().await;
    }

    fn farewell(&self) {}

    fn deliver(&self, received: Received) {
        self.deliver_args(received);
    }
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
async fn take_events(node: Arc<PlainNode>, mut events: Subscriber, over: CancellationToken) {
    while let Some(message) = next(&mut events, &over).await {
        take_event(&node, message);
    }
    while let Some(message) = left_over(events.next()) {
        take_event(&node, message);
    }
}

/// The same with those of balanced events, of which a node without services has none.
async fn take_emitted(
    node: Arc<PlainNode>,
    mut emitted: SelectAll<Subscriber>,
    over: CancellationToken,
) {
    while let Some(Some(message)) = over.run_until_cancelled(emitted.next()).await {
        take_event(&node, message);
    }
    while let Some(message) = left_over(emitted.next()) {
        take_event(&node, message);
    }
}

fn take_event(node: &PlainNode, message: Message) {
    node.stats.received(PacketKind::Event);
    let Some((name, broadcast)) = subject::event_name(&message.subject) else {
        return;
    };
    if !node.services.load().listens::<&str>(name, &[]) {
        return;
    }
    let bytes = name.len() + message.payload.len();
    let received = Received {
        name: name.to_owned(),
        broadcast,
        payload: message.payload,
        arrived: work::arrived(),
        sender: message.headers.as_ref().and_then(headers::sender),
    };
    node.take_in(Incoming::Received(received), bytes);
}

/// The last token says to what it is an answer.
async fn take_answers(node: Arc<PlainNode>, mut answers: Subscriber, over: CancellationToken) {
    while let Some(message) = next(&mut answers, &over).await {
        take_answer(&node, &message);
    }
    while let Some(message) = left_over(answers.next()) {
        take_answer(&node, &message);
    }
}

fn take_answer(node: &PlainNode, message: &Message) {
    let token = message.subject.rsplit('.').next().unwrap_or_default();
    match Uuid::try_parse(token) {
        Ok(id) => {
            node.stats.received(PacketKind::Response);
            if !node.pending.settle(id, || answer::read(message)) {
                node.stats.orphans.add(1);
                tracing::debug!(%id, "an answer that nobody waits for");
            }
        }
        Err(_) => node.told(token, message),
    }
}

async fn take_requests(
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
