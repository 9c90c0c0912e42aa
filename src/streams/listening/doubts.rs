//! Publications whose rules are being asked again, and the types of rooms that publications were granted under: what
//! `publications::lost` keeps.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use crate::client::{SessionId, UserId};

/// Questions that are away at a time.
pub(in crate::streams) const AWAY: usize = 200;
/// Rooms whose types are known before it is looked which of them nobody hears any more.
const FEW_ROOMS: usize = 4096;

/// What is asked again, and under what it was granted.
#[derive(Debug)]
pub(in crate::streams) struct Doubts {
    turns: Semaphore,
    /// The publications that are asked for, and whether that is to be done once more.
    asking: Mutex<HashMap<Key, bool>>,
    types: Mutex<Types>,
}

/// A publication that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::streams) struct Key {
    pub(in crate::streams) session: SessionId,
    /// Who the session is: whoever it becomes does not wait for what is asked for the former one.
    pub(in crate::streams) user: Option<UserId>,
    /// The client's id of it, and what it listens to: the id may be used again for something else.
    pub(in crate::streams) id: String,
    pub(in crate::streams) stream: u16,
    pub(in crate::streams) event_name: Box<str>,
}

/// The types of the rooms that publications were granted under.
#[derive(Debug)]
struct Types {
    of: HashMap<Box<str>, Type>,
    /// How often it was looked which are of no use.
    sweeps: u64,
    /// At so many it is looked which are of no use any more.
    look_at: usize,
}

#[derive(Debug)]
struct Type {
    /// `None` where the room was forgotten before the answer came.
    name: Option<Box<str>>,
    /// [`Types::sweeps`] when a publication was last granted under it: a later look may have missed that publication.
    sweep: u64,
}

impl Default for Doubts {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(AWAY),
            asking: Mutex::default(),
            types: Mutex::new(Types {
                of: HashMap::new(),
                sweeps: 0,
                look_at: FEW_ROOMS,
            }),
        }
    }
}

impl Doubts {
    /// Waits until a question may leave; the next may when the answer is dropped.
    pub(in crate::streams) async fn turn(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.turns.acquire().await
    }

    /// Whether publications of a room were granted already.
    pub(in crate::streams) fn knows(&self, rid: &str) -> bool {
        let mut types = self.types.lock();
        let sweep = types.sweeps;
        let known = types.of.get_mut(rid);
        known.map(|known| known.sweep = sweep).is_some()
    }

    /// They were granted under this type, or an unknown one.
    pub(in crate::streams) fn learn(&self, rid: &str, t: Option<&str>) {
        let mut types = self.types.lock();
        let new = Type {
            name: t.map(Into::into),
            sweep: types.sweeps,
        };
        types.of.insert(rid.into(), new);
    }

    /// Whether it is time to [`Doubts::keep`] those that are of use.
    pub(in crate::streams) fn are_many(&self) -> bool {
        let types = self.types.lock();
        types.of.len() >= types.look_at
    }

    /// It is looked from now on which are of use: answers since when.
    pub(in crate::streams) fn begin_sweep(&self) -> u64 {
        let mut types = self.types.lock();
        types.sweeps += 1;
        types.sweeps
    }

    /// Forgets the types of all rooms but these, and those that publications were granted under since.
    pub(in crate::streams) fn keep(&self, rooms: &HashSet<Box<str>>, since: u64) {
        let mut types = self.types.lock();
        types
            .of
            .retain(|rid, known| rooms.contains(rid) || known.sweep >= since);
        types.of.shrink_to_fit();
        types.look_at = FEW_ROOMS.max(2 * types.of.len());
    }

    /// A publication's rule is to be asked. Says whether nobody asks it yet: then the caller does.
    pub(in crate::streams) fn begin(&self, key: Key) -> bool {
        let mut asking = self.asking.lock();
        match asking.get_mut(&key) {
            Some(again) => *again = true,
            None => return asking.insert(key, false).is_none(),
        }
        false
    }

    /// It was asked. Says whether that was all.
    pub(in crate::streams) fn is_done(&self, key: &Key) -> bool {
        let mut asking = self.asking.lock();
        let again = asking.get_mut(key).is_some_and(std::mem::take);
        if !again {
            asking.remove(key);
        }
        !again
    }

    /// Nobody asks it any more, and it was not answered.
    pub(in crate::streams) fn give_up(&self, key: &Key) {
        self.asking.lock().remove(key);
    }

    #[cfg(test)]
    pub(in crate::streams) fn is_quiet(&self) -> bool {
        self.asking.lock().is_empty()
    }

    /// A room has this type. Says whether publications were granted under another, or may have been.
    pub(in crate::streams) fn retyped(&self, rid: &str, t: &str) -> bool {
        let mut types = self.types.lock();
        match types.of.get_mut(rid) {
            Some(known) if known.name.as_deref() != Some(t) => {
                known.name = Some(t.into());
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(user: &str) -> Key {
        Key {
            session: "session".into(),
            user: Some(user.into()),
            id: "publication".to_owned(),
            stream: 1,
            event_name: "room".into(),
        }
    }

    #[test]
    fn who_is_asked_for_already_is_asked_for_once_more() {
        let doubts = Doubts::default();
        assert!(doubts.begin(key("alice")));
        assert!(!doubts.begin(key("alice")) && !doubts.begin(key("alice")));
        assert!(doubts.begin(key("bob")), "the session is somebody else");
        assert!(!doubts.is_done(&key("alice")), "once more");
        assert!(doubts.is_done(&key("alice")) && doubts.is_done(&key("bob")));
        assert!(doubts.is_quiet() && doubts.begin(key("alice")));
        doubts.give_up(&key("alice"));
        assert!(doubts.is_quiet());
    }

    #[test]
    fn an_unknown_type_is_another_than_any_once() {
        let doubts = Doubts::default();
        assert!(!doubts.retyped("nobody hears", "c") && !doubts.knows("nobody hears"));
        doubts.learn("known", Some("c"));
        doubts.learn("unknown", None);
        assert!(doubts.knows("known") && doubts.knows("unknown"));
        assert!(!doubts.retyped("known", "c") && doubts.retyped("known", "p"));
        assert!(doubts.retyped("unknown", "c") && !doubts.retyped("unknown", "c"));
    }

    #[test]
    fn what_was_granted_while_it_is_looked_is_not_forgotten() {
        let doubts = Doubts::default();
        for rid in ["gone", "heard", "granted again"] {
            doubts.learn(rid, Some("c"));
        }
        let since = doubts.begin_sweep();
        assert!(doubts.knows("granted again"));
        doubts.learn("new", Some("p"));
        doubts.keep(&["heard".into()].into(), since);
        let kept = ["gone", "heard", "granted again", "new"].map(|rid| doubts.knows(rid));
        assert_eq!(kept, [false, true, true, true]);
    }
}
