//! What each client may hear, and must: reference/streams.md once more, in sets and ticks.
//!
//! The model knows what the core was asked and answered and when, never how the streams came to ask. What they may
//! decide by an answer is [`Model::allowed`]; when nothing of a question waits any more they must have decided.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::desk::{Desk, Said};
use super::heard::{Expected, Mine};
use super::truth::{ROOMS, Room, Topic, USERS, User};

/// How long an answer may be reused.
pub(super) const KNOWN_FOR: Duration = Duration::from_secs(2);
/// What a publication may hold, and how long.
const HELD_BYTES: usize = 64 * 1024;
const HELD_FOR: Duration = Duration::from_secs(5);
/// A session whose ground moves this often while it asks may be told that it cannot be asked.
const MOST_MOVES: u32 = 8;

pub(super) type Verdict = Result<(), String>;

/// How a publication hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its rule is asked for the first time.
    Asking,
    Hears,
    /// Its room was left: what it would hear waits.
    Held,
    /// Its session is somebody else now: it hears nothing.
    Paused,
}

/// A publication.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) state: State,
    /// When that began.
    since: u64,
    at: Instant,
    moves: u32,
    /// Nothing that was asked before this may be used for it.
    floor: u64,
    pub(super) kept: Vec<Expected>,
    /// Since when its rule is to be asked again while it hears.
    doubt: Option<u64>,
    /// It was granted since, while the same was asked for others too: that may have been all.
    granted: bool,
}

/// When what answers stand on changed last.
#[derive(Debug, Default)]
struct Ground {
    everything: u64,
    rooms: [u64; ROOMS],
    users: [u64; USERS],
}

impl Ground {
    fn of(&self, topic: Topic, user: Option<User>) -> u64 {
        self.at(topic.room(), user)
    }

    pub(super) fn at(&self, room: Option<Room>, user: Option<User>) -> u64 {
        let room = room.map_or(0, |room| self.rooms[room]);
        let user = user.map_or(0, |user| self.users[user]);
        self.everything.max(room).max(user)
    }
}

/// A session as the model sees it.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) user: Option<User>,
    pub(super) token: u64,
    pub(super) publications: BTreeMap<Topic, Publication>,
    pub(super) expected: Vec<Expected>,
    pub(super) mine: Vec<Mine>,
    /// Its login token is looked up, and is still there or not.
    pub(super) doubted: Option<bool>,
    /// It was sent away: nothing more reaches it.
    pub(super) gone: bool,
}

/// What may become of a publication.
#[derive(Debug, Default)]
struct Allowed {
    yes: bool,
    no: bool,
    failed: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Model {
    /// By the rules of 8.x.
    pub(super) new: bool,
    moved: Ground,
    dropped: Ground,
    pub(super) sessions: [Option<Session>; 3],
    /// Events of `rooms-changed` that wait for a room to be read.
    pub(super) later: Vec<(User, Expected)>,
}

impl Model {
    /// Nobody is there; `new` are the rules of 8.x.
    pub(super) fn new(new: bool) -> Self {
        Self {
            new,
            ..Self::default()
        }
    }

    /// A user, and what the user belongs to, is not what it was.
    pub(super) fn user_moved(&mut self, user: User, tick: u64) {
        (self.moved.users[user], self.dropped.users[user]) = (tick, tick);
        self.count_moves();
    }

    pub(super) fn room_moved(&mut self, room: Room, tick: u64) {
        (self.moved.rooms[room], self.dropped.rooms[room]) = (tick, tick);
        self.count_moves();
    }

    /// A room was written; whoever is in may stay.
    pub(super) fn room_touched(&mut self, room: Room, tick: u64) {
        self.dropped.rooms[room] = tick;
        self.count_moves();
    }

    pub(super) fn everything_moved(&mut self, tick: u64) {
        (self.moved.everything, self.dropped.everything) = (tick, tick);
        self.count_moves();
    }

    /// When answers about a room and a user were last dropped.
    pub(super) fn dropped(&self, room: Room, user: Option<User>) -> u64 {
        self.dropped.at(Some(room), user)
    }

    fn count_moves(&mut self) {
        let publications = self.publications(|_, _, _| true);
        publications.for_each(|one| one.moves += 1);
    }

    /// The publications that `which` names, by user, topic and state.
    fn publications(
        &mut self,
        which: impl Fn(Option<User>, Topic, State) -> bool,
    ) -> impl Iterator<Item = &mut Publication> {
        let sessions = self.sessions.iter_mut().flatten();
        sessions
            .flat_map(|one| {
                let user = one.user;
                let all = one.publications.iter_mut();
                all.map(move |(topic, one)| (user, *topic, one))
            })
            .filter(move |(user, topic, one)| which(*user, *topic, one.state))
            .map(|(_, _, one)| one)
    }

