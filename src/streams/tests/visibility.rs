//! Whose status is whose business (8.8 and later).

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::workspace::{Offers, Session, Workspace, until, verdict_of};
use crate::ejson;
use crate::mesh::{DEFAULT_FORGET_AFTER, Mesh, MeshConfig, NodeId, Transporter};
use crate::services::Release::{V6, V8};

/// A core of 9.0.
async fn workspace() -> Workspace {
    Workspace::with(V8, Offers::Visibility).await
}

/// A core of 8.8 or 8.9.
async fn workspace_of_8_8() -> Workspace {
    let workspace = workspace().await;
    *workspace.core.plain_lists.lock() = true;
    workspace
}

async fn watch(session: &Session, id: &str, edit: Value) -> String {
    session.sub("user-presence", id, json!(["", edit])).await;
    verdict_of(&session.hears())
}

fn online(workspace: &Workspace, uid: &str) {
    let args = json!([[uid, 1, "busy bee", "manual", null]]);
    workspace.streams.presence_changed(uid, &args.to_string());
}

fn seen(session: &Session) -> Vec<Value> {
    session
        .events()
        .into_iter()
        .map(|(_, args)| args[0].clone())
        .collect()
}

fn tell(workspace: &Workspace, data: Value) {
    let data = ejson::raw(data.to_string()).unwrap();
    workspace.streams.visibility_changed(&data);
}

async fn invalidate(workspace: &Workspace, data: Value) {
    tell(workspace, data);
    workspace.quiet().await;
}

/// What can be done is done; what failed waits for its next time.
async fn settled() {
    sleep(Duration::from_millis(500)).await;
}

fn shown(uid: &str) -> Value {
    json!([uid, 1, "busy bee", "manual", null])
}

fn offline(uid: &str) -> Value {
    json!([uid, 0])
}

fn resent(uid: &str) -> Value {
    json!([uid, 2, "t", null, null])
}

// contract: streams/visibility/hidden
#[tokio::test(start_paused = true)]
async fn who_is_hidden_takes_leave_once_even_of_those_who_come_later() {
    let workspace = workspace().await;
    workspace.core.hide("alice", &["u1"]);
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    for session in [&alice, &bob] {
        assert_eq!(
            watch(session, "1", json!({"added": ["u1", "u2"]})).await,
            "ready"
        );
    }
    for uid in ["u1", "u2", "u1"] {
        online(&workspace, uid);
    }
    assert_eq!(seen(&alice), [offline("u1"), shown("u2")]);
    assert_eq!(seen(&bob), [shown("u1"), shown("u2"), shown("u1")]);
    // Forgotten with the interest.
    watch(&alice, "2", json!({"removed": ["u1"]})).await;
    watch(&alice, "3", json!({"added": ["u1"]})).await;
    online(&workspace, "u1");
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [offline("u1")]);
}

// contract: streams/visibility/hidden
#[tokio::test(start_paused = true)]
async fn who_becomes_hidden_takes_leave_once_and_may_come_back() {
    let workspace = workspace().await;
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    for session in [&alice, &bob] {
        watch(session, "1", json!({"added": ["u1", "u2"]})).await;
    }
    online(&workspace, "u1");
    assert_eq!((seen(&alice).len(), seen(&bob).len()), (1, 1));
    workspace.core.hide("alice", &["u1"]);
    invalidate(&workspace, json!({"targets": ["u1"], "viewers": ["alice"]})).await;
    assert_eq!(seen(&alice), [offline("u1")]);
    assert_eq!(seen(&bob), [resent("u1")]);
    online(&workspace, "u1");
    online(&workspace, "u2");
    assert_eq!(seen(&alice), [shown("u2")], "then nothing");
    assert_eq!(seen(&bob), [shown("u1"), shown("u2")]);
    workspace.core.hidden.lock().clear();
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    assert_eq!(seen(&alice), [resent("u1")]);
    workspace.core.hide("alice", &["*"]);
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    online(&workspace, "u2");
    assert_eq!(seen(&alice), [offline("u1"), offline("u2")]);
}

