//! One connection, subscribed to everything that the node listens to.

use async_nats::{Client, Subscriber};
use futures_util::stream::SelectAll;

use super::micro::{GROUP, VERBS};
use super::node::{Outgoing, PlainNode, Reply};
use super::subject;
use crate::mesh::transport::{ConnectFailed, Down, nats_client};

/// See the module. Answers have a way of their own and never wait behind events.
pub(super) struct Connection {
    /// Answers to what was asked.
    pub(super) answers: Subscriber,
    /// Events of others.
    pub(super) events: Subscriber,
    /// Calls, and questions of NATS's service protocol.
    pub(super) requests: SelectAll<Subscriber>,
    pub(super) outlet: Outlet,
    pub(super) down: Down,
    /// Largest payload that may be published, bytes.
    pub(super) max_payload: usize,
}

/// The way out.
pub(super) struct Outlet {
    client: Client,
    /// Where answers come: this and one token.
    inbox: String,
}

impl Connection {
    /// One attempt. Own events are not echoed: they reach the own listener without NATS.
    pub(super) async fn open(node: &PlainNode, attempt: usize) -> Result<Self, ConnectFailed> {
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
        Ok(Self {
            answers,
            events,
            requests,
            outlet: Outlet { client, inbox },
            down,
            max_payload,
        })
    }
}

impl Outlet {
    /// Hands something over. What cannot be handed over is lost; the connection's end is told by [`Down`].
    pub(super) async fn publish(&self, outgoing: Outgoing) -> Result<(), async_nats::PublishError> {
        let Outgoing {
            subject,
            reply,
            headers,
            payload,
            ..
        } = outgoing;
        match (reply, headers) {
            (Reply::Nowhere, None) => self.client.publish(subject, payload).await,
            (Reply::Nowhere, Some(headers)) => {
                self.client
                    .publish_with_headers(subject, headers, payload)
                    .await
            }
            (Reply::Inbox(token), _) => {
                let reply = [&*self.inbox, &*token].join(".");
                self.client
                    .publish_with_reply(subject, reply, payload)
                    .await
            }
        }
    }

    /// Waits until everything was written.
    pub(super) async fn flush(&self) {
        let _ = self.client.flush().await;
    }
}
