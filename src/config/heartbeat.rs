//! `HEARTBEAT_INTERVAL` has two readings. Alone it is the client's; deployed charts set the pair `HEARTBEAT_INTERVAL=10` `HEARTBEAT_TIMEOUT=30`
//! for the mesh, and then clients keep their default.

use std::time::Duration;

use super::check::Checked;
use super::error::{Note, NoteLevel};
use super::raw::Raw;
use super::variables::{DDP_HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT};

/// Silence before a client is pinged.
const CLIENT_INTERVAL: Duration = Duration::from_secs(30);
/// How often a mesh node beats.
const MESH_INTERVAL: Duration = Duration::from_secs(10);
/// Silence after which a mesh node is lost.
const MESH_TIMEOUT: Duration = Duration::from_secs(30);
/// Beats that fit into a time-out where only the time-out is set: one may be lost, and one late.
const BEATS_PER_TIMEOUT: u32 = 3;

/// Which heartbeats hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heartbeats {
    pub(super) client: Duration,
    pub(super) mesh: Duration,
    pub(super) mesh_timeout: Duration,
    /// The variable that the client's interval is from.
    pub(super) client_from: &'static str,
}

/// Takes the readings apart, and says which was taken. Where sessions are relayed (`relays`) there is no mesh to speak of.
pub(super) fn read(
    raw: &Raw,
    checked: &Checked,
    relays: bool,
    notes: &mut Vec<Note>,
) -> Heartbeats {
    let own = checked.time(DDP_HEARTBEAT_INTERVAL);
    let shared = checked.time(HEARTBEAT_INTERVAL);
    let timeout = checked.time(HEARTBEAT_TIMEOUT);

    let (client, client_from) = match (own, shared, timeout) {
        (Some(own), ..) => (own, DDP_HEARTBEAT_INTERVAL),
        (None, Some(shared), None) => (shared, HEARTBEAT_INTERVAL),
        _ => (CLIENT_INTERVAL, HEARTBEAT_INTERVAL),
    };
    let (mesh, mesh_timeout) = match (shared, timeout) {
        (Some(shared), Some(timeout)) => (shared, timeout),
        (None, Some(timeout)) => (MESH_INTERVAL.min(timeout / BEATS_PER_TIMEOUT), timeout),
        (_, None) => (MESH_INTERVAL, MESH_TIMEOUT),
    };

    let taken = match (
        raw.is_set(HEARTBEAT_INTERVAL),
        raw.is_set(HEARTBEAT_TIMEOUT),
    ) {
        (true, true) if relays => {
            "HEARTBEAT_INTERVAL and HEARTBEAT_TIMEOUT are read as a mesh's pair, and there is none"
        }
        (true, true) => "HEARTBEAT_INTERVAL and HEARTBEAT_TIMEOUT are read as the mesh's pair",
        (true, false) if own.is_some() => {
            "DDP_HEARTBEAT_INTERVAL wins over HEARTBEAT_INTERVAL, which has no effect without HEARTBEAT_TIMEOUT"
        }
        (true, false) => "HEARTBEAT_INTERVAL without HEARTBEAT_TIMEOUT is read as the clients'",
        (false, true) if !relays => "HEARTBEAT_TIMEOUT is the mesh's",
        _ => "heartbeats",
    };
    let level = if raw.is_set(HEARTBEAT_INTERVAL) || raw.is_set(HEARTBEAT_TIMEOUT) {
        NoteLevel::Info
    } else {
        NoteLevel::Debug
    };
    let mut text = format!("{taken}: clients are pinged after {client:?} of silence");
    if !relays {
        text += &format!(
            ", the mesh node beats every {mesh:?} and others are lost after {mesh_timeout:?}"
        );
    }
    notes.push(Note { level, text });
    if mesh >= mesh_timeout && !relays {
        let text = format!(
            "HEARTBEAT_INTERVAL ({mesh:?}) is not below HEARTBEAT_TIMEOUT ({mesh_timeout:?}): nodes that share them count each other as lost between two beats"
        );
        notes.push(Note {
            level: NoteLevel::Warn,
            text,
        });
    }
    Heartbeats {
        client,
        mesh,
        mesh_timeout,
        client_from,
    }
}