// contract: streams/visibility/forms
#[tokio::test(start_paused = true)]
async fn answers_in_all_forms() {
    for (plain, hidden, expected) in [
        (true, ["u1"], [offline("u1"), shown("u2"), shown("u3")]),
        (false, ["u1"], [offline("u1"), shown("u2"), shown("u3")]),
        (false, ["*"], [offline("u1"), offline("u2"), offline("u3")]),
        // Not told: who is restricted is hidden, and nobody else.
        (false, ["?"], [shown("u1"), offline("u2"), shown("u3")]),
    ] {
        let workspace = workspace().await;
        *workspace.core.plain_lists.lock() = plain;
        *workspace.core.restricted.lock() = vec!["u2".into()];
        workspace.core.hide("alice", &hidden);
        let alice = workspace.login("a", "alice");
        let added = json!({"added": ["u1", "u2", "u3"]});
        assert_eq!(watch(&alice, "1", added).await, "ready");
        for uid in ["u1", "u2", "u3"] {
            online(&workspace, uid);
        }
        assert_eq!(seen(&alice), expected, "{plain} {hidden:?}");
    }
}

// contract: streams/visibility/forms
#[tokio::test(start_paused = true)]
async fn what_is_not_told_follows_who_is_restricted() {
    let workspace = workspace().await;
    workspace.core.hide("alice", &["?"]);
    let alice = workspace.login("a", "alice");
    watch(&alice, "1", json!({"added": ["u1", "u2"]})).await;
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [shown("u1")]);
    *workspace.core.restricted.lock() = vec!["u1".into()];
    // Of others, but who is restricted is everybody's business.
    invalidate(&workspace, json!({"targets": ["u1"], "viewers": ["bob"]})).await;
    assert_eq!(seen(&alice), [offline("u1")]);

    // Who is restricted is not answered: everybody may be, until it is.
    let bob = workspace.login("b", "bob");
    workspace.core.hide("bob", &["?"]);
    workspace.core.fail_at("getRestrictedUsers", true);
    tell(&workspace, json!({"targets": []}));
    settled().await;
    assert_eq!(
        watch(&bob, "1", json!({"added": ["u1", "u2"]})).await,
        "ready"
    );
    online(&workspace, "u2");
    assert_eq!(seen(&bob), [] as [Value; 0]);
    workspace.core.fail_at("getRestrictedUsers", false);
    workspace.quiet().await;
    assert_eq!(seen(&bob), [offline("u1"), resent("u2")]);
}

// contract: streams/visibility/invalidate
#[tokio::test(start_paused = true)]
async fn between_an_invalidation_and_its_answer_targets_are_seen_by_nobody() {
    let workspace = workspace().await;
    let alice = workspace.login("a", "alice");
    watch(&alice, "1", json!({"added": ["u1", "u2"]})).await;
    workspace.core.slow(Duration::from_millis(100));
    workspace.core.hide("alice", &["u1"]);
    tell(&workspace, json!({"targets": ["u1"]}));
    sleep(Duration::from_millis(50)).await;
    online(&workspace, "u1");
    online(&workspace, "u2");
    assert_eq!(seen(&alice), [shown("u2")]);
    // A second one while the first is away: the answers to the first do not count.
    workspace.core.hidden.lock().clear();
    tell(&workspace, json!({"targets": ["u1"]}));
    workspace.quiet().await;
    let all = seen(&alice);
    assert_eq!(all.last(), Some(&resent("u1")));
    assert!(!all.contains(&offline("u1")), "{all:?}");
}

