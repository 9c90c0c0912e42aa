//! What a connection means to a Moleculer node: its first words, what it takes in, its last words.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::forgotten;
use super::introduction;
use super::node::MoleculerNode;
use super::packet;
use super::transport::{self, Inlet, Inlets};
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::incoming::{Incoming, Received};
use crate::mesh::shared::protocol::{Protocol, Scope, left_over};
use crate::mesh::shared::services::LocalServices;
use crate::mesh::shared::transport::{Arrival, ConnectFailed, Connection};
use crate::telemetry::work;

impl Protocol for MoleculerNode {
    type Inlets = Inlets;

    async fn connect(&self, attempt: usize) -> Result<Connection<Inlets>, ConnectFailed> {
        let config = &self.config;
        let subscriptions = self
            .subjects
            .subscriptions(&config.node_id, &self.services.load());
        transport::connect(
            &config.transporter,
            &config.node_id,
            subscriptions,
            attempt,
            &self.stats,
        )
        .await
    }

    fn hears_again(&self) {
        self.registry.give_time();
        self.waits.clear();
        self.beats_away.store(0, Relaxed);
    }

    fn begin(self: &Arc<Self>, inlets: Inlets, scope: &Scope<'_>) -> Vec<JoinHandle<()>> {
        let Inlets {
            answers,
            events,
            control,
        } = inlets;
        let Scope { tracker, over, .. } = *scope;
        vec![
            tracker.spawn(take_events(Arc::clone(self), events, over.clone())),
            tracker.spawn(take_packets(
                Arc::clone(self),
                answers,
                control,
                tracker.clone(),
                scope.node.clone(),
                over.clone(),
            )),
            tracker.spawn(introduction::join(Arc::clone(self), over.clone())),
            tracker.spawn(forgotten::tell(Arc::clone(self), over.clone())),
        ]
    }

    /// Subscriptions of queue groups follow with the next connection: nodes with a balancer send to the node itself.
    async fn outdated(&self) {
        std::future::pending().await
    }

    /// INFO without services, so that nobody calls any more; DISCONNECT.
    fn farewell(&self) {
        if !self.is_introduced() {
            return;
        }
        let seq = self.services.load().seq + 1;
        self.offer(LocalServices::new(Vec::new(), &[], seq));
        self.send_info(None);
        let _ = self.publish(
            PacketKind::Disconnect,
            None,
            packet::bare(&self.config.node_id),
        );
    }

    fn deliver(&self, received: Received) {
        self.deliver_packet(received.payload);
    }
}

/// Drains the event subscriptions and does nothing else: async-nats drops what is not taken.
async fn take_events(node: Arc<MoleculerNode>, mut events: Inlet, over: CancellationToken) {
    loop {
        let next = tokio::select! {
            biased;
            () = over.cancelled() => break,
            next = events.next() => next,
        };
        let Some(arrival) = next else { break };
        take_event(&node, arrival);
    }
    while let Some(arrival) = left_over(events.next()) {
        take_event(&node, arrival);
    }
    over.cancel();
}

fn take_event(node: &MoleculerNode, arrival: Arrival) {
    let Arrival::Packet(kind, payload) = arrival else {
        return;
    };
    node.stats.received(kind);
    let bytes = payload.len();
    let received = Received {
        name: String::new(),
        broadcast: false,
        payload,
        arrived: work::arrived(),
        sender: None,
    };
    node.take_in(Incoming::Received(received), bytes);
}

/// Answers first: one that came before its node's DISCONNECT is then seen before it.
async fn take_packets(
    node: Arc<MoleculerNode>,
    mut answers: Inlet,
    mut control: Inlet,
    tracker: TaskTracker,
    alive: CancellationToken,
    over: CancellationToken,
) {
    let take = |arrival| match arrival {
        Arrival::Packet(kind, payload) => {
            node.stats.received(kind);
            node.receive(kind, false, payload, &tracker, &alive);
        }
        Arrival::Asked(payload) => {
            node.stats.received(PacketKind::Discover);
            node.receive(PacketKind::Discover, true, payload, &tracker, &alive);
        }
        Arrival::Unreached(id) => node.pending.unreached(id),
    };
    loop {
        let next = tokio::select! {
            biased;
            () = over.cancelled() => break,
            answer = answers.next() => answer,
            packet = control.next() => packet,
        };
        let Some(arrival) = next else { break };
        take(arrival);
    }
    // Answers only: a request would be answered to nobody.
    while let Some(answer) = left_over(answers.next()) {
        take(answer);
    }
    over.cancel();
}
