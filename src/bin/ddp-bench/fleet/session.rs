//! One client: what it hears and says, without its socket.
//!
//! The receiving path of a ready session looks at frame headers, finds marks with a memmem, and parses nothing.

mod channels;

use std::collections::VecDeque;

use memchr::memmem;

use super::settings::Settings;
use crate::clock::Nanos;
use crate::measure::account::{Account, Seen};
use crate::measure::tally::Tally;
use crate::wire::marker::{Marker, Markers};
use crate::wire::script::{CALL_ID, Dialect, SUB_ID, Speaker, upgrade};
use crate::wire::websocket::{self, Scan};

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not connected.
    Away,
    /// The upgrade was sent.
    Upgrading,
    /// `connect` was sent.
    Greeting,
    /// `login` was sent.
    LoggingIn,
    /// That many publications were not answered yet.
    Subscribing(usize),
    /// All set.
    Ready,
}

impl Stage {
    /// What the server owes the session; nothing when all is set.
    fn wants(self) -> Option<&'static str> {
        match self {
            Self::Away => Some("a connection"),
            Self::Upgrading => Some("the upgrade"),
            Self::Greeting => Some("an answer to connect"),
            Self::LoggingIn => Some("the result of login"),
            Self::Subscribing(_) => Some("an answer to its subscriptions"),
            Self::Ready => None,
        }
    }
}

/// What hearing led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing that the shard must know.
    Usual,
    /// The session became ready just now.
    Ready,
    /// The upgrade was refused with this status.
    Refused(u16),
    /// A close frame with this code (0 without one), or bytes that are no frames (1002).
    Closed(u16),
}

/// What a session is heard with.
pub(super) struct Ear<'a> {
    pub(super) settings: &'a Settings,
    pub(super) tally: &'a mut Tally,
    pub(super) markers: &'a Markers,
    /// Marks of other runs are not counted.
    pub(super) run: u16,
    /// When the lap began: what was due before it is told apart.
    pub(super) since: Nanos,
    /// Marks heard since the shard looked last.
    pub(super) delivered: u64,
    /// Whether an answered call is followed by another.
    pub(super) calling: bool,
    /// Visits answered since the shard looked last.
    pub(super) visited: usize,
    pub(super) now: Nanos,
}

/// One client.
pub(super) struct Session {
    /// Its number in the whole fleet, which is also its user's.
    pub(super) number: u32,
    pub(super) stage: Stage,
    dialect: Dialect,
    /// When it wanted to connect.
    pub(super) wanted: Nanos,
    /// Bytes that wait for their socket.
    pub(super) outbox: Vec<u8>,
    /// It was told to stop reading, once at least on this connection.
    pub(super) was_stalled: bool,
    account: Account,
    /// Calls on their way: number and when each was due.
    calls: VecDeque<(u32, Nanos)>,
    calls_made: u32,
    /// The room is being opened once more.
    visit: Option<Visit>,
    visits_made: u32,
}

/// What must come of opening a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The user may.
    Granted,
    /// The user has lost the access.
    Refused,
    /// The user loses it about now.
    Either,
}

/// A room being opened by a session that is ready.
struct Visit {
    due: Nanos,
    id: String,
    verdict: Verdict,
}

/// The publication of the `n`-th visit.
fn visit_id(n: u32) -> String {
    format!("%svisit{n:05}abcd")
}

/// Longest frame that may be a ping: `a["{\"msg\":\"ping\",\"id\":\"…\"}"]`.
const PING_LENGTH: usize = 96;