// contract: streams/visibility/everybody
#[tokio::test(start_paused = true)]
async fn without_targets_everybody_is_sent_again() {
    for data in [json!({}), json!({"targets": null}), json!({"targets": [1]})] {
        let workspace = workspace().await;
        let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
        for session in [&alice, &bob] {
            watch(session, "1", json!({"added": ["u1", "u2", "u9"]})).await;
        }
        workspace.core.asked();
        workspace.core.hide("alice", &["u2"]);
        workspace.core.slow(Duration::from_millis(100));
        tell(&workspace, data.clone());
        sleep(Duration::from_millis(50)).await;
        online(&workspace, "u1");
        assert!(seen(&alice).is_empty(), "nobody is known to be visible");
        workspace.quiet().await;
        assert_eq!(seen(&alice), [resent("u1"), offline("u2")], "{data}");
        assert_eq!(seen(&bob), [resent("u1"), resent("u2")], "{data}");
        let asked = workspace.core.asked();
        assert_eq!(asked.last().unwrap(), "refresh null", "{data}");
        assert_eq!(asked.len(), 4, "the gate, two viewers, and who to send");
    }
}

// contract: streams/visibility/invalidate
#[tokio::test(start_paused = true)]
async fn many_invalidations_are_asked_about_together() {
    let workspace = workspace().await;
    let alice = workspace.login("a", "alice");
    watch(&alice, "1", json!({"added": ["u1", "u2"]})).await;
    workspace.core.asked();
    workspace.core.slow(Duration::from_millis(100));
    for n in 0..200 {
        tell(&workspace, json!({"targets": ["u1", format!("x{n}")]}));
    }
    workspace.quiet().await;
    assert!(workspace.core.asked().len() <= 6);
    let all = seen(&alice);
    assert_eq!(all.last(), Some(&resent("u2")), "in doubt all are: {all:?}");
}

// contract: streams/visibility/failed
#[tokio::test(start_paused = true)]
async fn a_viewer_who_cannot_be_asked_about_sees_nobody_until_it_can() {
    let workspace = workspace().await;
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    watch(&alice, "1", json!({"added": ["u1", "u2"]})).await;
    workspace.core.fail(true);
    assert_eq!(watch(&bob, "1", json!({"added": ["u1"]})).await, "500");
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [shown("u1")], "known before");
    tell(&workspace, json!({"targets": ["u1"]}));
    settled().await;
    online(&workspace, "u1");
    online(&workspace, "u2");
    assert_eq!(seen(&alice), [shown("u2")]);
    // A core that comes back is asked without another word.
    sleep(Duration::from_secs(100)).await;
    workspace.core.fail(false);
    workspace.quiet().await;
    assert_eq!(seen(&alice), [resent("u1")]);
    assert_eq!(watch(&bob, "1", json!({"added": ["u1"]})).await, "ready");
}

// contract: streams/visibility/gate
#[tokio::test(start_paused = true)]
async fn user_status_is_for_those_whose_status_is_everybodys() {
    let workspace = workspace().await;
    let alice = workspace.login("a", "alice");
    alice.asks("notify-logged", "user-status", json!([])).await;
    *workspace.core.restricted.lock() = vec!["u1".into()];
    let status = |uid: &str| {
        workspace
            .streams
            .status_changed(uid, &json!([[uid]]).to_string())
    };
    status("u2");
    assert!(
        alice.events().is_empty(),
        "not known yet: everybody is restricted"
    );
    workspace.quiet().await;
    status("u1");
    status("u2");
    assert_eq!(
        alice.events(),
        [("user-status".to_owned(), json!([["u2"]]))]
    );
    workspace.core.fail(true);
    tell(&workspace, json!({"targets": []}));
    settled().await;
    workspace.core.asked();
    for _ in 0..10 {
        status("u2");
    }
    settled().await;
    assert!(alice.events().is_empty());
    assert!(workspace.core.asked().len() < 3, "not asked by every event");
    workspace.core.fail(false);
    workspace.quiet().await;
    status("u2");
    assert_eq!(alice.events().len(), 1, "asked again after a while");
}

