//! The whole matrix of rules once more: what becomes of each publication when something is taken away from who has it, and
//! when the core is another release.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::matrix::{
    SEEN, THINKS, ask, enter, given, heard, is_presence, on, taken_back, word, workspace,
};
use super::matrix_table::{Fate, Person, READERS, Read, Table};
use super::workspace::{Offers, Workspace, until, verdict_of};
use crate::mesh::{Mesh, MeshConfig, NodeId, Transporter};
use crate::services::Release::{Mixed, V6, V8};
use crate::store::Collection;

/// What is taken away, and from whom.
const CHANGES: [(&str, Person); 5] = [
    ("kick", Person::Member),
    ("deleted", Person::Member),
    ("private", Person::Stranger),
    ("lost", Person::Holder),
    ("role", Person::Holder),
];

/// Takes something away from a person, with the event that says so.
fn take_away(workspace: &Workspace, change: &str) {
    let memory = workspace.store.as_memory().unwrap();
    let put_out = || {
        let about = |question: &str| question.ends_with(" secret alice");
        workspace.core.revoke_all(about);
        memory.remove(Collection::Subscriptions, "secret-alice");
        workspace.subscription("removed", "secret", "alice");
    };
    let no_permission = || {
        let preview = "canReadRoom general holly";
        let about = |question: &str| question.starts_with("has") || question == preview;
        workspace.core.revoke_all(about);
    };
    match change {
        "kick" => put_out(),
        "deleted" => {
            let secret = memory.document(Collection::Rooms, "secret").unwrap();
            memory.remove(Collection::Rooms, "secret");
            put_out();
            workspace.room("removed", secret);
        }
        "private" => {
            let room = json!({"_id": "open", "t": "p", "name": "open"});
            let about = |question: &str| question.contains(" open ");
            workspace.core.revoke_all(about);
            workspace.put(Collection::Rooms, room.clone());
            workspace.room("updated", room);
        }
        "lost" => {
            no_permission();
            workspace.streams.permission_changed(None);
        }
        "role" => {
            no_permission();
            workspace.streams.user_changed("holly");
            workspace.streams.user_roles_changed("holly");
        }
        other => panic!("{other}"),
    }
}

/// What becomes of each publication when something is taken away; of a question that is away at that moment; and of the
/// next one, at once.
// contract: streams/kick, streams/lost/removed, streams/lost/type, streams/lost/permission, streams/reuse/dropped
// contract: streams/reuse/in-flight
#[tokio::test(start_paused = true)]
async fn what_is_taken_away() {
    let table = Table::read();
    for (change, who) in CHANGES {
        assert!(table.afters.iter().any(|after| after.change == change));
        for mesh in SEEN {
            for row in &table.reads {
                let column = READERS.iter().position(|reader| *reader == who).unwrap();
                if on(mesh.0, &row.cells[column]) != "yes" {
                    continue;
                }
                let label = format!("{change} {mesh:?} {row:?}");
                let (fate, again) = match table.after(change, row) {
                    Some(after) => (after.publication, on(mesh.0, &after.again)),
                    None => (Fate::Stays, "yes"),
                };
                // `canReadRoom` knows of permissions, and nobody else.
                let untold = matches!(change, "lost" | "role")
                    && row.stream == "room-messages"
                    && mesh.1 == Offers::ReadRoom;
                let ends = fate == Fate::Ends && again == "no" && !untold;
                let stays = fate != Fate::Gone && !ends;
                let workspace = workspace(*mesh).await;
                given(&workspace, &row.given);
                let session = enter(&workspace, "s", who);
                assert_eq!(ask(&session, who, row).await, "yes", "{label}");
                // No answer of a moment ago, but one that is on its way.
                workspace.streams.forget_answers();
                workspace.core.slow(THINKS);
                let asking = enter(&workspace, "a", who);
                let (answer, ()) = tokio::join!(ask(&asking, who, row), async {
                    sleep(THINKS / 2).await;
                    take_away(&workspace, change);
                });
                workspace.core.slow(Duration::ZERO);
                assert_eq!(answer, again, "while it was asked: {label}");
                let next = enter(&workspace, "n", who);
                assert_eq!(ask(&next, who, row).await, again, "next: {label}");
                sleep(2 * THINKS).await;
                let heard_of_it = session.hears();
                match ends {
                    true => assert_eq!(verdict_of(&heard_of_it), "not-allowed", "{label}"),
                    false => assert_eq!(heard_of_it, [] as [Value; 0], "without a word: {label}"),
                }
                if !is_presence(row) {
                    assert_eq!(heard(&workspace, &session, row), stays, "{label}");
                }
                for (other, heard_by) in [("asking", &asking), ("next", &next)] {
                    let has = heard_by.client.publications.lock().len() == 1;
                    assert_eq!(has, again == "yes", "{other}: {label}");
                }
            }
        }
    }
}

/// Each publication of everybody, and then a core of the other release is there too: what the stricter of both rules
/// refuses ends, and the rest hears on.
// contract: mesh/release/changes, mesh/release/stricter
#[tokio::test(start_paused = true)]
async fn another_release() {
    let table = Table::read();
    let mut settings: Vec<_> = table.reads.iter().map(|row| row.given.clone()).collect();
    settings.sort();
    settings.dedup();
    for (before, newcomer) in [(V6, V8), (V8, V6)] {
        for setting in &settings {
            let workspace = workspace((before, Offers::Plain)).await;
            given(&workspace, setting);
            let mut granted = Vec::new();
            let rows = table.reads.iter().filter(|row| row.given == *setting);
            for row in rows {
                for (who, cell) in READERS.into_iter().zip(&row.cells) {
                    if on(before, cell) == "yes" {
                        let id = format!("s{}", granted.len());
                        let session = enter(&workspace, &id, who);
                        assert_eq!(ask(&session, who, row).await, "yes", "{who:?} {row:?}");
                        granted.push((session, who, row, on(Mixed, cell)));
                    }
                }
            }
            let id = NodeId::new("core-2").unwrap();
            let core = Mesh::start(
                MeshConfig::new(id, Transporter::Local(workspace.bus.clone())),
                workspace.core.services(newcomer, Offers::Plain),
                Arc::new(()),
                &workspace.tracker,
                &workspace.cancel,
            )
            .unwrap();
            let mesh = workspace.streams.services.mesh().clone();
            until(|| mesh.release() == Mixed).await;
            workspace.streams.release_changed().await;
            let told: Vec<_> = granted.iter().map(|(one, ..)| one.hears()).collect();
            for ((session, who, row, cell), told) in granted.iter().zip(told) {
                let label = format!("{before:?} {who:?} {row:?}");
                match *cell {
                    "yes" => assert_eq!(told, [] as [Value; 0], "{label}"),
                    cell => assert_eq!(word(&verdict_of(&told)), cell, "{label}"),
                }
                if !is_presence(row) {
                    assert_eq!(hears(&workspace, session, row), *cell == "yes", "{label}");
                }
            }
            taken_back(&workspace, setting);
            drop(core);
        }
    }
}

/// [`heard`], among others who hear the same.
fn hears(workspace: &Workspace, session: &super::workspace::Session, row: &Read) -> bool {
    session.hears();
    heard(workspace, session, row)
}
