//! Whose presence a session wants to see (reference/streams.md, `user-presence`).
//!
//! One interest set a session: the first publication keeps it alive, later ones edit it. Sessions and uids are numbers
//! in compressed bitmaps ([`Relation`]), since everybody may watch everybody.

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;
use parking_lot::RwLock;
use serde_json::value::RawValue;

use super::relation::Relation;
use crate::client::{Client, SessionId};
use crate::ddp::SharedFrame;
use crate::ddp::message::{Change, document};
use crate::ejson::{self, RawObject, quoted};
use crate::streams::hub::Delivered;

/// Uids in one set: a web client asks for the users that are on its page, tens of them, and for some hundreds after long
/// scrolling. A set of this size costs its session at most a megabyte when nobody else wants the same uids.
pub(super) const MAX_INTEREST: u64 = 10_000;
/// Longest uid, in bytes: ids have 17 or 24 characters, imported ones more.
const MAX_UID: usize = 128;

/// All interest sets.
#[derive(Debug, Default)]
pub(super) struct Presence(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    relation: Relation<Watching>,
    sessions: HashMap<SessionId, u32>,
}

#[derive(Debug)]
struct Watching {
    client: Arc<Client>,
    /// The publication that keeps the set alive.
    publication: CompactString,
}

/// How a set is edited: `{added: [uid…], removed: [uid…]}`. What is no text is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Edit {
    added: Vec<String>,
    removed: Vec<String>,
}

impl Edit {
    /// Reads the second param.
    pub(super) fn read(options: Option<&RawValue>) -> Self {
        let options = options.and_then(RawObject::of);
        let uids = |key| {
            let list = options.as_ref().and_then(|options| options.get(key));
            list.and_then(ejson::array)
                .unwrap_or_default()
                .into_iter()
                .filter_map(ejson::text)
                .filter(|uid| !uid.is_empty() && uid.len() <= MAX_UID)
                .map(String::from)
                .collect()
        };
        Self {
            added: uids("added"),
            removed: uids("removed"),
        }
    }
}

/// A set would become larger than [`MAX_INTEREST`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Presence {
    /// Whether a session has a set.
    pub(super) fn has(&self, session: &SessionId) -> bool {
        self.0.read().sessions.contains_key(session)
    }

    /// A session's first publication: its set begins.
    pub(super) fn begin(&self, client: &Arc<Client>, publication: &str) {
        let mut state = self.0.write();
        let State { relation, sessions } = &mut *state;
        sessions
            .entry(client.id().clone())
            .or_insert_with(|| {
                relation.enter(Watching {
                    client: client.clone(),
                    publication: publication.into(),
                })
            });
    }

    /// Edits a session's set. Does nothing without one.
    pub(super) fn edit(&self, session: &SessionId, edit: &Edit) -> Result<(), TooMany> {
        let mut state = self.0.write();
        let State { relation, sessions } = &mut *state;
        let Some(watcher) = sessions.get(session).copied() else {
            return Ok(());
        };
        let mut full = false;
        for uid in &edit.added {
            full = relation.interest(watcher) >= MAX_INTEREST;
            if full {
                break;
            }
            relation.add(watcher, uid);
        }
        for uid in &edit.removed {
            relation.remove(watcher, uid);
        }
        relation.settle(watcher);
        match full {
            true => Err(TooMany),
            false => Ok(()),
        }
    }

    /// A publication ended: its session's set ends with it, when it kept that alive.
    pub(super) fn ended(&self, session: &SessionId, publication: &str) {
        let mut state = self.0.write();
        let State { relation, sessions } = &mut *state;
        let Some(watcher) = sessions.get(session).copied() else {
            return;
        };
        let keeps = relation
            .watcher(watcher)
            .is_some_and(|watching| watching.publication == publication);
        if keeps {
            relation.leave(watcher);
            sessions.remove(session);
        }
    }

    /// The session is somebody else now: its set is built anew, of the same uids.
    pub(super) fn rebuild(&self, client: &Arc<Client>) {
        let mut state = self.0.write();
        let State { relation, sessions } = &mut *state;
        let Some(watcher) = sessions.get(client.id()).copied() else {
            return;
        };
        let uids: Vec<_> = relation.names(watcher).cloned().collect();
        let Some(former) = relation.leave(watcher) else {
            sessions.remove(client.id());
            return;
        };
        let watcher = relation.enter(former);
        for uid in uids {
            relation.add(watcher, &uid);
        }
        relation.settle(watcher);
        sessions.insert(client.id().clone(), watcher);
    }

    /// A session left.
    pub(super) fn leave(&self, session: &SessionId) {
        if !self.has(session) {
            return;
        }
        let mut state = self.0.write();
        let State { relation, sessions } = &mut *state;
        if let Some(watcher) = sessions.remove(session) {
            relation.leave(watcher);
        }
    }

    /// Tells everybody who wants to know: `args` are the arguments of the stream event, an array.
    pub(super) fn publish(&self, uid: &str, args: &str) -> Delivered {
        let state = self.0.read();
        let mut interested = state.relation.interested(uid).peekable();
        if interested.peek().is_none() {
            return Delivered::default();
        }
        let frame = SharedFrame::new(update(uid, args));
        let mut delivered = Delivered::default();
        for (_, watching) in interested {
            match watching.client.send_shared(&frame) {
                true => delivered.deliveries += 1,
                false => delivered.refused += 1,
            }
        }
        delivered.encodings = frame.encodings();
        delivered
    }

    /// How many sessions have a set.
    #[cfg(test)]
    pub(super) fn sessions(&self) -> usize {
        self.0.read().sessions.len()
    }
}

/// An update has a form of its own: the document's id is the user.
fn update(uid: &str, args: &str) -> Vec<u8> {
    let id = quoted(uid);
    let fields = format!(r#"{{"uid":{id},"args":{args},"eventName":{id}}}"#);
    document(Change::Changed, "stream-user-presence", uid, Some(&fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_lists_of_text() {
        let read = |json: &str| Edit::read(Some(&ejson::raw(json.into()).unwrap()));
        assert_eq!(
            read(r#"{"added":["a",1,null,{"$ne":""},["b"],"","c"],"removed":["d"]}"#),
            Edit {
                added: vec!["a".into(), "c".into()],
                removed: vec!["d".into()]
            }
        );
        for nothing in ["null", "true", "[\"a\"]", r#"{"added":"a"}"#, r#"{"added":{"$in":["a"]}}"#] {
            assert_eq!(read(nothing), Edit::default(), "{nothing}");
        }
        let long = format!(r#"{{"added":["{}"]}}"#, "x".repeat(MAX_UID + 1));
        assert_eq!(read(&long), Edit::default());
    }

    #[test]
    fn an_update_is_a_document_of_its_user() {
        assert_eq!(
            String::from_utf8(update("u\"1", r#"[["alice",1,null]]"#)).unwrap(),
            r#"{"msg":"changed","collection":"stream-user-presence","id":"u\"1","fields":{"uid":"u\"1","args":[["alice",1,null]],"eventName":"u\"1"}}"#
        );
    }
}
