//! Other names for what must be told apart and not known.
//!
//! A pseudonym is a keyed hash, so that it is the same one in the whole recording. The key is made for one recording, and gone with it: nobody can try names or passwords
//! against a file, nor join two files.

use std::collections::HashMap;

use rand::Rng;
use ring::hmac;

/// Those of Meteor's ids, of which none can be taken for another.
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz";
/// As long as Meteor's ids.
const LENGTH: usize = 17;
/// So many nodes have a number; who names more of them is playing.
const MOST_NODES: usize = 4096;

/// See the module.
pub(crate) struct Pseudonyms {
    key: hmac::Key,
    nodes: HashMap<String, usize>,
}

impl Pseudonyms {
    pub(crate) fn new() -> Self {
        Self::with_key(rand::rng().random())
    }

    fn with_key(key: [u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            nodes: HashMap::new(),
        }
    }

    /// Nodes are numbered as they come; with the broker's own way of writing ids they are the same ones.
    pub(crate) fn node(&mut self, id: &str) -> String {
        if id.is_empty() {
            return String::new();
        }
        let next = self.nodes.len() + 1;
        if next > MOST_NODES && !self.nodes.contains_key(id) {
            return self.of(id);
        }
        let number = *self.nodes.entry(id.to_owned()).or_insert(next);
        format!("node-{number}")
    }

    /// That of any text; of a node its number.
    pub(crate) fn of(&self, text: &str) -> String {
        if let Some(number) = self.nodes.get(text) {
            return format!("node-{number}");
        }
        let tag = hmac::sign(&self.key, text.as_bytes());
        // A byte is no multiple of 55: some characters come a little more often, and 98 bits become 97.
        let letters = tag.as_ref().iter().take(LENGTH).map(|byte| {
            let at = usize::from(*byte) % ALPHABET.len();
            char::from(ALPHABET[at])
        });
        letters.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_has_the_same_one_in_one_recording_only() {
        let (mut one, other) = (Pseudonyms::new(), Pseudonyms::new());
        assert_eq!(one.of("alice"), one.of("alice"));
        assert_ne!(one.of("alice"), one.of("bob"));
        assert_ne!(one.of("alice"), other.of("alice"));
        assert_eq!(one.of("alice").len(), LENGTH);
        assert_eq!(
            ["a", "b", "a"].map(|id| one.node(id)),
            ["node-1", "node-2", "node-1"]
        );
        assert_eq!(one.of("b"), "node-2");
        assert_eq!(one.node(""), "");
    }
}
