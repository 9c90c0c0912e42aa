//! What a client is to be sent, and whether that is what it was sent.

use std::collections::BTreeMap;

use serde_json::Value;

use super::desk::{Desk, Said};
use super::model::{Model, Session, State, Verdict};
use super::truth::{Room, Topic, Truth, User};

/// A frame that a client must be sent.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// Frames of one id come in order.
    id: String,
    /// One of these.
    any: Vec<String>,
    /// `["inserted", room]`: the room as it is when it is read.
    inserted: Option<Room>,
}

/// A message for `__my_messages__`: asked for, and then sent or not.
#[derive(Debug)]
pub(super) struct Mine {
    n: u64,
    room: Room,
    user: Option<User>,
    since: u64,
    floor: u64,
    at: tokio::time::Instant,
    /// Nothing else came between: what the core says decides.
    pub(super) sure: bool,
}

impl Expected {
    pub(super) fn event(topic: Topic, args: &str) -> Self {
        let (stream, event_name) = topic.names();
        Self::one(
            topic,
            format!(
                r#"{{"msg":"changed","collection":"stream-{stream}","id":"id","fields":{{"eventName":"{event_name}","args":{args}}}}}"#
            ),
        )
    }

    pub(super) fn inserted(user: User, room: Room) -> Self {
        let mut event = Self::one(Topic::RoomsChanged(user), String::new());
        event.inserted = Some(room);
        event
    }

