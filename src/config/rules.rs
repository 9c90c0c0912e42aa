//! What holds between variables: a core that must be named, pairs that must fit, and what is worth saying, of what is not built yet too.

use super::check::Checked;
use super::error::{Note, NoteLevel, Problem};
use super::heartbeat::Heartbeats;
use super::mesh::Broker;
use super::mongo;
use super::origin::Origin;
use super::raw::Raw;
use super::shape::{MEMORY, Shape};
use super::variables::{
    ADMIN_BIND_IP, ADMIN_PORT, ADMIN_TOKEN, DDP_MAX_BUFFERED_BYTES, DDP_MAX_BUFFERED_TOTAL,
    DDP_MAX_MESSAGE_BYTES, DDP_RATE_LIMIT, DDP_SERVER_URL, ENABLE_TLS, HEARTBEAT_INTERVAL,
    HEARTBEAT_TIMEOUT, MS_METRICS_PORT, NATS_URL, RATE_LIMITER_EXEMPT, RELAY_HTTP, TLS_CERT_PATH,
    TLS_KEY_PATH, TLS_TICKET_KEY_PATH, TRANSPORTER, VARIABLES,
};

/// The lowest port that needs no privilege.
const FIRST_FREE_PORT: u64 = 1024;
/// The documented range of `MAX_CONCURRENT_CONNECTIONS`.
const USUAL_CONNECTIONS: std::ops::RangeInclusive<u64> = 100..=10_000;

/// What stands before a client's message on its way to a server, at most (RFC 6455, section 5.2).
const FRAME_HEAD: u64 = 14;

/// What the plain broker has nothing of.
const OF_MOLECULER: [&str; 11] = [
    "MS_NAMESPACE",
    "SERIALIZER",
    "MOLECULER_PROTOCOL",
    "BALANCE_STRATEGY",
    "BALANCE_PREFER_LOCAL",
    "RETRY_ENABLED",
    "RETRY_RETRIES",
    "RETRY_DELAY",
    "RETRY_MAX_DELAY",
    "RETRY_FACTOR",
    "WAIT_FOR_SERVICES_TIMEOUT",
];

/// What has no effect where sessions are relayed to a server.
const OF_THE_MESH: [&str; 28] = [
    "MONGO_URL",
    "MULTIPLE_INSTANCES_PING_INTERVAL",
    "MULTIPLE_INSTANCES_EXPIRE",
    "DISABLE_MESSAGE_PARSER",
    "DDP_PASSWORD_LOGIN",
    "BROKER",
    "NATS_URL",
    "MS_NAMESPACE",
    "SERIALIZER",
    "MOLECULER_PROTOCOL",
    "BALANCE_STRATEGY",
    "BALANCE_PREFER_LOCAL",
    "RETRY_ENABLED",
    "RETRY_RETRIES",
    "RETRY_DELAY",
    "RETRY_MAX_DELAY",
    "RETRY_FACTOR",
    "HEARTBEAT_TIMEOUT",
    "BULKHEAD_ENABLED",
    "BULKHEAD_CONCURRENCY",
    "BULKHEAD_MAX_QUEUE_SIZE",
    "WAIT_FOR_SERVICES_TIMEOUT",
    "LICENSE_CHECK_INTERVAL",
    "MAX_FAILS",
    "DDP_RATE_LIMIT",
    "RATE_LIMITER_EXEMPT",
    "DDP_LOGIN_RATE",
    "DDP_MAX_SESSIONS_PER_USER",
];

/// Whether sessions are relayed to a server: one is named, and no mesh is.
pub(super) fn relays(raw: &Raw, checked: &Checked) -> bool {
    raw.is_set(DDP_SERVER_URL) && !raw.is_set(TRANSPORTER) && checked.broker() != Broker::Nats
}

/// The variables that have no effect in this deployment, set or not.
pub(super) fn idle(raw: &Raw, checked: &Checked) -> &'static [&'static str] {
    if relays(raw, checked) {
        &OF_THE_MESH
    } else {
        &[]
    }
}