    /// Publications whose rules are to be asked again while they hear.
    pub(super) fn doubt(&mut self, tick: u64, which: impl Fn(Option<User>, Topic) -> bool) {
        let granted = |user, topic, state| state != State::Asking && which(user, topic);
        for one in self.publications(granted) {
            one.doubt.get_or_insert(tick);
            one.granted = false;
        }
    }

    /// A user is out of a room: its messages end without a word, the rest of it waits.
    pub(super) fn left(&mut self, user: User, room: Room, tick: u64) {
        let sessions = self.sessions.iter_mut().flatten();
        for session in sessions.filter(|one| one.user == Some(user)) {
            session
                .publications
                .retain(|topic, one| *topic != Topic::Messages(room) || one.state == State::Asking);
        }
        let hears = |of, topic: Topic, state| {
            of == Some(user) && topic.room() == Some(room) && state == State::Hears
        };
        for one in self.publications(hears) {
            one.turn(State::Held, tick);
        }
    }

    /// A publication is asked for.
    pub(super) fn asked(&mut self, slot: usize, topic: Topic, tick: u64) {
        let session = self.sessions[slot].as_mut().unwrap();
        let user = session.user;
        let floor = self.moved.of(topic, user).max(self.dropped.of(topic, user));
        let one = Publication {
            state: State::Asking,
            since: tick,
            at: Instant::now(),
            moves: 0,
            floor,
            kept: Vec::new(),
            doubt: None,
            granted: false,
        };
        session.publications.insert(topic, one);
    }

    /// A session is another user's: what nobody has to be asked for goes on.
    pub(super) fn becomes(&mut self, slot: usize, user: User, tick: u64) {
        let session = self.sessions[slot].as_mut().unwrap();
        let former = session.user.replace(user);
        session.mine.iter_mut().for_each(|one| one.sure = false);
        if former.is_none() {
            return;
        }
        for (topic, one) in &mut session.publications {
            if topic.at_once(Some(user)) != Some(true) {
                one.turn(State::Paused, tick);
                // What it was asked again for was the former user's.
                (one.doubt, one.granted) = (None, false);
                one.floor = self
                    .moved
                    .of(*topic, Some(user))
                    .max(self.dropped.of(*topic, Some(user)));
            }
        }
    }

    /// What the answers allow for a publication.
    fn allowed(&self, user: Option<User>, topic: Topic, one: &Publication, desk: &Desk) -> Allowed {
        let mut allowed = Allowed::default();
        if let Some(granted) = topic.at_once(user) {
            (allowed.yes, allowed.no) = (granted, !granted);
            return allowed;
        }
        let key = topic.question(user, self.new).unwrap();
        let floor = self.moved.of(topic, user).max(one.floor);
        let since = match one.state {
            State::Hears => one.doubt.unwrap_or(u64::MAX),
            _ => one.since,
        };
        for question in desk.questions.iter().filter(|question| question.key == key) {
            let Some((answered, at, said)) = question.answered else {
                continue;
            };
            let fresh = question.asked > floor;
            let known = one.at.saturating_duration_since(at) < KNOWN_FOR;
            match said {
                Said::Yes => allowed.yes |= fresh && (answered > since || known),
                Said::No => allowed.no |= fresh && answered > since,
                Said::Failed => allowed.failed |= question.asked > one.floor && answered > since,
            }
        }
        allowed.failed |= one.state == State::Asking && one.moves >= MOST_MOVES;
        allowed
    }

    /// What became of a session's publications since the last look: `seen` are those that there are now, `refused` is the
    /// code of a request for a publication that was refused.
    pub(super) fn look(
        &mut self,
        slot: usize,
        seen: &BTreeMap<Topic, State>,
        refused: Option<(Topic, String)>,
        desk: &Desk,
    ) -> Verdict {
        let Some(mut session) = self.sessions[slot].take() else {
            return Ok(());
        };
        let result = self.look_at(&mut session, seen, refused, desk);
        self.sessions[slot] = Some(session);
        result.map_err(|why| format!("session {slot}: {why}"))
    }

