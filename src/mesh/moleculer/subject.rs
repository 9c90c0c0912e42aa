//! Where packets are published and received.

use super::node_service::catalogue;
use crate::mesh::node_id::NodeId;
use crate::mesh::packet_kind::PacketKind;
use crate::mesh::shared::services::LocalServices;
use crate::mesh::shared::transport::Subscription;

/// The subjects of one namespace: `MOL.<kind>` and `MOL.<kind>.<node>`, or `MOL-<namespace>.…`.
#[derive(Debug, Clone)]
pub(crate) struct Subjects {
    prefix: String,
}

impl Subjects {
    pub(crate) fn new(namespace: &str) -> Self {
        let prefix = if namespace.is_empty() {
            "MOL".to_owned()
        } else {
            format!("MOL-{namespace}")
        };
        Self { prefix }
    }

    /// What all of them begin with; a namespace may have dots in it.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// To everybody.
    pub(crate) fn all(&self, kind: PacketKind) -> String {
        format!("{}.{}", self.prefix, kind.name())
    }

    /// To one node.
    pub(crate) fn node(&self, kind: PacketKind, node: &NodeId) -> String {
        [&*self.prefix, kind.name(), node.as_str()].join(".")
    }

    /// Everything that a node listens to.
    pub(crate) fn subscriptions(
        &self,
        own: &NodeId,
        services: &LocalServices,
    ) -> Vec<Subscription> {
        use PacketKind::*;
        let plain = |kind, subject, own| Subscription {
            kind,
            subject,
            own,
            queue: None,
        };
        let mut all: Vec<_> = [Event, Request, Response, Discover, Info, Ping, Pong]
            .map(|kind| plain(kind, self.node(kind, own), true))
            .into();
        all.extend(
            [Discover, Info, Ping, Disconnect, Heartbeat]
                .map(|kind| plain(kind, self.all(kind), false)),
        );
        all.extend(self.queues(services));
        all
    }

    /// Where nodes send whose Moleculer runs with `disableBalancer`: calls without a node, and emitted events. They do
    /// not say so in their INFO, and nobody else publishes there, so every node listens.
    ///
    /// NATS gives a packet to one member of a queue group, whichever of its subjects match.
    fn queues(&self, services: &LocalServices) -> impl Iterator<Item = Subscription> {
        let prefix = &self.prefix;
        let actions = catalogue::offered().chain(services.actions().map(str::to_owned));
        let requests = actions.map(move |action| Subscription {
            kind: PacketKind::Request,
            subject: format!("{prefix}.REQB.{action}"),
            own: false,
            queue: Some(action),
        });
        let events = services.events().map(move |(group, event)| {
            // A subject knows whole parts only: from `**` on it takes everything, and what the name does not mean is
            // left aside when it comes.
            let subject = match event.split_once("**") {
                Some((before, _)) => format!("{prefix}.EVENTB.{group}.{before}>"),
                None => format!("{prefix}.EVENTB.{group}.{event}"),
            };
            Subscription {
                kind: PacketKind::Event,
                subject,
                own: false,
                queue: Some(group.to_owned()),
            }
        });
        requests.chain(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::service::ServiceSpec;

    // contract: mesh/subjects
    #[test]
    fn a_node_listens_to_these_and_no_others() {
        let own = NodeId::new("a.b-1").unwrap();
        let mut subjects: Vec<_> = Subjects::new("")
            .subscriptions(&own, &LocalServices::new(Vec::new(), &[], 1))
            .into_iter()
            .filter(|one| one.queue.is_none())
            .map(|one| one.subject)
            .collect();
        subjects.sort();
        assert_eq!(
            subjects,
            [
                "MOL.DISCONNECT",
                "MOL.DISCOVER",
                "MOL.DISCOVER.a.b-1",
                "MOL.EVENT.a.b-1",
                "MOL.HEARTBEAT",
                "MOL.INFO",
                "MOL.INFO.a.b-1",
                "MOL.PING",
                "MOL.PING.a.b-1",
                "MOL.PONG.a.b-1",
                "MOL.REQ.a.b-1",
                "MOL.RES.a.b-1",
            ]
        );
        assert_eq!(Subjects::new("ws").all(PacketKind::Info), "MOL-ws.INFO");
    }

    // contract: mesh/subject/REQB-EVENTB
    #[test]
    fn its_services_are_queue_groups_as_well() {
        // As moleculer 0.14.35 subscribes with `disableBalancer: true`.
        let streamer = ServiceSpec::new("streamer")
            .events(["watch.messages", "apps.*", "a.**.b", "**"])
            .action("hi", |_| async { Ok(None) });
        let services = LocalServices::new(Vec::new(), &[streamer], 1);
        let mut queues: Vec<_> = Subjects::new("").queues(&services).collect();
        queues.sort();
        let mut expected: Vec<_> = [
            "$node.actions",
            "$node.events",
            "$node.health",
            "$node.list",
            "$node.metrics",
            "$node.options",
            "$node.services",
            "streamer.hi",
        ]
        .map(|action| Subscription {
            kind: PacketKind::Request,
            subject: format!("MOL.REQB.{action}"),
            own: false,
            queue: Some(action.to_owned()),
        })
        .into();
        expected.extend(
            [">", "a.>", "apps.*", "watch.messages"].map(|event| Subscription {
                kind: PacketKind::Event,
                subject: format!("MOL.EVENTB.streamer.{event}"),
                own: false,
                queue: Some("streamer".to_owned()),
            }),
        );
        assert_eq!(queues, expected);
    }
}
