//! Whose presence a session wants to see (reference/streams.md, `user-presence`).
//!
//! One interest set a session: the first publication keeps it alive, later ones edit it. Sessions and uids are numbers
//! in compressed bitmaps ([`Relation`]), since everybody may watch everybody. Where statuses can be hidden, a set has a
//! [`Viewer`] who does not see everybody.

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;
use parking_lot::RwLock;
use roaring::RoaringBitmap;
use serde_json::value::RawValue;

use super::hub::Delivered;
use super::relation::Relation;
use super::slack::give_back;
use crate::client::{Client, SessionId, UserId};
use crate::ddp::SharedFrame;
use crate::ddp::message::{Change, document};
use crate::ejson::{self, RawObject, join, quoted};
use crate::streams::visibility::{Sight, Viewer};
use crate::telemetry::{metrics, work};

/// Uids in one set: a web client asks for the users that are on its page, tens of them, and for some hundreds after long
/// scrolling. A set of this size costs its session at most a megabyte when nobody else wants the same uids.
pub(in crate::streams) const MAX_INTEREST: u64 = 10_000;
/// Longest uid, in bytes: ids have 17 or 24 characters, imported ones more.
const MAX_UID: usize = 128;

/// All interest sets.
#[derive(Debug, Default)]
pub(in crate::streams) struct Presence(RwLock<State>);

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
    /// What is hidden from the session's user; `None` before anybody could be hidden.
    viewer: Option<Arc<Viewer>>,
    /// The numbers of hidden users of whom the session was told that they are offline.
    concealed: RoaringBitmap,
}

impl Watching {
    fn sees(&self, uid: &str) -> Sight {
        self.viewer
            .as_ref()
            .map_or(Sight::Unknown, |viewer| viewer.sees(uid))
    }
}

/// How a set is edited: `{added: [uid…], removed: [uid…]}`. What is no text is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::streams) struct Edit {
    added: Vec<String>,
    removed: Vec<String>,
}

impl Edit {
    /// Reads the second param.
    pub(in crate::streams) fn read(options: Option<&RawValue>) -> Self {
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
pub(in crate::streams) struct TooMany;

impl Presence {
    /// Whether a session has a set.
    pub(in crate::streams) fn has(&self, session: &SessionId) -> bool {
        self.0.read().sessions.contains_key(session)
    }

    /// A session's first publication: its set begins.
    pub(in crate::streams) fn begin(
        &self,
        client: &Arc<Client>,
        publication: &str,
        viewer: Option<Arc<Viewer>>,
    ) {
        let mut state = self.0.write();
        let State { relation, sessions } = &mut *state;
        sessions.entry(client.id().clone()).or_insert_with(|| {
            relation.enter(Watching {
                client: client.clone(),
                publication: publication.into(),
                viewer,
                concealed: RoaringBitmap::new(),
            })
        });
    }

    /// Edits a session's set. Does nothing without one.
    pub(in crate::streams) fn edit(&self, session: &SessionId, edit: &Edit) -> Result<(), TooMany> {
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
            if let Some(number) = relation.number(uid)
                && let Some(watching) = relation.watcher_mut(watcher)
            {
                watching.concealed.remove(number);
            }
            relation.remove(watcher, uid);
        }
        relation.settle(watcher);
        match full {
            true => Err(TooMany),
            false => Ok(()),
        }
    }

    /// A publication ended: its session's set ends with it, when it kept that alive.
    pub(in crate::streams) fn ended(&self, session: &SessionId, publication: &str) {
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
            give_back(sessions);
        }
    }

    /// The session is somebody else now: its set is built anew, of the same uids, for another viewer.
    pub(in crate::streams) fn rebuild(&self, client: &Client, viewer: Option<Arc<Viewer>>) {
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
        let watcher = relation.enter(Watching {
            viewer,
            concealed: RoaringBitmap::new(),
            ..former
        });
        for uid in uids {
            relation.add(watcher, &uid);
        }
        relation.settle(watcher);
        sessions.insert(client.id().clone(), watcher);
    }

    /// Gives a viewer to each set that has none: from now on somebody may be hidden. Says whether there was one.
    pub(in crate::streams) fn give_viewers(&self, of: impl Fn(&UserId) -> Arc<Viewer>) -> bool {
        let mut given = false;
        for watching in self.0.write().relation.watchers_mut() {
            if watching.viewer.is_none() {
                watching.viewer = watching.client.user().as_ref().map(&of);
                given |= watching.viewer.is_some();
            }
        }
        given
    }

    /// Nobody is hidden any more: as before there were viewers.
    pub(in crate::streams) fn drop_viewers(&self) {
        for watching in self.0.write().relation.watchers_mut() {
            watching.viewer = None;
            watching.concealed = RoaringBitmap::new();
        }
    }