/// Pairs that must fit, and the core that must be named.
pub(super) fn pairs(raw: &Raw, checked: &Checked, beats: &Heartbeats, problems: &mut Vec<Problem>) {
    let plain = checked.broker() == Broker::Nats;
    if !raw.is_set(TRANSPORTER) && !raw.is_set(DDP_SERVER_URL) && !plain {
        problems.push(Problem::NoCore);
    }
    if let Some(timeout) = checked.time("CONNECTION_TIMEOUT")
        && timeout <= beats.client
    {
        problems.push(Problem::NotAccepted {
            variable: "CONNECTION_TIMEOUT",
            value: raw.shown("CONNECTION_TIMEOUT"),
            origin: origin(raw, "CONNECTION_TIMEOUT"),
            accepts: format!("seconds above {} ({:?})", beats.client_from, beats.client),
        });
    }
    if let (Some(total), Some(each)) = (
        checked.whole(DDP_MAX_BUFFERED_TOTAL),
        checked.whole(DDP_MAX_BUFFERED_BYTES),
    ) && total < each
    {
        problems.push(Problem::NotAccepted {
            variable: DDP_MAX_BUFFERED_TOTAL,
            value: raw.shown(DDP_MAX_BUFFERED_TOTAL),
            origin: origin(raw, DDP_MAX_BUFFERED_TOTAL),
            accepts: format!("bytes, {DDP_MAX_BUFFERED_BYTES} ({each}) at least"),
        });
    }
    // What waits for the server counts as unsent: a larger one would end its session.
    if let (true, Some(message), Some(each)) = (
        relays(raw, checked),
        checked.whole(DDP_MAX_MESSAGE_BYTES),
        checked.whole(DDP_MAX_BUFFERED_BYTES),
    ) && message + FRAME_HEAD > each
    {
        problems.push(Problem::NotAccepted {
            variable: DDP_MAX_MESSAGE_BYTES,
            value: raw.shown(DDP_MAX_MESSAGE_BYTES),
            origin: origin(raw, DDP_MAX_MESSAGE_BYTES),
            accepts: format!(
                "bytes, with {DDP_SERVER_URL} at least {FRAME_HEAD} below {DDP_MAX_BUFFERED_BYTES} ({each})"
            ),
        });
    }
    if checked.switch(ENABLE_TLS) {
        let shared = checked.text(TLS_TICKET_KEY_PATH);
        let shared = shared.map(|_| TLS_TICKET_KEY_PATH);
        for variable in [TLS_CERT_PATH, TLS_KEY_PATH].into_iter().chain(shared) {
            let path = checked.text(variable).unwrap_or_default();
            if Shape::File.parse(&path).is_none() {
                problems.push(Problem::NotAccepted {
                    variable,
                    value: raw.shown(variable),
                    origin: origin(raw, variable),
                    accepts: format!("{}, with {ENABLE_TLS}", Shape::File),
                });
            }
        }
    }
    let elsewhere = checked.ip(ADMIN_BIND_IP).filter(|ip| !ip.is_loopback());
    if checked.whole(ADMIN_PORT).is_some() && elsewhere.is_some() && !raw.is_set(ADMIN_TOKEN) {
        problems.push(Problem::NotAccepted {
            variable: ADMIN_BIND_IP,
            value: raw.shown(ADMIN_BIND_IP),
            origin: origin(raw, ADMIN_BIND_IP),
            accepts: format!(
                "an address of this machine alone (127.0.0.1, ::1), or a secret in {ADMIN_TOKEN}"
            ),
        });
    }
    let metrics = checked.switch("MS_METRICS").then_some(MS_METRICS_PORT);
    let taken = |other: &'static str, port: u64| checked.whole(other) == Some(port) && port > 0;
    for (variable, other) in [
        (metrics, "PORT"),
        (Some(ADMIN_PORT), "PORT"),
        (metrics.and(Some(ADMIN_PORT)), MS_METRICS_PORT),
    ] {
        let variable = variable.and_then(|name| Some((name, checked.whole(name)?)));
        if let Some((variable, port)) = variable
            && taken(other, port)
        {
            problems.push(Problem::NotAccepted {
                variable,
                value: raw.shown(variable),
                origin: origin(raw, variable),
                accepts: format!("another port than {other}"),
            });
        }
    }
}

