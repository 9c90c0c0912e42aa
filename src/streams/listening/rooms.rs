//! The rooms of users who listen to `rooms-changed` (reference/streams.md, "Special streams").
//!
//! A set belongs to a user and lives while one of the user's sessions listens. It is filled from the database; what the
//! mesh tells meanwhile is newer than what was read, and wins.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;

use super::relation::Relation;
use super::slack::give_back;
use crate::client::UserId;

/// The event name's second part.
pub(in crate::streams) const ROOMS_CHANGED: &str = "rooms-changed";

/// All room sets.
#[derive(Debug, Default)]
pub(in crate::streams) struct RoomSets(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    relation: Relation<UserId>,
    users: HashMap<UserId, Listening>,
}

#[derive(Debug)]
struct Listening {
    watcher: u32,
    /// Publications that keep the set alive.
    held: usize,
    /// While the set is filled: the rooms that changed since, and whether the user is in them. Boxed: soon over.
    #[expect(
        clippy::box_collection,
        reason = "8 bytes for every listening user instead of 48"
    )]
    filling: Option<Box<HashMap<Box<str>, bool>>>,
}

/// A publication's hold on its user's set. Dropped, it lets go; [`Held::keep`] leaves that to [`RoomSets::release`].
#[derive(Debug)]
pub(in crate::streams) struct Held {
    sets: Arc<RoomSets>,
    user: Option<UserId>,
}

impl Held {
    /// The publication is there: its end releases the set.
    pub(in crate::streams) fn keep(mut self) {
        self.user = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(user) = self.user.take() {
            self.sets.release(user.as_str());
        }
    }
}

impl RoomSets {
    /// Takes hold of a user's set, which may have to be filled: what changes from now on is noted.
    pub(in crate::streams) fn hold(self: &Arc<Self>, user: &UserId) -> Held {
        let mut state = self.0.write();
        let State { relation, users } = &mut *state;
        users
            .entry(user.clone())
            .or_insert_with(|| Listening {
                watcher: relation.enter(user.clone()),
                held: 0,
                filling: Some(Box::default()),
            })
            .held += 1;
        Held {
            sets: self.clone(),
            user: Some(user.clone()),
        }
    }

    /// Whether the set still wants its rooms.
    pub(in crate::streams) fn is_unfilled(&self, user: &str) -> bool {
        let state = self.0.read();
        state
            .users
            .get(user)
            .is_some_and(|listening| listening.filling.is_some())
    }

    /// Fills a set with what the database said. A set that was filled meanwhile knows better.
    pub(in crate::streams) fn fill(&self, user: &str, rooms: &[String]) {
        let mut state = self.0.write();
        let State { relation, users } = &mut *state;
        let Some(listening) = users.get_mut(user) else {
            return;
        };
        let Some(changed) = listening.filling.take() else {
            return;
        };
        // Filled before: some may be left that the user is in no more.
        let now: HashSet<_> = rooms.iter().map(String::as_str).collect();
        let is_over = |room: &str| !now.contains(room) && !changed.contains_key(room);
        let over: Vec<_> = relation
            .names(listening.watcher)
            .filter(|room| is_over(room))
            .cloned()
            .collect();
        for room in over {
            relation.remove(listening.watcher, &room);
        }
        for room in rooms {
            if !changed.contains_key(room.as_str()) {
                relation.add(listening.watcher, room);
            }
        }
        relation.settle(listening.watcher);
    }

    /// Events may have been missed: all sets are to be filled anew, and hold until then. Answers whose they are.
    pub(in crate::streams) fn doubt_all(&self) -> Vec<UserId> {
        let mut state = self.0.write();
        let all = state.users.iter_mut().map(|(user, listening)| {
            listening.filling = Some(Box::default());
            user.clone()
        });
        all.collect()
    }

    /// A publication ended.
    pub(in crate::streams) fn release(&self, user: &str) {
        let mut state = self.0.write();
        let State { relation, users } = &mut *state;
        let Some(listening) = users.get_mut(user) else {
            return;
        };
        listening.held = listening.held.saturating_sub(1);
        if listening.held == 0 {
            relation.leave(listening.watcher);
            users.remove(user);
            give_back(users);
        }
    }

    /// A user came into a room; says whether anybody listens for that user.
    pub(in crate::streams) fn joined(&self, user: &str, room: &str) -> bool {
        self.changed(user, room, true)
    }

    /// A user is out of a room.
    pub(in crate::streams) fn left(&self, user: &str, room: &str) {
        self.changed(user, room, false);
    }