// contract: streams/visibility/gate, streams/visibility/everybody
#[tokio::test(start_paused = true)]
async fn the_gate() {
    let workspace = workspace().await;
    workspace.core.hide("alice", &["u1"]);
    workspace.set("Accounts_StatusVisibility_Enabled", json!(false));
    workspace.quiet().await;
    let alice = workspace.login("a", "alice");
    workspace.core.asked();
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    assert!(
        workspace.core.asked().is_empty(),
        "nothing is hidden: no viewer is asked about"
    );
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [shown("u1")]);
    *workspace.core.restricted.lock() = vec!["u1".into()];
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    assert_eq!(
        workspace.core.asked(),
        ["getRestrictedUsers", "getHiddenFrom alice", "refresh null"],
        "the gate turned: everybody is sent again"
    );
    assert_eq!(seen(&alice), [offline("u1")]);
    workspace.core.restricted.lock().clear();
    workspace.core.hidden.lock().clear();
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    assert_eq!(seen(&alice), [resent("u1")]);

    // Switching statuses off shows everybody as offline at once, switching on brings them back.
    alice.asks("notify-logged", "user-status", json!([])).await;
    workspace.core.asked();
    workspace.set("Accounts_UserStatus_Enabled", json!(false));
    workspace.quiet().await;
    assert_eq!(seen(&alice), [offline("u1")]);
    assert_eq!(workspace.core.asked(), ["refresh null"]);
    workspace.streams.status_changed("u2", "[[]]");
    assert!(alice.events().is_empty(), "everybody is hidden");
    workspace.set("Accounts_UserStatus_Enabled", json!(true));
    workspace.quiet().await;
    assert_eq!(seen(&alice), [resent("u1")]);

    // Its use switched off: nobody is hidden, whatever else is set.
    workspace.core.hide("alice", &["u1"]);
    workspace.set("Accounts_StatusVisibility_Enabled", json!(true));
    workspace.quiet().await;
    assert_eq!(seen(&alice), [offline("u1")]);
    workspace.core.asked();
    workspace.set("Accounts_StatusVisibility_Admin_Enabled", json!(false));
    workspace.quiet().await;
    assert_eq!(workspace.core.asked(), ["refresh null"], "nobody is asked");
    assert_eq!(seen(&alice), [resent("u1")]);
    workspace.set("Accounts_StatusVisibility_Admin_Enabled", json!(true));
    workspace.quiet().await;
    assert_eq!(seen(&alice), [offline("u1")]);
}

/// `Accounts_StatusVisibility_Enabled` is missing: false for 8.8 and 8.9, which is learned from the first answer.
// contract: streams/visibility/missing
#[tokio::test(start_paused = true)]
async fn a_missing_setting_is_that_of_the_release() {
    let workspace = workspace_of_8_8().await;
    workspace.core.hide("alice", &["u1"]);
    workspace.core.hide("bob", &["u1"]);
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    for (session, asked) in [
        (
            &alice,
            &["getRestrictedUsers", "getHiddenFrom alice"] as &[_],
        ),
        (&bob, &[]),
    ] {
        watch(session, "1", json!({"added": ["u1"]})).await;
        assert_eq!(workspace.core.asked(), asked);
        online(&workspace, "u1");
        assert_eq!(seen(session), [shown("u1")], "nobody is hidden");
        workspace.streams.leave(&session.client);
    }

    // The same mesh, where another node answers now: the form is learned anew, and the gate judged again.
    let session = workspace.login("c", "alice");
    watch(&session, "1", json!({"added": ["u1"]})).await;
    workspace.streams.release_changed().await;
    workspace.core.asked();
    *workspace.core.plain_lists.lock() = false;
    let mesh = workspace.streams.services.mesh().clone();
    let newer = one_more(&workspace, "core-9");
    until(|| mesh.nodes_of("status-visibility").len() == 2).await;
    workspace.streams.release_changed().await;
    workspace.quiet().await;
    assert_eq!(
        workspace.core.asked(),
        [
            "getHiddenFrom alice",
            "getHiddenFrom alice",
            "getRestrictedUsers",
            "getHiddenFrom alice",
            "refresh null"
        ]
    );
    assert_eq!(seen(&session), [offline("u1")]);
    workspace.streams.release_changed().await;
    workspace.quiet().await;
    assert!(workspace.core.asked().is_empty(), "the same nodes");
    drop(newer);
}