/// What the log should say of a configuration that holds.
pub(super) fn notes(raw: &Raw, checked: &Checked, notes: &mut Vec<Note>) {
    let mut say = |level, text: String| notes.push(Note { level, text });
    if let Some(port) = checked.whole("PORT").filter(|port| *port < FIRST_FREE_PORT) {
        say(
            NoteLevel::Warn,
            format!("PORT={port}: below {FIRST_FREE_PORT}, where binding may need privileges"),
        );
    }
    if let Some(limit) = checked
        .whole("MAX_CONCURRENT_CONNECTIONS")
        .filter(|limit| !USUAL_CONNECTIONS.contains(limit))
    {
        let (from, to) = USUAL_CONNECTIONS.into_inner();
        say(
            NoteLevel::Info,
            format!("MAX_CONCURRENT_CONNECTIONS={limit}: outside the usual range {from}–{to}"),
        );
    }
    let plain = checked.broker() == Broker::Nats;
    if raw.is_set(DDP_SERVER_URL) && (raw.is_set(TRANSPORTER) || plain) {
        let why = if plain {
            "BROKER=nats"
        } else {
            "TRANSPORTER is set"
        };
        say(
            NoteLevel::Warn,
            format!("DDP_SERVER_URL has no effect: {why}, and the mesh is used"),
        );
    }
    if relays(raw, checked) {
        // Of the pair neither has: alone the one would be the clients'.
        let pair = raw.is_set(HEARTBEAT_TIMEOUT).then_some(HEARTBEAT_INTERVAL);
        let idle: Vec<_> = OF_THE_MESH
            .into_iter()
            .chain(pair)
            .filter(|name| raw.is_set(name))
            .collect();
        if !idle.is_empty() {
            let text = format!("without effect with DDP_SERVER_URL: {}", idle.join(", "));
            say(NoteLevel::Warn, text);
        }
        return ignored(raw, say);
    }
    if checked.switch(RELAY_HTTP) {
        let text = "RELAY_HTTP has no effect without DDP_SERVER_URL: the mesh is used".to_owned();
        say(NoteLevel::Warn, text);
    }
    if plain {
        let idle: Vec<_> = OF_MOLECULER
            .into_iter()
            .filter(|name| raw.is_set(name))
            .collect();
        if !idle.is_empty() {
            let text = format!("without effect with BROKER=nats: {}", idle.join(", "));
            say(NoteLevel::Warn, text);
        }
    } else if raw.is_set(NATS_URL) {
        let text = "NATS_URL has no effect without BROKER=nats: TRANSPORTER is used".to_owned();
        say(NoteLevel::Warn, text);
    }
    if checked
        .text("MONGO_URL")
        .is_some_and(|url| url.starts_with(MEMORY))
    {
        say(
            NoteLevel::Warn,
            "MONGO_URL=memory: the store is kept in memory, no database is used".to_owned(),
        );
    }
    if checked
        .text("MONGO_URL")
        .is_some_and(|url| mongo::has_socket_timeout(&url))
    {
        let text = "MONGO_URL: socketTimeoutMS has no effect, each operation has its own time-out";
        say(NoteLevel::Debug, text.to_owned());
    }
    if checked.switch("DDP_PASSWORD_LOGIN") {
        let text = "DDP_PASSWORD_LOGIN opens CVE-2026-28514, CVE-2026-30831 and CVE-2026-30833 on cores that are not mended";
        say(NoteLevel::Warn, text.to_owned());
    }
    if let (Some(expire), Some(ping)) = (
        checked.time("MULTIPLE_INSTANCES_EXPIRE"),
        checked.time("MULTIPLE_INSTANCES_PING_INTERVAL"),
    ) && expire <= ping
    {
        let text = format!(
            "MULTIPLE_INSTANCES_EXPIRE ({expire:?}) is not above MULTIPLE_INSTANCES_PING_INTERVAL ({ping:?}): the instances document disappears between two pings"
        );
        say(NoteLevel::Warn, text);
    }
    if raw.is_set(RATE_LIMITER_EXEMPT) && checked.word(DDP_RATE_LIMIT) != "settings" {
        let text = "RATE_LIMITER_EXEMPT has no effect without DDP_RATE_LIMIT=settings".to_owned();
        say(NoteLevel::Warn, text);
    }
    ignored(raw, say);
}

/// What other services of the workspace read, and what nobody does.
fn ignored(raw: &Raw, mut say: impl FnMut(NoteLevel, String)) {
    let ignored: Vec<_> = VARIABLES
        .iter()
        .filter(|one| matches!(one.shape, Shape::Ignored))
        .filter(|one| raw.is_set(one.name))
        .map(|one| one.name)
        .collect();
    if !ignored.is_empty() {
        say(
            NoteLevel::Debug,
            format!("accepted, without effect: {}", ignored.join(", ")),
        );
    }
}

fn origin(raw: &Raw, name: &str) -> Origin {
    raw.entries
        .get(name)
        .map_or(Origin::Default, |entry| entry.origin)
}
