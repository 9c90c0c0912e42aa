//! The other nodes: who they are, and who wants the core's events.

use memchr::memmem;

use crate::wire::json;

/// An event that streamers list and the core does not.
const STREAMERS_OWN: &[u8] = b"\"meteor.clientVersionUpdated\"";

/// A node that was heard of.
struct Known {
    id: Vec<u8>,
    streamer: bool,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Registry {
    known: Vec<Known>,
}

impl Registry {
    /// An INFO packet. `true` when its sender is a streamer and was not one before.
    pub(crate) fn info(&mut self, sender: &[u8], packet: &[u8]) -> bool {
        let streamer = json::member(packet, "services")
            .is_some_and(|services| memmem::find(services, STREAMERS_OWN).is_some());
        match self.known.iter_mut().find(|node| node.id == sender) {
            Some(node) => !std::mem::replace(&mut node.streamer, streamer) && streamer,
            None => {
                self.known.push(Known {
                    id: sender.to_vec(),
                    streamer,
                });
                streamer
            }
        }
    }

    pub(crate) fn knows(&self, sender: &[u8]) -> bool {
        self.known.iter().any(|node| node.id == sender)
    }

    pub(crate) fn forget(&mut self, sender: &[u8]) {
        self.known.retain(|node| node.id != sender);
    }

    /// The nodes to which events go.
    pub(crate) fn streamers(&self) -> impl Iterator<Item = &[u8]> {
        self.known
            .iter()
            .filter(|node| node.streamer)
            .map(|node| node.id.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAMER: &[u8] =
        br#"{"services":[{"name":"streamer","events":{"meteor.clientVersionUpdated":{}}}]}"#;
    const BARE: &[u8] = br#"{"services":[]}"#;

    #[test]
    fn a_streamer_is_one_by_its_newest_info() {
        let mut registry = Registry::default();
        assert!(!registry.info(b"a.b", BARE));
        assert!(registry.knows(b"a.b"));
        assert!(registry.info(b"a.b", STREAMER), "now it is");
        assert!(!registry.info(b"a.b", STREAMER), "it already was");
        assert_eq!(registry.streamers().collect::<Vec<_>>(), [b"a.b"]);
        registry.info(b"a.b", BARE);
        assert_eq!(registry.streamers().count(), 0);
        registry.forget(b"a.b");
        assert!(!registry.knows(b"a.b"));
    }
}