    fn changed(&self, user: &str, room: &str, is_in: bool) -> bool {
        if !self.0.read().users.contains_key(user) {
            return false;
        }
        let mut state = self.0.write();
        let State { relation, users } = &mut *state;
        let Some(listening) = users.get_mut(user) else {
            return false;
        };
        if let Some(changed) = &mut listening.filling {
            changed.insert(room.into(), is_in);
        }
        match is_in {
            true => relation.add(listening.watcher, room),
            false => relation.remove(listening.watcher, room),
        };
        true
    }

    /// Whether a user is in a room, as far as anybody listens for that user.
    pub(in crate::streams) fn has(&self, user: &str, room: &str) -> bool {
        let state = self.0.read();
        let mut interested = state.relation.interested(room);
        interested.any(|(_, who)| who.as_str() == user)
    }

    /// The users who are in a room and listen.
    pub(in crate::streams) fn listening(&self, room: &str) -> Vec<UserId> {
        let state = self.0.read();
        state
            .relation
            .interested(room)
            .map(|(_, user)| user.clone())
            .collect()
    }

    /// How many users listen.
    #[cfg(test)]
    pub(in crate::streams) fn users(&self) -> usize {
        self.0.read().users.len()
    }
}

/// The user whose set a publication of `notify-user` holds.
pub(in crate::streams) fn holder(event_name: &str) -> Option<&str> {
    event_name
        .split_once('/')
        .filter(|(_, what)| *what == ROOMS_CHANGED)
        .map(|(user, _)| user)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sets: &RoomSets, room: &str) -> Vec<String> {
        let mut users: Vec<_> = sets
            .listening(room)
            .iter()
            .map(ToString::to_string)
            .collect();
        users.sort();
        users
    }

    #[test]
    fn what_the_mesh_tells_meanwhile_wins() {
        let (sets, user) = (Arc::new(RoomSets::default()), UserId::from("u"));
        assert!(!sets.joined("u", "nobody listens"));
        let held = sets.hold(&user);
        assert!(sets.is_unfilled("u"));
        sets.left("u", "left");
        assert!(sets.joined("u", "joined"));
        sets.joined("u", "in and out");
        sets.left("u", "in and out");
        sets.fill("u", &["stays".into(), "left".into(), "in and out".into()]);
        assert!(!sets.is_unfilled("u"));
        for (room, expected) in [("stays", 1), ("joined", 1), ("left", 0), ("in and out", 0)] {
            assert_eq!(of(&sets, room).len(), expected, "{room}");
        }
        sets.left("u", "stays");
        sets.fill("u", &["stays".into()]);
        assert!(of(&sets, "stays").is_empty(), "a second reader came late");
        drop(held);
        assert_eq!(sets.users(), 0);
        assert!(of(&sets, "joined").is_empty());
    }

    #[test]
    fn what_was_missed_is_read_again() {
        let (sets, user) = (Arc::new(RoomSets::default()), UserId::from("u"));
        sets.hold(&user).keep();
        sets.fill("u", &["stays".into(), "left unheard".into()]);
        assert_eq!(sets.doubt_all(), [user]);
        assert!(
            sets.is_unfilled("u") && sets.has("u", "left unheard"),
            "until it is read"
        );
        assert!(sets.joined("u", "joined meanwhile"));
        sets.fill("u", &["stays".into(), "joined unheard".into()]);
        for (room, is_in) in [
            ("stays", true),
            ("joined unheard", true),
            ("joined meanwhile", true),
            ("left unheard", false),
        ] {
            assert_eq!(sets.has("u", room), is_in, "{room}");
        }
    }

    #[test]
    fn a_set_lives_as_long_as_a_publication() {
        let (sets, user) = (Arc::new(RoomSets::default()), UserId::from("u"));
        sets.hold(&user).keep();
        sets.fill("u", &["r".into()]);
        let second = sets.hold(&user);
        assert!(!sets.is_unfilled("u"));
        second.keep();
        sets.release("u");
        assert_eq!(of(&sets, "r"), ["u"]);
        sets.release("u");
        assert_eq!(sets.users(), 0);
    }

    #[test]
    fn event_names_of_holders() {
        assert_eq!(holder("u/rooms-changed"), Some("u"));
        for other in ["u", "u/rooms", "u/rooms-changed/x", "rooms-changed"] {
            assert_eq!(holder(other), None, "{other}");
        }
    }
}
