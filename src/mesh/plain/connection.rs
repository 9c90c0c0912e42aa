//! One connection, subscribed to everything that the node listens to.

use async_nats::Subscriber;
use futures_util::stream::SelectAll;

use super::micro::{GROUP, VERBS};
use super::node::PlainNode;
use super::subject;
use crate::mesh::shared::transport::{ConnectFailed, Connection, NatsOutlet, Outlet, nats_client};

/// What a connection brings. Answers have a way of their own and never wait behind events.
pub(crate) struct Inlets {
    /// Answers to what was asked.
    pub(super) answers: Subscriber,
    /// Events of others.
    pub(super) events: Subscriber,
    /// Events of which one node of a service gets each. No order between two names.
    pub(super) emitted: SelectAll<Subscriber>,
    /// Calls, and questions of NATS's service protocol.
    pub(super) requests: SelectAll<Subscriber>,
}

/// One attempt. Own events are not echoed: they reach the own listener without NATS.
pub(super) async fn connect(
    node: &PlainNode,
    attempt: usize,
) -> Result<Connection<Inlets>, ConnectFailed> {
    let own = &node.config.node_id;
    let (client, down) = nats_client(&node.target, own, attempt, &node.stats, false).await?;
    let failed = |error: async_nats::SubscribeError| ConnectFailed(error.to_string());
    let inbox = client.new_inbox();
    let answers = client
        .subscribe(format!("{inbox}.*"))
        .await
        .map_err(failed)?;
    let events = client
        .subscribe(subject::ALL_EVENTS)
        .await
        .map_err(failed)?;
    let mut emitted = SelectAll::new();
    for (service, event) in node.services.load().events() {
        let (subject, group) = (subject::emits(event), service.to_owned());
        emitted.push(
            client
                .queue_subscribe(subject, group)
                .await
                .map_err(failed)?,
        );
    }
    let mut requests = SelectAll::new();
    for verb in VERBS {
        requests.push(
            client
                .subscribe(format!("$SRV.{verb}"))
                .await
                .map_err(failed)?,
        );
    }
    for micro in node.micro.load().iter() {
        for verb in VERBS {
            let (name, id) = (&micro.name, &micro.id);
            for subject in [
                format!("$SRV.{verb}.{name}"),
                format!("$SRV.{verb}.{name}.{id}"),
            ] {
                requests.push(client.subscribe(subject).await.map_err(failed)?);
            }
        }
        for endpoint in &micro.endpoints {
            let group = GROUP.to_owned();
            let subscriber = client
                .queue_subscribe(endpoint.subject.clone(), group)
                .await;
            requests.push(subscriber.map_err(failed)?);
        }
    }
    let max_payload = client.max_payload();
    Ok(Connection {
        inlets: Inlets {
            answers,
            events,
            emitted,
            requests,
        },
        outlet: Outlet::Nats(NatsOutlet::new(client, inbox)),
        down,
        max_payload,
    })
}
