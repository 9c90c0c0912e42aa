//! The name of a node.
//!
//! A node id is the rest of a subject (`MOL.REQ.<node>`), dots and all, so it must be text that NATS accepts there:
//! an id that came from the wire is put into subjects that we publish to, and blanks or line ends in it would be
//! read by the server as protocol.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest node id in bytes. Host names have at most 253 bytes; the rest is room for process ids and suffixes.
const MAX_NODE_ID_BYTES: usize = 512;

/// A checked node id: never empty, no blanks or control characters, no wildcard, no empty token between dots. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<str>);

/// The text cannot stand in a NATS subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' cannot be a node id: no blanks, control characters, '*', '>' or empty parts between dots, at most {MAX_NODE_ID_BYTES} bytes"
)]
pub struct InvalidNodeId(pub String);

impl NodeId {
    /// Checks the text.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidNodeId> {
        let text = text.as_ref();
        if is_subject_rest(text) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(InvalidNodeId(text.chars().take(64).collect()))
        }
    }

    /// The id as one token of a subject, as the plain broker writes it: every character outside `[A-Za-z0-9_-]` is `_`.
    pub(crate) fn token(&self) -> Self {
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        // JavaScript replaces each of the two halves of a character beyond the first plane.
        let parts = self.0.chars().flat_map(|c| {
            let count = if safe(c) { 1 } else { c.len_utf16() };
            std::iter::repeat_n(if safe(c) { c } else { '_' }, count)
        });
        Self(Arc::from(parts.collect::<String>()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the text may follow a prefix in a subject that is published to.
pub(crate) fn is_subject_rest(text: &str) -> bool {
    if text.is_empty() || text.len() > MAX_NODE_ID_BYTES {
        return false;
    }
    // Every answer's sender is asked about, and is ASCII.
    let allowed = if text.is_ascii() {
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'>'))
    } else {
        !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '*' || c == '>')
    };
    allowed && text.split('.').all(|token| !token.is_empty())
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for NodeId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for NodeId {
    type Err = InvalidNodeId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl PartialEq<str> for NodeId {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for NodeId {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: mesh/node-id/dots
    #[test]
    fn host_names_with_dots_are_node_ids() {
        for id in ["vm-27650", "pod.ns.svc.cluster.local-1", "ä", "a_b"] {
            assert_eq!(NodeId::new(id).unwrap(), id);
        }
    }

    #[test]
    fn one_token_for_the_plain_broker() {
        for (id, token) in [
            ("a_b-7", "a_b-7"),
            ("pod.ns.svc-1", "pod_ns_svc-1"),
            ("ä€", "__"),
            ("🚀", "__"),
        ] {
            assert_eq!(NodeId::new(id).unwrap().token(), token);
        }
    }

    #[test]
    fn what_nats_would_read_as_protocol_is_refused() {
        for id in [
            "",
            "a b",
            "a\r\nPUB x 0",
            "a..b",
            ".a",
            "a.",
            "*",
            "a.>",
            "a\0b",
            &"x".repeat(600),
        ] {
            assert!(NodeId::new(id).is_err(), "{id:?}");
        }
    }
}
