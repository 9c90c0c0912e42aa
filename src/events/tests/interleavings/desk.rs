//! The core's desk: what it is asked lies there until the script answers it, and all that was asked stays written down.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::truth::Truth;
use crate::ejson;
use crate::mesh::{Answer, CallError, RemoteError, Request, ServiceSpec};

/// How a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Yes,
    No,
    /// It could not be asked.
    Failed,
}

/// A question that the core was asked.
pub(super) struct Question {
    /// `action room user`, or `action permission user`.
    pub(super) key: String,
    /// When, in ticks of the desk; not after a room was written that it tells of as it was before.
    pub(super) asked: u64,
    /// What was true then; of a room as the question itself tells it.
    then: bool,
    room: Option<Value>,
    reply: Option<oneshot::Sender<Said>>,
    /// What was said and has not come there.
    away: Option<Said>,
    /// When what was said came there.
    pub(super) answered: Option<(u64, Instant, Said)>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Desk {
    tick: u64,
    pub(super) truth: Truth,
    pub(super) questions: Vec<Question>,
}

impl Desk {
    /// The next moment: everything that happens has one of its own.
    pub(super) fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    /// Whether a question waits, any or this one.
    pub(super) fn waits(&self, key: Option<&str>) -> bool {
        let mut waiting = self.questions.iter().filter(|one| one.answered.is_none());
        waiting.any(|one| key.is_none_or(|key| one.key == key))
    }

    /// Answers one of those that wait: with what was true when it was asked, or what is true now.
    pub(super) fn answer(&mut self, nth: usize, late: bool, fails: bool) {
        let waiting = |one: &&mut Question| one.reply.is_some();
        let count = self.questions.iter_mut().filter(waiting).count();
        let Some(nth) = nth.checked_rem(count) else {
            return;
        };
        let truth = &self.truth;
        let one = self.questions.iter_mut().filter(waiting).nth(nth).unwrap();
        let granted = match late {
            true => truth.grants(&one.key, one.room.as_ref()),
            false => one.then,
        };
        let said = match (fails, granted) {
            (true, _) => Said::Failed,
            (_, true) => Said::Yes,
            (_, false) => Said::No,
        };
        one.away = Some(said);
        // Who asked may be gone.
        let _ = one.reply.take().unwrap().send(said);
    }

    /// Answers all that wait.
    pub(super) fn answer_all(&mut self, fails: bool) {
        while self.questions.iter().any(|one| one.reply.is_some()) {
            self.answer(0, true, fails);
        }
    }

    /// What was said has come to whoever asked.
    pub(super) fn deliver(&mut self) {
        let (at, now) = (self.tick(), Instant::now());
        for one in &mut self.questions {
            if let Some(said) = one.away.take() {
                one.answered = Some((at, now, said));
            }
        }
    }

    fn ask(&mut self, request: &Request) -> oneshot::Receiver<Said> {
        let params: Value = serde_json::from_str(request.params.get()).unwrap();
        let id = |value: &Value| match value {
            Value::Object(object) => object["_id"].as_str().unwrap_or_default().to_owned(),
            Value::String(text) => text.clone(),
            _ => String::new(),
        };
        let action = request.action.split('.').next_back().unwrap();
        let (first, second) = (&params[0], &params[1]);
        let (room, key) = match action {
            "hasPermission" => {
                let permission = id(second);
                (None, format!("{action} {permission} {}", id(first)))
            }
            "hasAtLeastOnePermission" => (None, format!("{action} any {}", id(first))),
            _ => {
                let roles = match second.get("roles") {
                    Some(_) if action == "canAccessRoom" => "+roles",
                    _ => "",
                };
                let key = format!("{action}{roles} {} {}", id(first), id(second));
                (first.is_object().then(|| first.clone()), key)
            }
        };
        let (reply, said) = oneshot::channel();
        let (now, truth) = (self.tick(), &self.truth);
        let written = room.as_ref().and_then(|room| truth.written_after(room));
        self.questions.push(Question {
            asked: written.unwrap_or(now),
            then: self.truth.grants(&key, room.as_ref()),
            key,
            room,
            reply: Some(reply),
            away: None,
            answered: None,
        });
        said
    }
}

/// The desk of the case that runs: the core's node outlives it.
pub(super) type Front = Arc<Mutex<Arc<Mutex<Desk>>>>;

/// What the core offers; `reads` is `canReadRoom`, and with it the rules of 8.x.
pub(super) fn services(front: &Front, reads: bool) -> Vec<ServiceSpec> {
    let mut actions = vec![
        "hasPermission",
        "hasAtLeastOnePermission",
        "canAccessRoom",
        "canAccessRoomId",
    ];
    let mut events = vec!["otrMessage"];
    if reads {
        actions.push("canReadRoom");
        events = vec!["user.media-signal", "stream"];
    }
    let authorization =
        actions
            .into_iter()
            .fold(ServiceSpec::new("authorization"), |spec, action| {
                let front = front.clone();
                spec.action(action, move |request| {
                    let desk = front.lock().clone();
                    async move { answer(&desk, &request).await }
                })
            });
    vec![authorization, ServiceSpec::new("meteor").events(events)]
}

async fn answer(desk: &Mutex<Desk>, request: &Request) -> Answer {
    let said = desk.lock().ask(request);
    match said.await {
        Ok(Said::Failed) | Err(_) => Err(CallError::from(RemoteError::internal("broken"))),
        Ok(said) => Ok(Some(ejson::raw((said == Said::Yes).to_string()).unwrap())),
    }
}