    /// With the room as it is.
    pub(super) fn read(self, room: impl Fn(Room) -> Value) -> Self {
        match (self.inserted, &*self.id) {
            (Some(rid), id) => {
                let user = usize::from(id.contains("u1/"));
                let args = format!(r#"["inserted",{}]"#, room(rid));
                Self::event(Topic::RoomsChanged(user), &args)
            }
            _ => self,
        }
    }

    fn one(topic: Topic, text: String) -> Self {
        Self {
            id: topic.id(),
            any: vec![text],
            inserted: None,
        }
    }

    pub(super) fn ready(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            any: vec![format!(r#"{{"msg":"ready","subs":["{id}"]}}"#)],
            inserted: None,
        }
    }

    /// A publication ended, with an error of one of these codes, or without one.
    pub(super) fn nosub(id: &str, codes: &[&str]) -> Self {
        let error = |code: &&str| {
            let (code, message) = match *code {
                "500" => (
                    "500",
                    r#""reason":"Internal server error","message":"Internal server error [500]""#,
                ),
                "400" => (
                    "400",
                    r#""reason":"Subscription id already in use","message":"Subscription id already in use [400]""#,
                ),
                _ => (r#""not-allowed""#, r#""message":"[not-allowed]""#),
            };
            format!(
                r#"{{"msg":"nosub","id":"{id}","error":{{"isClientSafe":true,"error":{code},{message},"errorType":"Meteor.Error"}}}}"#
            )
        };
        let any = match codes {
            [] => vec![format!(r#"{{"msg":"nosub","id":"{id}"}}"#)],
            _ => codes.iter().map(error).collect(),
        };
        Self {
            id: id.to_owned(),
            any,
            inserted: None,
        }
    }

    /// What it takes on the wire.
    pub(super) fn bytes(&self) -> usize {
        let text = self.any[0].len();
        text + match text {
            0..126 => 2,
            126..65_536 => 4,
            _ => 10,
        }
    }
}

impl Model {
    /// An event of a topic, for all who listen.
    pub(super) fn event(&mut self, topic: Topic, args: &str) {
        let event = Expected::event(topic, args);
        if let Topic::RoomsChanged(user) = topic
            && self.later.iter().any(|(of, _)| *of == user)
        {
            self.later.push((user, event));
            return;
        }
        self.tell(topic, &event);
    }

    fn tell(&mut self, topic: Topic, event: &Expected) {
        for session in self.sessions.iter_mut().flatten().filter(|one| !one.gone) {
            match session.publications.get_mut(&topic) {
                Some(one) if one.state == State::Hears => session.expected.push(event.clone()),
                Some(one) if one.state == State::Held => one.kept.push(event.clone()),
                _ => {}
            }
        }
    }

    /// The events of `rooms-changed` that waited for a room; whoever is out of it again is not told of it.
    pub(super) fn tell_later(&mut self, truth: &Truth) {
        for (user, event) in std::mem::take(&mut self.later) {
            if event
                .inserted
                .is_none_or(|room| truth.members.contains(&(user, room)))
            {
                self.tell(
                    Topic::RoomsChanged(user),
                    &event.read(|room| truth.room(room)),
                );
            }
        }
    }

    /// A message, for those who listen to all of their rooms.
    pub(super) fn message(&mut self, n: u64, room: Room, tick: u64) {
        for slot in 0..self.sessions.len() {
            let Some(session) = &self.sessions[slot] else {
                continue;
            };
            let listens = session.publications.get(&Topic::Mine);
            if session.gone || listens.is_none_or(|one| one.state != State::Hears) {
                continue;
            }
            let mine = Mine {
                n,
                room,
                user: session.user,
                since: tick,
                floor: self.dropped(room, session.user),
                at: tokio::time::Instant::now(),
                sure: session.doubted.is_none(),
            };
            self.sessions[slot].as_mut().unwrap().mine.push(mine);
        }
    }

    /// A session was sent these frames.
    pub(super) fn heard(&mut self, slot: usize, frames: Vec<String>, desk: &Desk) -> Verdict {
        let Some(mut session) = self.sessions[slot].take() else {
            return Ok(());
        };
        let result = self.compare(&mut session, frames, desk);
        self.sessions[slot] = Some(session);
        result.map_err(|why| format!("session {slot}: {why}"))
    }

    fn compare(&self, session: &mut Session, frames: Vec<String>, desk: &Desk) -> Verdict {
        let mut lanes: BTreeMap<String, (Vec<Expected>, Vec<String>)> = BTreeMap::new();
        for expected in std::mem::take(&mut session.expected) {
            lanes
                .entry(expected.id.clone())
                .or_default()
                .0
                .push(expected);
        }
        for frame in frames {
            let id = lane(&frame);
            if id == Topic::Mine.id() && frame.contains(r#""msg":"changed""#) {
                self.my_message(session, &frame, desk)?;
            } else {
                lanes.entry(id).or_default().1.push(frame);
            }
        }
        for (expected, frames) in lanes.values() {
            let same = expected.len() == frames.len();
            let fits = |(one, frame): (&Expected, &String)| one.any.contains(frame);
            if !same || !expected.iter().zip(frames).all(fits) {
                return Err(format!("heard {frames:#?} and not {expected:#?}"));
            }
        }
        Ok(())
    }

    fn my_message(&self, session: &mut Session, frame: &str, desk: &Desk) -> Verdict {
        let parsed: Value = serde_json::from_str(frame).unwrap();
        let [message, about] = [0, 1].map(|at| parsed["fields"]["args"][at].clone());
        let wrong = |why: &str| Err(format!("{why}: {frame}"));
        let listens = session.publications.get(&Topic::Mine);
        if listens.is_none_or(|one| one.state != State::Hears) {
            return wrong("does not listen");
        }
        let at = session.mine.iter().position(|one| message["n"] == one.n);
        let Some(one) = at.map(|at| session.mine.remove(at)) else {
            return wrong("was not to come");
        };
        if session.mine.iter().any(|other| {
            let granted = other.sure && self.said(other, desk) == (true, false);
            granted && other.room == one.room && other.n < one.n
        }) {
            return wrong("came before another");
        }
        if session.user != one.user || !self.said(&one, desk).0 {
            return wrong("nobody said so");
        }
        let (truth, rid) = (&desk.truth, one.room);
        let mut expected =
            serde_json::json!({"roomType": truth.type_of(rid), "roomName": format!("room {rid}")});
        expected["roomParticipant"] = match one.user {
            Some(user) => truth.members.contains(&(user, rid)).into(),
            None => false.into(),
        };
        if self.dropped(rid, one.user) <= one.since && about != expected {
            return wrong(&format!("is not {expected}"));
        }
        Ok(())
    }

    /// Whether the core granted a message, and whether anything else was said of it.
    fn said(&self, one: &Mine, desk: &Desk) -> (bool, bool) {
        let key = Topic::Data(one.room).question(one.user, self.new).unwrap();
        let (mut yes, mut other) = (false, false);
        for question in desk.questions.iter().filter(|question| question.key == key) {
            let Some((answered, at, said)) = question.answered else {
                continue;
            };
            let known = one.at.saturating_duration_since(at) < super::model::KNOWN_FOR;
            match said {
                Said::Yes => yes |= question.asked > one.floor && (answered > one.since || known),
                Said::No | Said::Failed => other |= answered > one.since,
            }
        }
        (yes, other)
    }

    /// Nothing is looked up any more: what was granted must have come.
    pub(super) fn messages_settled(&mut self, desk: &Desk) -> Verdict {
        let mut sessions = std::mem::take(&mut self.sessions);
        let mut result = Ok(());
        for session in sessions.iter_mut().flatten() {
            session.mine.retain(|one| {
                let key = Topic::Data(one.room).question(one.user, self.new).unwrap();
                if desk.waits(Some(&key)) {
                    return true;
                }
                if one.sure && !matches!(self.said(one, desk), (_, true)) {
                    result = Err(format!("a message did not come: {one:?}"));
                }
                false
            });
        }
        self.sessions = sessions;
        result
    }
}

/// Which publication a frame is for.
fn lane(frame: &str) -> String {
    let parsed: Value = serde_json::from_str(frame).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match &*text(&parsed["msg"]) {
        "changed" => {
            let stream = text(&parsed["collection"]);
            let event_name = text(&parsed["fields"]["eventName"]);
            format!("{} {event_name}", stream.trim_start_matches("stream-"))
        }
        "ready" => text(&parsed["subs"][0]),
        "nosub" => text(&parsed["id"]),
        _ => panic!("{frame}"),
    }
}