    fn look_at(
        &self,
        session: &mut Session,
        seen: &BTreeMap<Topic, State>,
        refused: Option<(Topic, String)>,
        desk: &Desk,
    ) -> Verdict {
        if let Some(topic) = seen
            .keys()
            .find(|topic| !session.publications.contains_key(topic))
        {
            return Err(format!("{topic:?} is there"));
        }
        let user = session.user;
        let mut over = Vec::new();
        for (topic, one) in &mut session.publications {
            let allowed = self.allowed(user, *topic, one, desk);
            let id = topic.id();
            let wrong = |what: &str| Err(format!("{topic:?} {what}: {one:?}, {allowed:?}"));
            match (one.state, seen.get(topic)) {
                (before, Some(now)) if before == *now => continue,
                (State::Asking, None) => match &refused {
                    Some((of, code)) if of == topic => {
                        if !allowed.codes(one).contains(&&**code) {
                            return wrong(&format!("was refused with {code}"));
                        }
                        session.expected.push(Expected::nosub(&id, &[code]));
                        over.push(*topic);
                    }
                    _ => continue,
                },
                (State::Asking, Some(State::Hears)) if allowed.yes => {
                    session.expected.push(Expected::ready(&id));
                    one.turn(State::Hears, one.since);
                }
                (State::Held, Some(State::Hears)) if allowed.yes && !one.is_full() => {
                    session.expected.append(&mut one.kept);
                    one.turn(State::Hears, one.since);
                }
                (State::Paused, Some(State::Hears)) if allowed.yes => {
                    one.turn(State::Hears, one.since);
                }
                (_, Some(now)) => return wrong(&format!("is {now:?}")),
                (_, None) => {
                    let codes = allowed.codes(one);
                    if codes.is_empty() {
                        return wrong("ended");
                    }
                    session.expected.push(Expected::nosub(&id, &codes));
                    over.push(*topic);
                }
            }
        }
        over.iter()
            .for_each(|topic| drop(session.publications.remove(topic)));
        Ok(())
    }

    /// Nothing runs any more but questions that wait: what is answered must be decided. `asks` says which sessions have a
    /// request that is not done.
    pub(super) fn settled(&mut self, asks: [bool; 3], desk: &Desk) -> Verdict {
        let mut sessions = std::mem::take(&mut self.sessions);
        let mut result = Ok(());
        for (slot, session) in sessions.iter_mut().enumerate() {
            let Some(session) = session else { continue };
            for (topic, one) in &mut session.publications {
                let decided = self.is_decided(session.user, *topic, one, asks[slot], desk);
                result = result.and(
                    decided.map_err(|why| format!("session {slot}: {topic:?} {why}: {one:?}")),
                );
            }
        }
        self.sessions = sessions;
        result
    }

    fn is_decided(
        &self,
        user: Option<User>,
        topic: Topic,
        one: &mut Publication,
        asks: bool,
        desk: &Desk,
    ) -> Verdict {
        if one.state == State::Held && one.at.elapsed() > HELD_FOR + Duration::from_millis(10) {
            return Err("is held for too long".into());
        }
        let key = topic.question(user, self.new);
        if key.is_some_and(|key| desk.waits(Some(&key))) {
            one.granted |= one.doubt.is_some() && self.allowed(user, topic, one, desk).yes;
            return Ok(());
        }
        match one.state {
            State::Asking => Err("was not decided".into()),
            State::Held => Err("is held though nobody is asked".into()),
            State::Paused if !asks => Err("hears nothing though nobody is asked".into()),
            State::Hears if one.doubt.is_some() => {
                let allowed = self.allowed(user, topic, one, desk);
                match allowed {
                    // It will be asked again.
                    Allowed { failed: true, .. } => Ok(()),
                    Allowed { no: true, .. } => Err("hears though its rule refuses it".into()),
                    Allowed { yes, .. } if yes || one.granted => {
                        (one.doubt, one.granted) = (None, false);
                        Ok(())
                    }
                    _ => Err("was not asked again".into()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether a publication's rule is to be asked again.
    pub(super) fn doubts(&self) -> bool {
        let sessions = self.sessions.iter().flatten();
        let mut all = sessions.flat_map(|session| session.publications.values());
        all.any(|one| one.doubt.is_some())
    }
}

impl Publication {
    /// It is in another state from now on.
    fn turn(&mut self, state: State, tick: u64) {
        (self.state, self.since, self.at) = (state, tick, Instant::now());
        self.kept.clear();
    }

    fn is_full(&self) -> bool {
        self.kept.iter().map(Expected::bytes).sum::<usize>() > HELD_BYTES
    }
}

impl Allowed {
    /// With which errors a publication may end.
    fn codes(&self, one: &Publication) -> Vec<&'static str> {
        let mut codes = Vec::new();
        let held = one.state == State::Held;
        if self.no || held && (one.at.elapsed() >= HELD_FOR || self.yes && one.is_full()) {
            codes.push("not-allowed");
        }
        if self.failed && one.state != State::Hears {
            codes.push("500");
        }
        codes
    }
}
