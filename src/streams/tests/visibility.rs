//! Whose status is whose business (8.x).

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::workspace::{Offers, Session, Workspace, verdict_of};
use crate::ejson;
use crate::services::Release::{V6, V8};

async fn workspace() -> Workspace {
    Workspace::with(V8, Offers::Visibility).await
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

async fn invalidate(workspace: &Workspace, data: Value) {
    let data = ejson::raw(data.to_string()).unwrap();
    workspace.streams.visibility_changed(&data);
    workspace.quiet().await;
}

fn shown(uid: &str) -> Value {
    json!([uid, 1, "busy bee", "manual", null])
}

fn offline(uid: &str) -> Value {
    json!([uid, 0, null, null, null])
}

fn resent(uid: &str) -> Value {
    json!([uid, 2, "t", null, null])
}

// contract: streams/visibility/hidden
#[tokio::test(start_paused = true)]
async fn who_is_hidden_is_not_seen() {
    let workspace = workspace().await;
    workspace
        .core
        .hidden
        .lock()
        .insert("alice".into(), vec!["u1".into()]);
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    for session in [&alice, &bob] {
        assert_eq!(
            watch(session, "1", json!({"added": ["u1", "u2"]})).await,
            "ready"
        );
    }
    for uid in ["u1", "u2"] {
        online(&workspace, uid);
    }
    assert_eq!(
        seen(&alice),
        [shown("u2")],
        "hidden from the start: not a word"
    );
    assert_eq!(seen(&bob), [shown("u1"), shown("u2")]);
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
    workspace
        .core
        .hidden
        .lock()
        .insert("alice".into(), vec!["u1".into()]);
    invalidate(
        &workspace,
        json!([{"targets": ["u1"], "viewers": ["alice"]}]),
    )
    .await;
    assert_eq!(seen(&alice), [offline("u1")]);
    assert_eq!(seen(&bob), [resent("u1")]);
    online(&workspace, "u1");
    online(&workspace, "u2");
    assert_eq!(seen(&alice), [shown("u2")], "then nothing");
    assert_eq!(seen(&bob), [shown("u1"), shown("u2")]);
    workspace.core.hidden.lock().clear();
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    assert_eq!(seen(&alice), [resent("u1")]);
    workspace
        .core
        .hidden
        .lock()
        .insert("alice".into(), vec!["*".into()]);
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    online(&workspace, "u2");
    assert_eq!(seen(&alice), [offline("u1"), offline("u2")]);
}

// contract: streams/visibility/invalidate
#[tokio::test(start_paused = true)]
async fn between_an_invalidation_and_its_answer_targets_are_seen_by_nobody() {
    let workspace = workspace().await;
    let alice = workspace.login("a", "alice");
    watch(&alice, "1", json!({"added": ["u1", "u2"]})).await;
    workspace.core.slow(Duration::from_millis(100));
    workspace
        .core
        .hidden
        .lock()
        .insert("alice".into(), vec!["u1".into()]);
    let data = ejson::raw(r#"{"targets":["u1"]}"#.into()).unwrap();
    workspace.streams.visibility_changed(&data);
    sleep(Duration::from_millis(50)).await;
    online(&workspace, "u1");
    online(&workspace, "u2");
    assert_eq!(seen(&alice), [shown("u2")]);
    // A second one while the first is away: the answers to the first do not count.
    workspace.core.hidden.lock().clear();
    workspace.streams.visibility_changed(&data);
    workspace.quiet().await;
    let all = seen(&alice);
    assert_eq!(all.last(), Some(&resent("u1")));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_who_cannot_be_asked_about_sees_nobody() {
    let workspace = workspace().await;
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    workspace.core.fail(true);
    assert_eq!(watch(&bob, "1", json!({"added": ["u1"]})).await, "500");
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [shown("u1")], "known before");
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    online(&workspace, "u1");
    assert!(seen(&alice).is_empty());
    workspace.core.fail(false);
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
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
    invalidate(&workspace, json!({"targets": []})).await;
    status("u2");
    workspace.quiet().await;
    status("u2");
    assert!(alice.events().is_empty());
    workspace.core.fail(false);
    sleep(Duration::from_secs(6)).await;
    status("u2");
    workspace.quiet().await;
    status("u2");
    assert_eq!(alice.events().len(), 1, "asked again after a while");
}

// contract: streams/visibility/gate
#[tokio::test(start_paused = true)]
async fn the_gate() {
    let workspace = workspace().await;
    workspace
        .core
        .hidden
        .lock()
        .insert("alice".into(), vec!["u1".into()]);
    workspace.set("Accounts_StatusVisibility_Enabled", json!(false));
    let alice = workspace.login("a", "alice");
    watch(&alice, "1", json!({"added": ["u1"]})).await;
    assert_eq!(
        workspace.core.asked(),
        ["getRestrictedUsers"],
        "nothing is hidden: no viewer is asked about"
    );
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [shown("u1")]);
    *workspace.core.restricted.lock() = vec!["u1".into()];
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    assert_eq!(
        workspace.core.asked(),
        [
            "getRestrictedUsers",
            "getHiddenFrom alice",
            r#"refresh ["u1"]"#
        ]
    );
    assert_eq!(seen(&alice), [offline("u1")]);
    workspace.core.restricted.lock().clear();
    workspace.core.hidden.lock().clear();
    invalidate(&workspace, json!({"targets": ["u1"]})).await;
    assert_eq!(seen(&alice), [resent("u1")]);
    workspace.set("Accounts_UserStatus_Enabled", json!(false));
    workspace.quiet().await;
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [offline("u1")]);
    alice.asks("notify-logged", "user-status", json!([])).await;
    workspace.streams.status_changed("u2", "[[]]");
    assert!(alice.events().is_empty(), "everybody is hidden");
    workspace.set("Accounts_UserStatus_Enabled", json!(true));
    workspace.quiet().await;
    online(&workspace, "u1");
    assert_eq!(seen(&alice), [shown("u1")]);
}

#[tokio::test(start_paused = true)]
async fn another_user_sees_with_other_eyes() {
    let workspace = workspace().await;
    workspace
        .core
        .hidden
        .lock()
        .insert("bob".into(), vec!["u1".into()]);
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

#[tokio::test(start_paused = true)]
async fn who_watched_before_the_service_came_is_asked_about() {
    let workspace = Workspace::new(V8).await;
    workspace
        .core
        .hidden
        .lock()
        .insert("alice".into(), vec!["u1".into()]);
    let alice = workspace.login("a", "alice");
    watch(&alice, "1", json!({"added": ["u1", "u2"]})).await;
    let services = workspace.core.services(V8, Offers::Visibility);
    workspace.core_node.set_services(&services);
    let mesh = workspace.streams.services.mesh().clone();
    super::workspace::until(|| mesh.offers("status-visibility.getHiddenFrom")).await;
    online(&workspace, "u2");
    assert!(seen(&alice).is_empty(), "nobody is known to be visible");
    workspace.streams.release_changed().await;
    workspace.quiet().await;
    online(&workspace, "u1");
    online(&workspace, "u2");
    assert_eq!(seen(&alice), [offline("u1"), shown("u2")]);
}