    /// A session left.
    pub(in crate::streams) fn leave(&self, session: &SessionId) {
        if !self.has(session) {
            return;
        }
        let mut state = self.0.write();
        let State { relation, sessions } = &mut *state;
        if let Some(watcher) = sessions.remove(session) {
            relation.leave(watcher);
            give_back(sessions);
        }
    }

    /// Tells everybody who wants to know: `args` are the arguments of the stream event, an array.
    pub(in crate::streams) fn publish(&self, uid: &str, args: &str) -> Delivered {
        let state = self.0.read();
        let mut interested = state.relation.interested(uid).peekable();
        if interested.peek().is_none() {
            return Delivered::default();
        }
        let frame = SharedFrame::new(update(uid, args)).keeping(work::written());
        let mut delivered = Delivered::default();
        for (_, watching) in interested {
            match watching.client.send_shared(&frame) {
                true => delivered.deliveries += 1,
                false => delivered.refused += 1,
            }
        }
        delivered.encodings = frame.encodings();
        metrics::message_sent(frame.json(), delivered.deliveries);
        delivered
    }

    /// Tells those who want to know and may. Who heard of the user before and may no longer is told that the user is
    /// offline, once.
    pub(in crate::streams) fn publish_visible(&self, uid: &str, args: &str) -> Delivered {
        let mut state = self.0.write();
        let relation = &mut state.relation;
        let Some(number) = relation.number(uid) else {
            return Delivered::default();
        };
        let watchers: Vec<u32> = relation
            .interested(uid)
            .map(|(watcher, _)| watcher)
            .collect();
        let shown = SharedFrame::new(update(uid, args)).keeping(work::written());
        let offline = SharedFrame::new(update(uid, &farewell(args))).keeping(work::written());
        let mut delivered = Delivered::default();
        for watcher in watchers {
            let Some(watching) = relation.watcher_mut(watcher) else {
                continue;
            };
            let frame = match watching.sees(uid) {
                Sight::Shown => {
                    watching.concealed.remove(number);
                    &shown
                }
                Sight::Hidden if watching.concealed.insert(number) => &offline,
                Sight::Hidden | Sight::Unknown => continue,
            };
            match watching.client.send_shared(frame) {
                true => delivered.deliveries += 1,
                false => delivered.refused += 1,
            }
        }
        delivered.encodings = shown.encodings() + offline.encodings();
        metrics::message_sent(shown.json(), delivered.deliveries);
        delivered
    }

    /// How many sessions have a set.
    #[cfg(test)]
    pub(in crate::streams) fn sessions(&self) -> usize {
        self.0.read().sessions.len()
    }
}

/// An update has a form of its own: the document's id is the user.
fn update(uid: &str, args: &str) -> Vec<u8> {
    let id = quoted(uid);
    let fields = format!(r#"{{"uid":{id},"args":{args},"eventName":{id}}}"#);
    document(Change::Changed, "stream-user-presence", uid, Some(&fields))
}

/// The last update of a user who is hidden from now on: the name, offline, and nothing else.
fn farewell(args: &str) -> String {
    let args: Vec<&RawValue> = serde_json::from_str(args).unwrap_or_default();
    let elements = args.first().copied().and_then(ejson::array);
    let elements = elements.unwrap_or_default();
    let name = elements.first().map_or("null", |name| name.get());
    join([join([name, "0"])])
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
        for nothing in [
            "null",
            "true",
            "[\"a\"]",
            r#"{"added":"a"}"#,
            r#"{"added":{"$in":["a"]}}"#,
        ] {
            assert_eq!(read(nothing), Edit::default(), "{nothing}");
        }
        let long = format!(r#"{{"added":["{}"]}}"#, "x".repeat(MAX_UID + 1));
        assert_eq!(read(&long), Edit::default());
    }

    #[test]
    fn a_farewell_is_the_name_and_offline() {
        for (args, expected) in [
            (r#"[["bob",1,"text"]]"#, r#"[["bob",0]]"#),
            (r#"[["bob",3,"t","manual",{"$date":1}]]"#, r#"[["bob",0]]"#),
            ("[]", "[[null,0]]"),
        ] {
            assert_eq!(farewell(args), expected);
        }
    }

    // contract: streams/presence/update
    #[test]
    fn an_update_is_a_document_of_its_user() {
        assert_eq!(
            String::from_utf8(update("u\"1", r#"[["alice",1,null]]"#)).unwrap(),
            r#"{"msg":"changed","collection":"stream-user-presence","id":"u\"1","fields":{"uid":"u\"1","args":[["alice",1,null]],"eventName":"u\"1"}}"#
        );
    }
}
