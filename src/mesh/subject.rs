//! Where packets are published and received.

use super::node_id::NodeId;
use super::packet::PacketKind;

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

    /// The first token of all of them.
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

    /// Everything that a node listens to, and what kind of packet comes there.
    pub(crate) fn subscriptions(&self, own: &NodeId) -> Vec<(PacketKind, String)> {
        use PacketKind::*;
        let mut subjects: Vec<_> = [Event, Request, Response, Discover, Info, Ping, Pong]
            .map(|kind| (kind, self.node(kind, own)))
            .into();
        subjects.extend(
            [Discover, Info, Ping, Disconnect, Heartbeat].map(|kind| (kind, self.all(kind))),
        );
        subjects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: mesh/subjects
    #[test]
    fn a_node_listens_to_these_and_no_others() {
        let own = NodeId::new("a.b-1").unwrap();
        let mut subjects: Vec<_> = Subjects::new("")
            .subscriptions(&own)
            .into_iter()
            .map(|(_, subject)| subject)
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
}