/// In mid-upgrade the stricter rule of the two holds: an answer of the older core shows nobody who was hidden.
// contract: streams/visibility/missing
#[tokio::test(start_paused = true)]
async fn an_answer_of_an_older_core_does_not_open_the_gate() {
    let workspace = workspace().await;
    workspace.core.hide("alice", &["u1"]);
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [offline("u1")]);
    *workspace.core.plain_lists.lock() = true;
    workspace.core.hide("bob", &["u1"]);
    workspace.core.asked();
    watch(&bob, "1", json!({"added": ["u1"]})).await;
    workspace.quiet().await;
    assert_eq!(workspace.core.asked(), ["getHiddenFrom bob"]);
    online(&workspace, "u1");
    assert_eq!((seen(&alice), seen(&bob)), (vec![], vec![offline("u1")]));
}

/// Another node that offers it, until the token is cancelled.
fn one_more(workspace: &Workspace, id: &str) -> CancellationToken {
    let token = workspace.cancel.child_token();
    let _node = Mesh::start(
        MeshConfig::new(
            NodeId::new(id).unwrap(),
            Transporter::Local(workspace.bus.clone()),
        ),
        workspace.core.services(V8, Offers::Visibility),
        std::sync::Arc::new(()),
        &workspace.tracker,
        &token,
    )
    .unwrap();
    token
}

// contract: streams/visibility/missing
#[tokio::test(start_paused = true)]
async fn a_core_that_is_upgraded_in_its_place_is_another() {
    let workspace = Workspace::new(V8).await;
    *workspace.core.plain_lists.lock() = true;
    workspace.core.hide("alice", &["u1"]);
    let mesh = workspace.streams.services.mesh().clone();
    let runs = || mesh.runs_of("status-visibility");
    let old = one_more(&workspace, "core-9");
    until(|| runs().len() == 1).await;
    workspace.streams.release_changed().await;
    workspace.quiet().await;
    let alice = workspace.login("a", "alice");
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    workspace.quiet().await;
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [shown("u1")], "off where it is missing");
    let before = runs();
    old.cancel();
    let _new = one_more(&workspace, "core-9");
    *workspace.core.plain_lists.lock() = false;
    until(|| runs().len() == 1 && runs() != before).await;
    assert_eq!(mesh.nodes_of("status-visibility").len(), 1, "the same name");
    workspace.streams.release_changed().await;
    workspace.quiet().await;
    assert_eq!(seen(&alice), [offline("u1")]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_offers_any_more_is_forgotten_after_a_while() {
    let workspace = workspace().await;
    let mesh = workspace.streams.services.mesh().clone();
    let offers = async |offered| {
        let services = workspace.core.services(V8, offered);
        workspace.core_node.set_services(&services);
        let is = offered == Offers::Visibility;
        until(|| mesh.offers("status-visibility.getHiddenFrom") == is).await;
        workspace.streams.release_changed().await;
    };
    workspace.core.hide("alice", &["u1"]);
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [offline("u1")]);
    offers(Offers::Plain).await;
    sleep(DEFAULT_FORGET_AFTER / 2).await;
    // It is back before it was forgotten, and gone again.
    offers(Offers::Visibility).await;
    offers(Offers::Plain).await;
    sleep(DEFAULT_FORGET_AFTER - Duration::from_secs(1)).await;
    online(&workspace, "u1");
    assert!(seen(&alice).is_empty());
    assert_eq!(watch(&bob, "1", json!({"added": ["u1"]})).await, "500");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(watch(&bob, "1", json!({"added": ["u1"]})).await, "ready");
    online(&workspace, "u1");
    assert_eq!(
        (seen(&alice), seen(&bob)),
        (vec![shown("u1")], vec![shown("u1")])
    );
    offers(Offers::Visibility).await;
    workspace.quiet().await;
    assert_eq!(
        (seen(&alice), seen(&bob)),
        (vec![offline("u1")], vec![resent("u1")])
    );
}

