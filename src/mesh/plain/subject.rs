//! Where calls and events of the plain broker go. Both spaces have a prefix of their own: `accounts.login` is a method
//! and an event.

use crate::mesh::node_id::{NodeId, is_subject_rest};

/// Methods of any node.
const CALLS: &str = "rpc.";
/// Methods of one node.
const NODES: &str = "node.";
/// Events to everybody.
const EVENTS: &str = "event.";
/// Events to one node of each service.
const EMITS: &str = "emit.";

/// Everything that is broadcast. One subscription for all, though few of the events may be listened to: NATS keeps the
/// order within a subscription only, and what two events do to one stream depends on theirs.
pub(super) const ALL_EVENTS: &str = "event.>";

/// All that goes to nodes, but for answers.
pub(super) const EVERYTHING: [&str; 4] = [ALL_EVENTS, "emit.>", "rpc.>", "node.>"];

/// A method of any node, or of a certain one; `None` when the name cannot stand in a subject.
pub(super) fn call(action: &str, node: Option<&NodeId>) -> Option<String> {
    is_subject_rest(action).then(|| match node {
        Some(node) => format!("{NODES}{}.{action}", node.token()),
        None => format!("{CALLS}{action}"),
    })
}

/// The method that was called, by a subject that the own node listens to.
pub(super) fn called<'a>(subject: &'a str, own: &NodeId) -> Option<&'a str> {
    subject.strip_prefix(CALLS).or_else(|| {
        let rest = subject.strip_prefix(NODES)?.strip_prefix(own.as_str())?;
        rest.strip_prefix('.')
    })
}

/// The method that was called, and the one node that it was called of.
pub(super) fn overheard_call(subject: &str) -> Option<(&str, Option<&str>)> {
    if let Some(action) = subject.strip_prefix(CALLS) {
        return Some((action, None));
    }
    let (node, action) = subject.strip_prefix(NODES)?.split_once('.')?;
    Some((action, Some(node)))
}

/// An event; `None` when the name cannot stand in a subject.
pub(super) fn event(name: &str) -> Option<String> {
    is_subject_rest(name).then(|| format!("{EVENTS}{name}"))
}

/// A balanced event; `None` when the name cannot stand in a subject.
pub(super) fn emit(name: &str) -> Option<String> {
    is_subject_rest(name).then(|| format!("{EMITS}{name}"))
}

/// Where balanced events of this name, or pattern, come. A subject knows whole parts only: from `**` on it takes
/// everything, and what the name does not mean is left aside when it comes.
pub(super) fn emits(event: &str) -> String {
    match event.split_once("**") {
        Some((before, _)) => format!("{EMITS}{before}>"),
        None => format!("{EMITS}{event}"),
    }
}

/// The name of an event that came, and whether it went to everybody. What begins with `$` is told by nobody but the own
/// registry.
pub(super) fn event_name(subject: &str) -> Option<(&str, bool)> {
    let (name, broadcast) = match subject.strip_prefix(EVENTS) {
        Some(name) => (name, true),
        None => (subject.strip_prefix(EMITS)?, false),
    };
    (!name.starts_with('$')).then_some((name, broadcast))
}

/// Whether NATS's service protocol takes the text as a name, or an id: one token of a subject.
pub(super) fn is_token(text: &str) -> bool {
    is_subject_rest(text) && !text.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: mesh/broker/subjects
    #[test]
    fn methods_and_events_never_meet() {
        let node = NodeId::new("pod.1").unwrap();
        assert_eq!(
            call("accounts.login", None).as_deref(),
            Some("rpc.accounts.login")
        );
        assert_eq!(
            call("accounts.login", Some(&node)).as_deref(),
            Some("node.pod_1.accounts.login")
        );
        assert_eq!(
            event("accounts.login").as_deref(),
            Some("event.accounts.login")
        );
        assert_eq!(
            emit("accounts.login").as_deref(),
            Some("emit.accounts.login")
        );
        for (event, subject) in [
            ("a.b", "emit.a.b"),
            ("a.*", "emit.a.*"),
            ("a.**.b", "emit.a.>"),
        ] {
            assert_eq!(emits(event), subject);
        }
        for bad in ["", "a b", "a.*", "a..b", "a\r\nPUB"] {
            assert_eq!(
                (call(bad, None), event(bad), emit(bad)),
                (None, None, None),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn read_back() {
        let own = NodeId::new("me").unwrap();
        assert_eq!(called("rpc.a.b", &own), Some("a.b"));
        assert_eq!(called("node.me.a.b", &own), Some("a.b"));
        assert_eq!(called("node.you.a.b", &own), None);
        assert_eq!(overheard_call("rpc.a.b"), Some(("a.b", None)));
        assert_eq!(overheard_call("node.you.a.b"), Some(("a.b", Some("you"))));
        assert_eq!(overheard_call("event.a.b"), None);
        assert_eq!(
            event_name("event.notify.e2e.keyRequest"),
            Some(("notify.e2e.keyRequest", true))
        );
        assert_eq!(event_name("emit.a.b"), Some(("a.b", false)));
        assert_eq!(event_name("event.$node.disconnected"), None);
        assert_eq!(event_name("emit.$node.disconnected"), None);
    }
}
