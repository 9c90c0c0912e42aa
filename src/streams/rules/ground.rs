//! The ground under an answer: what must not have changed since its question was asked.
//!
//! Each event that can change what somebody may see counts up a room, a user, or everything. A question notes the counts
//! before it is asked; an answer is used only where they still stand. Counters are shared by ids that hash alike, which
//! bounds the memory and can only make an answer count as stale, never as fresh.
//!
//! There are two counts, since there are two uses. What is *reused* is dropped by every such event. A publication whose
//! question is away is asked again only when something *moved*: with each message the room is written (its last message)
//! and so are its members' subscriptions (unread), and who subscribes to a busy room of a slow core would never be done.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

/// How many counters rooms and users share: 256 KiB. At 1,000 events a second and questions of 100 ms, one question in
/// 300 is asked again without need.
const COUNTERS: usize = 1 << 16;

/// How often rooms, users and everything changed.
#[derive(Debug)]
pub(in crate::streams) struct Grounds {
    everything: AtomicU32,
    counters: Box<[AtomicU32]>,
    hasher: RandomState,
}

/// The counts that a question stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::streams) struct Mark {
    everything: u32,
    room: Option<(u16, u32)>,
    user: Option<(u16, u32)>,
}

impl Grounds {
    pub(in crate::streams) fn new() -> Self {
        Self {
            everything: AtomicU32::new(0),
            counters: (0..COUNTERS).map(|_| AtomicU32::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// What an answer about a room and a user stands on, now, if it is to be reused.
    pub(in crate::streams) fn mark(&self, room: Option<&str>, user: Option<&str>) -> Mark {
        self.note(room.map(|id| (ROOM, id)), user.map(|id| (USER, id)))
    }

    /// What a publication of a room and a user stands on, now.
    pub(in crate::streams) fn mark_moves(&self, room: Option<&str>, user: Option<&str>) -> Mark {
        self.note(
            room.map(|id| (ROOM_MOVED, id)),
            user.map(|id| (USER_MOVED, id)),
        )
    }

    fn note(&self, room: Option<(u8, &str)>, user: Option<(u8, &str)>) -> Mark {
        let of = |(kind, id): (u8, &str)| {
            let at = self.slot(kind, id);
            (at, self.count(at))
        };
        Mark {
            everything: self.everything.load(Ordering::SeqCst),
            room: room.map(of),
            user: user.map(of),
        }
    }

    /// Whether nothing of it has changed since.
    pub(in crate::streams) fn stands(&self, mark: &Mark) -> bool {
        let same = |of: Option<(u16, u32)>| of.is_none_or(|(at, count)| self.count(at) == count);
        self.everything.load(Ordering::SeqCst) == mark.everything
            && same(mark.room)
            && same(mark.user)
    }

    /// A room was written, in a way that lets nobody in or out.
    pub(in crate::streams) fn room(&self, id: &str) {
        self.bump(ROOM, id);
    }

    /// A room is not what it was.
    pub(in crate::streams) fn room_moved(&self, id: &str) {
        self.bump(ROOM, id);
        self.bump(ROOM_MOVED, id);
    }

    /// Something of a user was written, in a way that lets the user neither in nor out.
    pub(in crate::streams) fn user(&self, id: &str) {
        self.bump(USER, id);
    }

    /// A user, or what the user belongs to, is not what it was.
    pub(in crate::streams) fn user_moved(&self, id: &str) {
        self.bump(USER, id);
        self.bump(USER_MOVED, id);
    }

    /// Nothing is known to be what it was.
    pub(in crate::streams) fn everything(&self) {
        self.everything.fetch_add(1, Ordering::SeqCst);
    }

    fn bump(&self, kind: u8, id: &str) {
        if let Some(counter) = self.counters.get(usize::from(self.slot(kind, id))) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn count(&self, at: u16) -> u32 {
        self.counters
            .get(usize::from(at))
            .map_or(0, |counter| counter.load(Ordering::SeqCst))
    }

    fn slot(&self, kind: u8, id: &str) -> u16 {
        // The low bits of the hash: COUNTERS is all that a u16 can name.
        self.hasher.hash_one((kind, id)) as u16
    }
}

const ROOM: u8 = 0;
const USER: u8 = 1;
const ROOM_MOVED: u8 = 2;
const USER_MOVED: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stands_until_its_own_ground_moves() {
        let grounds = Grounds::new();
        let mark = grounds.mark(Some("r"), Some("u"));
        assert!(grounds.stands(&mark));
        grounds.room("r");
        assert!(!grounds.stands(&mark));
        let mark = grounds.mark(Some("r"), Some("u"));
        grounds.user("u");
        assert!(!grounds.stands(&mark));
        let (mark, nobody) = (
            grounds.mark(Some("r"), Some("u")),
            grounds.mark(Some("r"), None),
        );
        grounds.everything();
        assert!(!grounds.stands(&mark) && !grounds.stands(&nobody));
    }

    #[test]
    fn a_publication_stands_until_something_moved() {
        let grounds = Grounds::new();
        let mark = || grounds.mark_moves(Some("r"), Some("u"));
        let before = mark();
        grounds.room("r");
        grounds.user("u");
        assert!(grounds.stands(&before));
        for moved in [
            || (Grounds::room_moved as fn(&Grounds, &str), "r"),
            || (Grounds::user_moved as fn(&Grounds, &str), "u"),
        ] {
            let (before, reused) = (mark(), grounds.mark(Some("r"), Some("u")));
            let (event, id) = moved();
            event(&grounds, id);
            assert!(!grounds.stands(&before) && !grounds.stands(&reused));
        }
    }
}
