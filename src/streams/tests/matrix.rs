//! The whole matrix of rules, `tests/golden/rules.txt`: every stream, every shape of event name, everybody, on every
//! release. What takes a grant away is in `matrix_after`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::matrix_table::{Cell, Person, READERS, Read, Table, WRITERS, Write};
use super::workspace::{Offers, Session, Workspace, stream, verdict_of};
use crate::ddp::Code;
use crate::services::Release::{self, Mixed, Unknown, V6, V8};
use crate::store::Collection;
use crate::streams::catalog::ROWS;

/// The id of all publications here.
const ID: &str = "m";
/// How long the core thinks where something happens meanwhile.
pub(super) const THINKS: Duration = Duration::from_millis(100);
const ANY_PERMISSION: [&str; 2] = [
    r#"["view-privileged-setting","edit-privileged-setting","manage-selected-settings"]"#,
    r#"["manage-outgoing-integrations","manage-own-outgoing-integrations"]"#,
];

/// The releases, and what their cores offer; of a mesh in mid-upgrade, the newer core.
const MESHES: [(Release, Offers); 5] = [
    (V6, Offers::Plain),
    (V8, Offers::Plain),
    (V8, Offers::ReadRoom),
    (Mixed, Offers::ReadRoom),
    (Unknown, Offers::Plain),
];
/// Those with a core that was seen.
pub(super) const SEEN: &[(Release, Offers)] = MESHES.split_at(4).0;

pub(super) fn on(release: Release, cell: &Cell) -> &str {
    match release {
        V6 => &cell.old,
        V8 => &cell.new,
        _ => cell.stricter(),
    }
}

