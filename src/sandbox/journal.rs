//! What the core was asked and what it broadcast: the last of each, and everything to whoever watches.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;

use super::world::{Broadcast, micros};

/// Entries kept of each list.
const KEPT: usize = 500;
/// Arguments longer than this, in bytes of JSON, are left out of the lists.
const LONGEST_ARGS: usize = 64 * 1024;
/// Entries that wait for one watcher; a slower one misses some.
const WATCHER_BACKLOG: usize = 1024;
/// Fields that are not shown.
const SECRETS: [&str; 3] = ["resume", "password", "token"];

/// A call as the core saw it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Called {
    pub(super) seq: u64,
    /// `service.action`.
    pub(super) action: String,
    pub(super) params: Value,
    /// The node that called.
    pub(super) sender: String,
    /// Arrival, µs since 1970.
    pub(super) at: i64,
    /// Until the answer was ready, µs.
    pub(super) took: i64,
    /// The error's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// A broadcast and the moments of its way, µs since 1970.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Told {
    pub(super) seq: u64,
    pub(super) event: String,
    pub(super) args: Value,
    /// When the call arrived that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) called: Option<i64>,
    /// The trace that it is part of, where traces are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<String>,
    /// When it was handed to the mesh.
    pub(super) sent: i64,
    /// When another node of the mesh heard it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) heard: Option<i64>,
}

/// Clones are the same journal.
#[derive(Debug, Clone)]
pub(super) struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lists: Mutex<Lists>,
    watchers: broadcast::Sender<Arc<Told>>,
}

#[derive(Debug, Default)]
struct Lists {
    seq: u64,
    calls: VecDeque<Called>,
    events: VecDeque<Told>,
}

impl Journal {
    pub(super) fn new() -> Self {
        let (watchers, _) = broadcast::channel(WATCHER_BACKLOG);
        Self(Arc::new(Inner {
            lists: Mutex::default(),
            watchers,
        }))
    }

    pub(super) fn called(
        &self,
        action: &str,
        params: &Value,
        sender: &str,
        at: i64,
        error: Option<String>,
    ) {
        let mut lists = self.0.lists.lock();
        lists.seq += 1;
        let entry = Called {
            seq: lists.seq,
            action: action.to_owned(),
            params: shown(params),
            sender: sender.to_owned(),
            at,
            took: micros() - at,
            error,
        };
        push(&mut lists.calls, entry);
    }

    /// To be said before the mesh is told: the probe may hear it at once.
    pub(super) fn sent(&self, broadcast: &Broadcast, called: Option<i64>, trace: Option<String>) {
        let mut lists = self.0.lists.lock();
        lists.seq += 1;
        let entry = Told {
            seq: lists.seq,
            event: broadcast.event.clone(),
            args: shown(&broadcast.args),
            called,
            trace,
            sent: micros(),
            heard: None,
        };
        push(&mut lists.events, entry);
    }

    /// Another node heard an event. One sender's events keep their order: what is older than one that was heard, and was not heard, never
    /// will be. Of the rest it is the oldest with these arguments, or the oldest where the mesh's encoding made others of them.
    pub(super) fn heard(&self, event: &str, args: &Value) {
        let (now, args) = (micros(), shown(args));
        let mut lists = self.0.lists.lock();
        let mut open: Vec<&mut Told> = lists.events.iter_mut().rev().collect();
        open.retain(|entry| entry.event == event);
        let unheard = open.iter().take_while(|entry| entry.heard.is_none());
        let unheard = unheard.count();
        open.truncate(unheard);
        let same = open.iter().rposition(|entry| entry.args == args);
        let oldest = open.len().checked_sub(1);
        let Some(entry) = same.or(oldest).map(|at| open.swap_remove(at)) else {
            return;
        };
        entry.heard = Some(now);
        // Nobody watching is no failure.
        let _ = self.0.watchers.send(Arc::new(entry.clone()));
    }

    /// Every broadcast from now on, once it was heard.
    pub(super) fn watch(&self) -> broadcast::Receiver<Arc<Told>> {
        self.0.watchers.subscribe()
    }

    pub(super) fn calls(&self) -> Vec<Called> {
        self.0.lists.lock().calls.iter().cloned().collect()
    }

    pub(super) fn events(&self) -> Vec<Told> {
        self.0.lists.lock().events.iter().cloned().collect()
    }
}

fn push<T>(list: &mut VecDeque<T>, entry: T) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(entry);
}

/// Without secrets, and not without end.
fn shown(value: &Value) -> Value {
    let mut value = value.clone();
    hide(&mut value);
    if value.to_string().len() > LONGEST_ARGS {
        return Value::String("too long to be kept".to_owned());
    }
    value
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if SECRETS.contains(&key.as_str()) && value.is_string() {
                    *value = Value::String("…".to_owned());
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Broadcasts these, and hears these; the arguments of all, and of those that were heard.
    fn played(moments: &[(&str, Value)]) -> Vec<(Value, bool)> {
        let journal = Journal::new();
        for (what, args) in moments {
            match *what {
                "sent" => {
                    let broadcast = Broadcast {
                        event: "watch.rooms".to_owned(),
                        args: args.clone(),
                    };
                    journal.sent(&broadcast, None, None);
                }
                _ => journal.heard("watch.rooms", args),
            }
        }
        let events = journal.events().into_iter();
        events
            .map(|told| (told.args, told.heard.is_some()))
            .collect()
    }

    #[test]
    fn what_nobody_heard_does_not_shift_what_is_heard_later() {
        let told = played(&[
            ("sent", json!([1])),
            ("sent", json!([2])),
            ("heard", json!([2])),
            ("sent", json!([3])),
            // As another encoding brings it.
            ("heard", json!(["3"])),
            // It was heard, and nothing is left.
            ("heard", json!([3])),
        ]);
        let expected = [(json!([1]), false), (json!([2]), true), (json!([3]), true)];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_same_twice_is_heard_in_its_order() {
        let (same, secret) = (json!(["a"]), json!([{"token": "t"}]));
        let told = played(&[
            ("sent", same.clone()),
            ("sent", same.clone()),
            ("heard", same.clone()),
            ("sent", secret.clone()),
            ("heard", secret),
        ]);
        let expected = [
            (same.clone(), true),
            (same, false),
            (json!([{"token": "…"}]), true),
        ];
        assert_eq!(told, expected);
    }
}
