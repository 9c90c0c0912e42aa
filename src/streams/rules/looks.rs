//! What rooms looked like when they were last read, as far as it decides who may access them.
//!
//! Kept longer than the documents, which every message drops: a question that is away may have seen the room as it was, and
//! an event that tells what has been read already tells nothing new.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};

use parking_lot::Mutex;
use serde_json::value::RawValue;

use crate::ejson::RawObject;

/// Rooms whose looks are known at a time, some 100 bytes each: those that are read within the minute for which a question is
/// away at most.
const ROOMS_KNOWN: usize = 16 * 1024;

/// All of a room that decides who may access it, over all releases.
const ACCESS_FIELDS: [&str; 14] = [
    "t",
    "prid",
    "teamId",
    "teamMain",
    "uids",
    "usernames",
    "v",
    "servedBy",
    "departmentId",
    "open",
    "archived",
    "federated",
    "encrypted",
    "abacAttributes",
];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Looks {
    state: Mutex<State>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct State {
    of: HashMap<Box<str>, u64>,
    /// The oldest first.
    order: VecDeque<Box<str>>,
}

impl Looks {
    /// A room was read. Says whether it looks otherwise than when it was read before.
    pub(super) fn read(&self, rid: &str, room: &RawValue) -> bool {
        let Some(room) = RawObject::of(room) else {
            return false;
        };
        let now = self.look(&room);
        let mut state = self.state.lock();
        if let Some(known) = state.of.get_mut(rid) {
            return std::mem::replace(known, now) != now;
        }
        if state.order.len() >= ROOMS_KNOWN
            && let Some(oldest) = state.order.pop_front()
        {
            state.of.remove(&oldest);
        }
        state.of.insert(rid.into(), now);
        state.order.push_back(rid.into());
        false
    }

    /// Whether a room looks otherwise than when it was last read, or nobody knows.
    pub(super) fn differs(&self, rid: &str, room: &RawObject<'_>) -> bool {
        let known = self.state.lock().of.get(rid).copied();
        known != Some(self.look(room))
    }

    fn look(&self, room: &RawObject<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for field in ACCESS_FIELDS {
            room.get(field).map(RawValue::get).hash(&mut hasher);
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ejson;

    #[test]
    fn only_what_decides_about_access_is_looked_at() {
        let looks = Looks::default();
        let raw = |json: &str| ejson::raw(json.to_owned()).unwrap();
        let read = |json| looks.read("r", &raw(json));
        let differs = |json| looks.differs("r", &RawObject::of(&raw(json)).unwrap());
        assert!(differs(r#"{"t":"c"}"#), "nobody read it");
        assert!(!read(r#"{"t":"c","msgs":1}"#) && !read(r#"{"t":"c","msgs":2}"#));
        assert!(!differs(r#"{"msgs":3,"t":"c"}"#) && differs(r#"{"msgs":3}"#));
        assert!(differs(r#"{"t":"p"}"#) && differs(r#"{"t":"p"}"#));
        assert!(read(r#"{"t":"p"}"#) && !differs(r#"{"t":"p"}"#));
    }

    #[test]
    fn so_many_are_known() {
        let looks = Looks::default();
        let room = ejson::raw(r#"{"t":"c"}"#.to_owned()).unwrap();
        for n in 0..ROOMS_KNOWN + 10 {
            looks.read(&n.to_string(), &room);
        }
        let state = looks.state.lock();
        assert_eq!(
            (state.of.len(), state.order.len()),
            (ROOMS_KNOWN, ROOMS_KNOWN)
        );
        assert!(!state.of.contains_key("9") && state.of.contains_key("10"));
    }
}