/// The workspace that the table describes.
pub(super) async fn workspace((release, offers): (Release, Offers)) -> Workspace {
    let workspace = Workspace::with(release, offers).await;
    for (id, username, name) in [
        ("holly", "holly.h", "Holly"),
        ("eve", "eve.e", "Eve"),
        ("dan", "dan.d", "Dan"),
    ] {
        let user = json!({"_id": id, "username": username, "name": name, "roles": ["user"]});
        workspace.put(Collection::Users, user);
    }
    workspace.put(
        Collection::Rooms,
        json!({"_id": "open", "t": "c", "name": "open"}),
    );
    workspace.put(
        Collection::Subscriptions,
        json!({"_id": "secret-dan", "rid": "secret", "u": {"_id": "dan"}}),
    );
    workspace.put(
        Collection::VideoConferences,
        json!({"_id": "call", "rid": "secret", "users": []}),
    );
    let core = &workspace.core;
    for action in ["canAccessRoom", "canAccessRoomId", "canReadRoom"] {
        for room in ["secret", "general", "open"] {
            core.grant(&format!("{action} {room} alice"));
        }
        for user in ["", "null", "holly", "eve"] {
            core.grant(&format!("{action} open {user}"));
        }
    }
    core.grant("canReadRoom general holly");
    core.grant(r#"canAccessRoom chat  {"token":"vt","visitorToken":"vt"}"#);
    core.grant(r#"canReadRoom chat null {"token":"vt","visitorToken":"vt"}"#);
    core.grant("canAccessConference call alice");
    core.grant("validateAction call alice");
    for permissions in ANY_PERMISSION {
        core.grant(&format!("hasAtLeastOnePermission holly {permissions}"));
    }
    for permission in [
        "preview-c-room",
        "view-l-room",
        "view-canned-responses",
        "view-logs",
    ] {
        core.grant(&format!("hasPermission holly {permission}"));
    }
    workspace.set("OTR_Enable", json!(true));
    workspace.set("Canned_Responses_Enable", json!(true));
    workspace
}

/// A session of a person.
pub(super) fn enter(workspace: &Workspace, id: &str, who: Person) -> Session {
    match who.user() {
        Some(user) => workspace.login(id, user),
        None => workspace.client(id),
    }
}

/// A session asks for a row's publication, as a person would; the answer in the words of the table.
pub(super) async fn ask(session: &Session, who: Person, row: &Read) -> String {
    let args = match who {
        Person::Visitor => json!([{"token": "vt", "visitorToken": "vt"}]),
        _ => json!([]),
    };
    let params = json!([row.event_name, {"useCollection": false, "args": args}]);
    session.sub(&row.stream, ID, params).await;
    word(&verdict_of(&session.hears())).to_owned()
}

pub(super) fn word(verdict: &str) -> &str {
    match verdict {
        "ready" => "yes",
        "not-allowed" => "no",
        "invalid-event-name" => "name",
        other => other,
    }
}

/// Publishes the row's event, and says whether the session heard it and nothing else. Presence has no such events.
pub(super) fn heard(workspace: &Workspace, session: &Session, row: &Read) -> bool {
    workspace
        .streams
        .publish(stream(&row.stream), &row.event_name, "[1]");
    match &*session.hears() {
        [] => false,
        [one] => {
            let expected = json!({
                "msg": "changed", "collection": format!("stream-{}", row.stream), "id": "id",
                "fields": {"eventName": row.event_name, "args": [1]},
            });
            assert_eq!(*one, expected);
            true
        }
        more => panic!("{more:?}"),
    }
}

pub(super) fn is_presence(row: &Read) -> bool {
    row.stream == "user-presence"
}

pub(super) fn given(workspace: &Workspace, setting: &Option<(String, bool)>) {
    if let Some((setting, on)) = setting {
        workspace.set(setting, json!(on));
    }
}

/// As it was before `given`.
pub(super) fn taken_back(workspace: &Workspace, setting: &Option<(String, bool)>) {
    if let Some((setting, on)) = setting {
        workspace.set(setting, json!(!on));
    }
}

#[test]
fn the_table_has_every_stream() {
    let table = Table::read();
    let streams: BTreeSet<_> = ROWS.iter().map(|row| row.name).collect();
    let real = |name: &&str| *name != "no-such-stream";
    let reads = table.reads.iter().map(|row| &*row.stream);
    let reads: BTreeSet<_> = reads.filter(real).collect();
    let writes = table.writes.iter().map(|row| &*row.stream);
    let writes: BTreeSet<_> = writes.filter(real).collect();
    assert_eq!((&reads, &writes), (&streams, &streams));
    for after in &table.afters {
        let rows = table.reads.iter();
        let rows =
            rows.filter(|row| (&row.stream, &row.event_name) == (&after.stream, &after.event_name));
        assert!(rows.count() > 0, "{after:?}");
    }
}

// contract: mesh/release/stricter
#[tokio::test(start_paused = true)]
async fn reading() {
    let table = Table::read();
    let mut wrong = Vec::new();
    for mesh in MESHES {
        let workspace = workspace(mesh).await;
        for row in &table.reads {
            given(&workspace, &row.given);
            for (who, cell) in READERS.into_iter().zip(&row.cells) {
                let session = enter(&workspace, "s", who);
                let answer = ask(&session, who, row).await;
                if answer != on(mesh.0, cell) {
                    wrong.push(format!("{mesh:?} {who:?}: {answer} and not {row:?}"));
                }
                workspace.streams.leave(&session.client);
            }
            taken_back(&workspace, &row.given);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

// contract: streams/rule/unasked
#[tokio::test(start_paused = true)]
async fn reading_while_the_core_is_away() {
    let table = Table::read();
    let mut wrong = Vec::new();
    for mesh in MESHES {
        let workspace = workspace(mesh).await;
        workspace.core.fail(true);
        for row in &table.reads {
            given(&workspace, &row.given);
            for (who, cell) in READERS.into_iter().zip(&row.cells) {
                let session = enter(&workspace, "s", who);
                let answer = ask(&session, who, row).await;
                let fits = match on(mesh.0, cell) {
                    "yes" => answer == on(mesh.0, &row.away),
                    _ => answer != "yes",
                };
                if !fits {
                    wrong.push(format!("{mesh:?} {who:?}: {answer} and not {row:?}"));
                }
                workspace.streams.leave(&session.client);
            }
            taken_back(&workspace, &row.given);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Who hears of a write, in the words of the table; and what the mesh is told must be as much.
async fn write(workspace: &Workspace, who: Person, row: &Write) -> String {
    let (writer, listener) = (enter(workspace, "w", who), workspace.client("l"));
    let what = row.event_name.split_once('/').map_or("", |(_, what)| what);
    let hub = workspace.streams.hub();
    let others =
        ["alice", "bob", "dan", "eve", "holly"].map(|user| (user, format!("{user}/{what}")));
    if row.stream == "notify-room-users" {
        for (user, event_name) in &others {
            let channel = stream("notify-user").channel();
            hub.subscribe(&listener.client, user, channel, event_name, None, &[]);
        }
    } else if row.stream != "no-such-stream" {
        let channel = stream(&row.stream).channel();
        for session in [&writer, &listener] {
            hub.subscribe(&session.client, ID, channel, &row.event_name, None, &[]);
        }
    }
    let mut params = vec![json!(row.event_name)];
    let (name, real) = match who.user() {
        Some("alice") => ("alice.a", "Alice"),
        Some("holly") => ("holly.h", "Holly"),
        Some("eve") => ("eve.e", "Eve"),
        _ => ("", ""),
    };
    params.extend(
        row.args
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| match arg.as_str() {
                Some("$name") => json!(name),
                Some("$real") => json!(real),
                _ => arg.clone(),
            }),
    );
    let args = Value::Array(params[1..].to_vec());
    let written = writer.write(&row.stream, Value::Array(params)).await;
    assert_eq!(writer.events(), [], "the writer hears nothing of it");
    let events = listener.events();
    // What goes to the mesh is there by now.
    sleep(Duration::from_millis(5)).await;
    let relayed = std::mem::take(&mut *workspace.heard.lock());
    assert_eq!(relayed.len(), events.len(), "{row:?}: {relayed:?}");
    for session in [&writer, &listener] {
        workspace.streams.leave(&session.client);
    }
    match (written, &*events) {
        (None, []) => "404".to_owned(),
        (Some(Err(error)), []) if error.code == Code::Number(500) => "500".to_owned(),
        (Some(Ok(())), []) => "no".to_owned(),
        (Some(Ok(())), [(event_name, heard)]) if *heard == args => {
            let other = others.iter().find(|(_, name)| name == event_name);
            match (&*row.stream, other) {
                ("notify-room-users", Some((user, _))) => (*user).to_owned(),
                _ if *event_name == row.event_name => "yes".to_owned(),
                _ => panic!("{row:?}: {events:?}"),
            }
        }
        _ => panic!("{row:?}: {events:?}"),
    }
}

// contract: streams/write/refused, streams/write/heard
#[tokio::test(start_paused = true)]
async fn writing() {
    let table = Table::read();
    let mut wrong = Vec::new();
    for mesh in MESHES {
        let workspace = workspace(mesh).await;
        for row in &table.writes {
            given(&workspace, &row.given);
            for (who, cell) in WRITERS.into_iter().zip(&row.cells) {
                let answer = write(&workspace, who, row).await;
                if answer != on(mesh.0, cell) {
                    wrong.push(format!("{mesh:?} {who:?}: {answer} and not {row:?}"));
                }
            }
            taken_back(&workspace, &row.given);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a write rule must ask for is an error while nobody answers; nothing else changes.
// contract: streams/rule/unasked
#[tokio::test(start_paused = true)]
async fn writing_while_the_core_is_away() {
    let table = Table::read();
    for mesh in SEEN {
        let workspace = workspace(*mesh).await;
        workspace.core.fail(true);
        for row in &table.writes {
            given(&workspace, &row.given);
            for (who, cell) in WRITERS.into_iter().zip(&row.cells) {
                let answer = write(&workspace, who, row).await;
                // The writes that a service decides, where it would be asked.
                let asks = row.stream == "notify-user"
                    && who.user().is_some()
                    && match row.event_name.split_once('/').map(|(_, what)| what) {
                        Some("video-conference") => row.args[0]["params"]["callId"].is_string(),
                        Some("media-calls") => row.args[0].is_string(),
                        _ => false,
                    };
                let expected = match asks {
                    true => "500",
                    false => on(mesh.0, cell),
                };
                assert_eq!(answer, expected, "{mesh:?} {who:?} {row:?}");
            }
            taken_back(&workspace, &row.given);
        }
    }
}

/// Each publication of each user, and then the session is another user's: what the other may not have ends with an
/// error, and nothing of it is heard while that is being asked.
// contract: methods/login/another-user
#[tokio::test(start_paused = true)]
async fn a_login_as_somebody_else() {
    let table = Table::read();
    for mesh in SEEN {
        let workspace = workspace(*mesh).await;
        for row in &table.reads {
            given(&workspace, &row.given);
            for (from, granted) in READERS.into_iter().zip(&row.cells) {
                if from == Person::Visitor || on(mesh.0, granted) != "yes" {
                    continue;
                }
                for (to, cell) in READERS.into_iter().zip(&row.cells) {
                    let Some(user) = to.user().filter(|_| to != from) else {
                        continue;
                    };
                    let label = format!("{mesh:?} {from:?} to {to:?}: {row:?}");
                    let session = enter(&workspace, "s", from);
                    assert_eq!(ask(&session, from, row).await, "yes", "{label}");
                    workspace.core.slow(THINKS);
                    session.login(user);
                    let may = on(mesh.0, cell) == "yes";
                    let ((), mut told) =
                        tokio::join!(workspace.streams.recheck(session.client.clone()), async {
                            sleep(THINKS / 2).await;
                            let told = session.hears();
                            if !may && !is_presence(row) {
                                assert!(!heard(&workspace, &session, row), "{label}");
                            }
                            told
                        });
                    workspace.core.slow(Duration::ZERO);
                    told.extend(session.hears());
                    match may {
                        true => assert_eq!(told, [] as [Value; 0], "{label}"),
                        false => {
                            assert_eq!(word(&verdict_of(&told)), on(mesh.0, cell), "{label}");
                        }
                    }
                    assert_eq!(
                        session.client.publications.lock().len(),
                        usize::from(may),
                        "{label}"
                    );
                    if !is_presence(row) {
                        assert_eq!(heard(&workspace, &session, row), may, "{label}");
                    }
                    workspace.streams.leave(&session.client);
                }
            }
            taken_back(&workspace, &row.given);
        }
    }
}

/// After a logout nothing is left, and nothing that the user was granted is granted to whoever comes after.
// contract: methods/logout
#[tokio::test(start_paused = true)]
async fn a_logout() {
    let table = Table::read();
    for mesh in SEEN {
        let workspace = workspace(*mesh).await;
        for row in &table.reads {
            given(&workspace, &row.given);
            for (who, cell) in READERS.into_iter().zip(&row.cells) {
                if who.user().is_none() || on(mesh.0, cell) != "yes" {
                    continue;
                }
                let label = format!("{mesh:?} {who:?}: {row:?}");
                let session = enter(&workspace, "s", who);
                assert_eq!(ask(&session, who, row).await, "yes", "{label}");
                session.logout();
                assert_eq!(workspace.streams.hub().topics(), 0, "{label}");
                if !is_presence(row) {
                    assert!(!heard(&workspace, &session, row), "{label}");
                }
                // The answers of a moment ago are there, and not for others.
                for (other, cell) in READERS
                    .into_iter()
                    .zip(&row.cells)
                    .filter(|(other, _)| *other != who)
                {
                    let session = enter(&workspace, "o", other);
                    assert_eq!(
                        ask(&session, other, row).await,
                        on(mesh.0, cell),
                        "{other:?} after {label}"
                    );
                    workspace.streams.leave(&session.client);
                }
            }
            taken_back(&workspace, &row.given);
        }
    }
}