/// Whether `payload` is a ping, raw or in SockJS's framing. The word alone would not do: one random session id in 650,000
/// contains it, and a `connected` mistaken for a ping is a session that waits for ever.
fn is_ping(payload: &[u8]) -> bool {
    payload.len() <= PING_LENGTH
        && (memmem::find(payload, br#""ping""#).is_some()
            || memmem::find(payload, br#"\"ping\""#).is_some())
}

impl Session {
    pub(super) fn new(number: u32, settings: &Settings) -> Self {
        Self {
            number,
            dialect: settings.dialect_of(number),
            stage: Stage::Away,
            wanted: Nanos::default(),
            outbox: Vec::new(),
            was_stalled: false,
            account: Account::new(settings.keys_of(number)),
            calls: VecDeque::new(),
            calls_made: 0,
            visit: None,
            visits_made: 0,
        }
    }

    /// The socket is there: says the first words.
    pub(super) fn opened(&mut self, settings: &Settings) {
        self.outbox.clear();
        self.was_stalled = false;
        self.calls.clear();
        self.visit = None;
        let host = settings.server_of(self.number).to_string();
        self.outbox
            .extend_from_slice(upgrade(self.dialect, &host, self.number).as_bytes());
        self.stage = Stage::Upgrading;
    }

    /// Counts anew, for another load.
    pub(super) fn restart(&mut self) {
        self.account.restart();
    }

    /// How many more never came than [`Self::lost`] names.
    pub(super) fn lost_unnamed(&self) -> u64 {
        self.account.unnamed()
    }

    /// Those that never came: (key, sequence).
    pub(super) fn lost(&self, sent: &[u32]) -> Vec<(u32, u32)> {
        self.account.lost(sent)
    }

    /// Makes a call that was due at `due`.
    pub(super) fn call(&mut self, due: Nanos) {
        self.calls.push_back((self.calls_made, due));
        Speaker::new(&mut self.outbox, self.dialect).call(self.calls_made);
        self.calls_made += 1;
    }

    /// Calls without a result.
    pub(super) fn unanswered(&self) -> u64 {
        self.calls.len() as u64
    }

    /// From now on it hears the first of its rooms, or nothing.
    pub(super) fn hears_room(&mut self, settings: &Settings, hears: bool) {
        let room = settings.rooms_of(self.number).into_iter().next();
        self.account = Account::new(room.filter(|_| hears));
    }

    /// Opens the first of its rooms once more, after leaving it; that was due at `due`.
    pub(super) fn visit(&mut self, settings: &Settings, due: Nanos, verdict: Verdict) {
        let id = visit_id(self.visits_made);
        let rooms = settings.rooms_of(self.number);
        let room = rooms.first().copied().unwrap_or_default();
        let mut speaker = Speaker::new(&mut self.outbox, self.dialect);
        if let Some(before) = self.visits_made.checked_sub(1) {
            speaker.unsub(&visit_id(before));
        }
        speaker.visit(&id, room);
        self.visits_made += 1;
        self.visit = Some(Visit { due, id, verdict });
    }

    fn visited(&mut self, payload: &[u8], ear: &mut Ear<'_>) -> Heard {
        let names = |visit: &mut Visit| memmem::find(payload, visit.id.as_bytes()).is_some();
        let Some(visit) = self.visit.take_if(names) else {
            return Heard::Usual;
        };
        ear.visited += 1;
        ear.tally.calls.record(visit.due, ear.now);
        let granted = memmem::find(payload, b"nosub").is_none();
        match visit.verdict {
            Verdict::Refused if granted => {
                ear.tally.faults.wrong_grants += 1;
                let number = self.number;
                ear.tally
                    .faults
                    .name(|| format!("wrongly granted: session {number}"));
            }
            Verdict::Granted if !granted => ear.tally.nosub += 1,
            _ => {}
        }
        Heard::Usual
    }

    /// What the session waits for, unless all is set and its room is open.
    pub(super) fn wants(&self) -> Option<&'static str> {
        let room = self.visit.as_ref().map(|_| "its room");
        self.stage.wants().or(room)
    }

    /// Takes whole frames from `bytes`; returns how many bytes were taken and what it led to.
    pub(super) fn hear(&mut self, bytes: &[u8], ear: &mut Ear<'_>) -> (usize, Heard) {
        let mut taken = 0;
        let mut heard = Heard::Usual;
        if self.stage == Stage::Upgrading {
            match self.upgraded(bytes) {
                Ok(0) => return (0, Heard::Usual),
                Ok(head) => taken = head,
                Err(status) => return (bytes.len(), Heard::Refused(status)),
            }
        }
        loop {
            match websocket::scan(&bytes[taken..]) {
                Scan::Frame {
                    opcode,
                    payload,
                    taken: frame,
                } => {
                    taken += frame;
                    match self.frame(opcode, payload, ear) {
                        Heard::Usual => {}
                        Heard::Ready => heard = Heard::Ready,
                        over => return (bytes.len(), over),
                    }
                }
                Scan::Partial => return (taken, heard),
                Scan::Broken => return (bytes.len(), Heard::Closed(1002)),
            }
        }
    }

    /// The length of the HTTP answer, 0 while it is not whole.
    fn upgraded(&mut self, bytes: &[u8]) -> Result<usize, u16> {
        let Some(head) = memmem::find(bytes, b"\r\n\r\n") else {
            return Ok(0);
        };
        let status = bytes
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        if status != Some(101) {
            return Err(status.unwrap_or_default());
        }
        Speaker::new(&mut self.outbox, self.dialect).connect();
        self.stage = Stage::Greeting;
        Ok(head + 4)
    }

    fn frame(&mut self, opcode: u8, payload: &[u8], ear: &mut Ear<'_>) -> Heard {
        match opcode {
            websocket::CLOSE => {
                let code = payload
                    .first_chunk()
                    .map_or(0, |code| u16::from_be_bytes(*code));
                Heard::Closed(code)
            }
            websocket::PING => {
                websocket::client(&mut self.outbox, websocket::PONG, payload);
                Heard::Usual
            }
            websocket::PONG => Heard::Usual,
            _ if self.dialect == Dialect::Centrifugo => self.lines(payload, ear),
            _ => self.text(payload, ear),
        }
    }

    fn text(&mut self, payload: &[u8], ear: &mut Ear<'_>) -> Heard {
        if self.marks(payload, ear) {
            return Heard::Usual;
        }
        if is_ping(payload) {
            Speaker::new(&mut self.outbox, self.dialect).pong();
            return Heard::Usual;
        }
        match self.stage {
            Stage::Ready if self.visit.is_some() => self.visited(payload, ear),
            Stage::Ready if self.calls.is_empty() => Heard::Usual,
            Stage::Ready => self.results(payload, ear),
            _ => self.set_up(payload, ear),
        }
    }

    /// Counts all marks; whether there were any.
    fn marks(&mut self, payload: &[u8], ear: &mut Ear<'_>) -> bool {
        let mut rest = payload;
        let mut marked = false;
        while let Some((marker, after)) = ear.markers.first(rest) {
            self.mark(marker, ear);
            marked = true;
            rest = after;
        }
        marked
    }

    fn mark(&mut self, marker: Marker, ear: &mut Ear<'_>) {
        if marker.run != ear.run {
            return;
        }
        let name = |what: &str, session| {
            format!(
                "{what}: session {session}, key {}, event {}",
                marker.key, marker.sequence
            )
        };
        let faults = &mut ear.tally.faults;
        match self.account.see(marker.key, marker.sequence) {
            Seen::InOrder | Seen::Ahead => {}
            Seen::OutOfOrder => {
                faults.out_of_order += 1;
                faults.name(|| name("out of order", self.number));
            }
            Seen::Repeated => {
                faults.repeated += 1;
                faults.name(|| name("repeated", self.number));
                return;
            }
            Seen::Foreign => {
                faults.foreign += 1;
                faults.name(|| name("never subscribed to", self.number));
                return;
            }
        }
        ear.delivered += 1;
        if self.was_stalled {
            ear.tally.stalled.record(marker.at, ear.now);
        } else {
            ear.tally.deliveries += 1;
            let latency = if marker.at < ear.since {
                &mut ear.tally.overdue
            } else {
                &mut ear.tally.latency
            };
            latency.record(marker.at, ear.now);
        }
    }

    /// The answers of the set-up, in the order in which they must come.
    fn set_up(&mut self, payload: &[u8], ear: &mut Ear<'_>) -> Heard {
        let has = |word: &[u8]| memmem::find(payload, word).is_some();
        let mut speaker = Speaker::new(&mut self.outbox, self.dialect);
        match self.stage {
            Stage::Greeting if has(b"connected") => {
                if ear.settings.login {
                    speaker.login(self.number);
                    self.stage = Stage::LoggingIn;
                    return Heard::Usual;
                }
                self.subscribe(ear)
            }
            Stage::LoggingIn if has(b"result") => {
                if has(b"error") {
                    return Heard::Refused(403);
                }
                self.subscribe(ear)
            }
            Stage::Subscribing(left) => {
                let answered = memmem::find_iter(payload, SUB_ID).count();
                if answered > 0 && has(b"nosub") {
                    ear.tally.nosub += answered as u64;
                }
                self.subscribed(left.saturating_sub(answered), ear)
            }
            _ => Heard::Usual,
        }
    }

    fn subscribe(&mut self, ear: &mut Ear<'_>) -> Heard {
        let rooms = ear.settings.rooms_of(self.number);
        let count = Speaker::new(&mut self.outbox, self.dialect).subscribe(
            ear.settings.profile,
            self.number,
            &rooms,
        );
        self.subscribed(count, ear)
    }

    fn subscribed(&mut self, left: usize, ear: &mut Ear<'_>) -> Heard {
        if left > 0 {
            self.stage = Stage::Subscribing(left);
            return Heard::Usual;
        }
        self.stage = Stage::Ready;
        ear.tally.setup.record(self.wanted, ear.now);
        Heard::Ready
    }

    /// The results of calls, in the order in which they were made; `updated` names a call that is no longer on its way.
    fn results(&mut self, payload: &[u8], ear: &mut Ear<'_>) -> Heard {
        for at in memmem::find_iter(payload, CALL_ID) {
            let digits = payload.get(at + CALL_ID.len()..at + CALL_ID.len() + 8);
            let number = digits
                .and_then(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
            let Some(&(first, due)) = self.calls.front() else {
                break;
            };
            if number != Some(first) {
                continue;
            }
            self.calls.pop_front();
            ear.tally.calls.record(due, ear.now);
            if memmem::find(payload, b"isClientSafe").is_some() {
                ear.tally.call_errors += 1;
            }
            if ear.calling {
                self.call(ear.now);
            }
        }
        Heard::Usual
    }
}

#[cfg(test)]
mod tests;
