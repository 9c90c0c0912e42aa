//! What is there from the start: a series that begins with its first count has no first count for whoever asks how fast it grows.

use std::sync::LazyLock;

use super::family::{Family, OTHER};
use super::handles::Handles;
use super::installed;
use super::labels::{CallOutcome, close_code};

/// Names that the other rooms know.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Actions of the core that are called.
    pub actions: &'a [&'a str],
    /// How calls fail, by the names of Moleculer's classes.
    pub call_errors: &'a [&'a str],
    /// Events that are broadcast.
    pub broadcasts: &'a [&'a str],
    /// Events that are listened to, `$…` for those of the node itself.
    pub events: &'a [&'a str],
    /// Streams.
    pub streams: &'a [&'a str],
    /// Publications, those of streams among them.
    pub publications: &'a [&'a str],
    /// Queues of look-ups, and how many each takes.
    pub queues: &'a [(&'a str, usize)],
}

/// The kinds of packets (Moleculer's).
const PACKETS: &[&str] = &[
    "DISCOVER",
    "INFO",
    "HEARTBEAT",
    "DISCONNECT",
    "PING",
    "PONG",
    "REQ",
    "RES",
    "EVENT",
];

/// The codes that sessions are closed with.
const CLOSES: &[u16] = &[
    1000, 1001, 1002, 1005, 1006, 1007, 1009, 1012, 1013, 4000, 0,
];

/// In front of a single server: what there is of it.
pub fn expect_relay() {
    if let Some(on) = installed::get() {
        LazyLock::force(&on.relay_up);
        closes(on);
    }
}

/// In a mesh: makes the series of these names, at zero.
pub fn expect(known: &Known<'_>) {
    if let Some(on) = installed::get() {
        LazyLock::force(&on.nats_connected);
        LazyLock::force(&on.users_logged);
        LazyLock::force(&on.registry);
        make(on, known);
        for (queue, limit) in known.queues {
            on.lookups.with(queue, |one| one.limit.set(*limit as f64));
        }
    }
}

fn make(on: &Handles, known: &Known<'_>) {
    for action in known.actions {
        on.calls.with(action, |action| {
            each(&action.outcomes, CallOutcome::LABELS);
            each(&action.mol_errors, known.call_errors);
        });
    }
    each(&on.retries, known.actions);
    each(&on.broadcasts, known.broadcasts);
    let local = known.events.iter().filter(|name| name.starts_with('$'));
    local.for_each(|name| each(&on.local_broadcasts, &[name]));
    for events in [&on.mesh_events, &on.ignored_events] {
        each(events, known.events);
        each(events, &[OTHER]);
    }
    each(&on.streams, known.streams);
    each(&on.subscriptions, known.publications);
    each(&on.subscriptions, &[OTHER]);
    for packets in [&on.published, &on.packets] {
        each(packets, PACKETS);
    }
    closes(on);
}

fn closes(on: &Handles) {
    for code in CLOSES {
        each(&on.closed, &[close_code(*code)]);
    }
}

fn each<H>(family: &Family<H>, values: &[&str]) {
    values.iter().for_each(|value| family.with(value, |_| {}));
}