#[tokio::test(start_paused = true)]
async fn another_user_sees_with_other_eyes() {
    let workspace = workspace().await;
    workspace.core.hide("bob", &["u1"]);
    let session = workspace.login("s", "alice");
    watch(&session, "1", json!({"added": ["u1", "u2"]})).await;
    workspace.core.slow(Duration::from_millis(100));
    session.login("bob");
    tokio::join!(workspace.streams.recheck(session.client.clone()), async {
        sleep(Duration::from_millis(50)).await;
        online(&workspace, "u1");
        online(&workspace, "u2");
    });
    assert!(seen(&session).is_empty(), "not known yet");
    online(&workspace, "u1");
    online(&workspace, "u2");
    let all = seen(&session);
    assert_eq!(all.last(), Some(&shown("u2")));
    assert!(!all.contains(&shown("u1")));
    workspace.streams.leave(&session.client);
    assert_eq!(workspace.streams.presence.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_the_service_nothing_is_hidden() {
    for release in [V6, V8] {
        let workspace = Workspace::new(release).await;
        let alice = workspace.login("a", "alice");
        assert_eq!(watch(&alice, "1", json!({"added": ["u1"]})).await, "ready");
        alice.asks("notify-logged", "user-status", json!([])).await;
        invalidate(&workspace, json!({"targets": ["u1"]})).await;
        online(&workspace, "u1");
        workspace.streams.status_changed("u1", "[[1]]");
        assert_eq!(alice.events().len(), 2);
        assert!(workspace.core.asked().is_empty());
    }
}

// contract: streams/visibility/everybody
#[tokio::test(start_paused = true)]
async fn who_watched_before_the_service_came_is_asked_about() {
    let workspace = Workspace::new(V8).await;
    workspace.core.hide("alice", &["u1"]);
    let alice = workspace.login("a", "alice");
    watch(&alice, "1", json!({"added": ["u1", "u2"]})).await;
    let services = workspace.core.services(V8, Offers::Visibility);
    workspace.core_node.set_services(&services);
    let mesh = workspace.streams.services.mesh().clone();
    until(|| mesh.offers("status-visibility.getHiddenFrom")).await;
    online(&workspace, "u2");
    assert!(seen(&alice).is_empty(), "nobody is known to be visible");
    workspace.streams.release_changed().await;
    workspace.quiet().await;
    assert_eq!(seen(&alice), [offline("u1"), resent("u2")]);
    online(&workspace, "u1");
    online(&workspace, "u2");
    assert_eq!(seen(&alice), [shown("u2")]);
}

// contract: streams/visibility/invalidate
#[tokio::test(start_paused = true)]
async fn a_viewer_that_comes_again_is_asked_about_again() {
    let workspace = workspace().await;
    let before = workspace.login("a", "alice");
    watch(&before, "1", json!({"added": ["u1"]})).await;
    workspace.streams.leave(&before.client);
    workspace.core.hide("alice", &["u1"]);
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    let alice = workspace.login("b", "alice");
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [offline("u1")]);
}

#[tokio::test(start_paused = true)]
async fn who_was_hidden_while_the_mesh_was_away_takes_leave() {
    let workspace = workspace().await;
    let alice = workspace.login("a", "alice");
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [shown("u1")]);
    workspace.core.hide("alice", &["u1"]);
    workspace.streams.events_were_missed().await;
    workspace.quiet().await;
    assert_eq!(seen(&alice), [offline("u1")]);
}
