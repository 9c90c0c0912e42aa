//! A session's publications, and the topics that they listen to.
//!
//! The hub (streams) interns topics and fans out; the session's table stands here, since login, teardown and the
//! limits need it without knowing what a stream is. Lock order, everywhere: a client's publications, then a topic's
//! listeners, then an outbox.

use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;
use parking_lot::RwLock;
use serde_json::value::RawValue;

use super::handle::Client;
use super::places::{self, Places};

/// Something to listen to: an event name of a stream, or a published collection.
pub struct Topic {
    /// The stream or collection, by its row in the hub's catalogue.
    pub stream: u16,
    /// The event name; empty for a collection.
    pub event_name: Box<str>,
    /// Everybody who listens.
    pub listeners: RwLock<Places<Arc<Client>>>,
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("stream", &self.stream)
            .field("event_name", &self.event_name)
            .finish_non_exhaustive()
    }
}

/// One active DDP subscription of a session.
#[derive(Debug, Clone)]
pub struct Publication {
    asked: Asked,
    /// What it listens to.
    pub topic: Arc<Topic>,
    /// Its place among the topic's listeners.
    pub slot: u32,
}

/// The client's id, and the arguments of the rule: few have any, and they take no room where there are none.
#[derive(Debug, Clone)]
enum Asked {
    Plainly(CompactString),
    With(Box<(CompactString, Box<RawValue>)>),
}

impl Publication {
    /// A publication of a client's `id`. `args` are the arguments of its rule, a JSON array, where it had any: the rule may be
    /// asked again.
    #[must_use]
    pub fn new(id: &str, args: Option<Box<RawValue>>, topic: Arc<Topic>, slot: u32) -> Self {
        let id = CompactString::new(id);
        let asked = match args {
            None => Asked::Plainly(id),
            Some(args) => Asked::With(Box::new((id, args))),
        };
        Self { asked, topic, slot }
    }

    /// The client's id for it.
    #[must_use]
    pub fn id(&self) -> &str {
        match &self.asked {
            Asked::Plainly(id) => id,
            Asked::With(asked) => &asked.0,
        }
    }

    /// The arguments of its rule.
    #[must_use]
    pub fn args(&self) -> Option<&RawValue> {
        match &self.asked {
            Asked::Plainly(_) => None,
            Asked::With(asked) => Some(&asked.1),
        }
    }

    /// Whether it has this id and is of this topic, by its names: a topic is made anew whenever nobody listened.
    #[must_use]
    pub fn is(&self, id: &str, topic: &Topic) -> bool {
        self.id() == id
            && self.topic.stream == topic.stream
            && self.topic.event_name == topic.event_name
    }
}

/// All publications of a session, in the order in which they came.
#[derive(Debug, Default)]
pub struct Publications {
    list: Vec<Publication>,
    /// Set by the teardown: a session that left gets no publication any more.
    closed: bool,
}

/// The table grows by this many at least.
const GROWTH: usize = 4;

impl Publications {
    /// The publication with an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Publication> {
        self.list.iter().find(|publication| publication.id() == id)
    }

    /// The publication with an id, if it is of this topic: a client may use an id again for something else.
    #[must_use]
    pub fn of(&self, id: &str, topic: &Topic) -> Option<&Publication> {
        self.get(id).filter(|publication| publication.is(id, topic))
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Publication> {
        self.list.iter()
    }

    /// All of them, oldest first, to move them between topics.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Publication> {
        self.list.iter_mut()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether the session has left.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Adds one. The caller has seen that the id is free and the session has not left.
    pub fn push(&mut self, publication: Publication) {
        places::grow(&mut self.list, GROWTH);
        self.list.push(publication);
    }

    /// Takes one away.
    pub fn remove(&mut self, id: &str) -> Option<Publication> {
        let at = self
            .list
            .iter()
            .position(|publication| publication.id() == id)?;
        Some(self.list.remove(at))
    }

    /// Takes away all that `which` names.
    pub fn remove_if(&mut self, mut which: impl FnMut(&Publication) -> bool) -> Vec<Publication> {
        self.list
            .extract_if(.., |publication| which(publication))
            .collect()
    }

    /// Takes all away, for good.
    pub fn close(&mut self) -> Vec<Publication> {
        self.closed = true;
        std::mem::take(&mut self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_small() {
        // Every session has some dozens.
        assert_eq!(size_of::<Publication>(), 40);
    }
}
