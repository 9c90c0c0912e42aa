//! What is asked once, what is reused, and what drops it.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::workspace::{Workspace, verdict_of};
use crate::services::Release::V6;

const ACCESS: &str = "canAccessRoom secret alice";

async fn asks(workspace: &Workspace) -> String {
    let alice = workspace.login("s", "alice");
    let heard = alice.asks("room-messages", "secret", json!([])).await;
    workspace.streams.leave(&alice.client);
    verdict_of(&heard)
}

// contract: streams/reuse/in-flight
#[tokio::test(start_paused = true)]
async fn a_thousand_at_once_ask_once() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant(ACCESS);
    workspace.core.slow(Duration::from_millis(100));
    let sessions: Vec<_> = (0..1000)
        .map(|n| workspace.login(&n.to_string(), "alice"))
        .collect();
    let all = join_all(
        sessions
            .iter()
            .map(|one| one.asks("room-messages", "secret", json!([]))),
    )
    .await;
    assert!(all.iter().all(|heard| verdict_of(heard) == "ready"));
    assert_eq!(workspace.core.asked(), [ACCESS]);
}

#[tokio::test(start_paused = true)]
async fn a_typical_session_asks_each_question_once() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant(ACCESS);
    workspace.core.grant("canAccessRoomId secret alice");
    let alice = workspace.login("s", "alice");
    alice.asks("room-messages", "secret", json!([])).await;
    for what in [
        "user-activity",
        "deleteMessage",
        "deleteMessageBulk",
        "messagesImported",
        "messagesRead",
    ] {
        let heard = alice
            .asks("notify-room", &format!("secret/{what}"), json!([]))
            .await;
        assert_eq!(verdict_of(&heard), "ready");
    }
    assert_eq!(
        workspace.core.asked(),
        [ACCESS, "canAccessRoomId secret alice"]
    );
}

// contract: streams/reuse/granted
#[tokio::test(start_paused = true)]
async fn grants_live_two_seconds_and_refusals_do_not() {
    let workspace = Workspace::new(V6).await;
    for _ in 0..2 {
        assert_eq!(asks(&workspace).await, "not-allowed");
    }
    assert_eq!(workspace.core.asked().len(), 2);
    workspace.core.grant(ACCESS);
    assert_eq!(asks(&workspace).await, "ready");
    workspace.core.revoke(ACCESS);
    tokio::time::advance(Duration::from_millis(1900)).await;
    assert_eq!(asks(&workspace).await, "ready", "what may be reused");
    tokio::time::advance(Duration::from_millis(200)).await;
    assert_eq!(asks(&workspace).await, "not-allowed");
    assert_eq!(workspace.core.asked().len(), 2);
}

// contract: streams/reuse/dropped
#[tokio::test(start_paused = true)]
async fn every_event_of_the_list_drops_a_grant() {
    let workspace = Workspace::new(V6).await;
    type Change = fn(&Workspace);
    let changes: [(&str, Change); 10] = [
        ("removed", |w| w.subscription("removed", "secret", "alice")),
        ("another room", |w| {
            w.subscription("inserted", "other", "alice")
        }),
        ("updated", |w| w.subscription("updated", "secret", "alice")),
        ("room", |w| {
            w.room(
                "updated",
                json!({"_id": "secret", "t": "p", "name": "secret"}),
            )
        }),
        ("room gone", |w| w.room("removed", json!({"_id": "secret"}))),
        ("user", |w| w.streams.user_changed("alice")),
        ("role", |w| w.streams.role_changed()),
        ("permission", |w| w.streams.permission_changed(None)),
        ("setting", |w| {
            w.streams.setting_changed("Accounts_AllowAnonymousRead")
        }),
        ("half a subscription", |w| {
            let event = crate::ejson::raw(r#"{"rid":"secret"}"#.into()).unwrap();
            w.streams.subscription_changed("removed", &event);
        }),
    ];
    for (name, change) in changes {
        workspace.core.grant(ACCESS);
        assert_eq!(asks(&workspace).await, "ready", "{name}");
        workspace.core.revoke(ACCESS);
        change(&workspace);
        assert_eq!(asks(&workspace).await, "not-allowed", "{name}");
    }
    workspace.core.grant(ACCESS);
    assert_eq!(asks(&workspace).await, "ready");
    workspace.core.asked();
    workspace.streams.user_changed("bob");
    workspace.subscription("removed", "secret", "bob");
    workspace.room("updated", json!({"_id": "general"}));
    assert_eq!(asks(&workspace).await, "ready");
    assert!(workspace.core.asked().is_empty(), "others change nothing");
}

// contract: streams/reuse/granted, streams/reuse/dropped
#[tokio::test(start_paused = true)]
async fn a_read_document_is_reused_until_its_room_changes() {
    let workspace = Workspace::new(V6).await;
    for (user, room) in [("alice", "general"), ("bob", "general")] {
        workspace
            .core
            .grant(&format!("canAccessRoom {room} {user}"));
    }
    let ask = async |user| {
        let session = workspace.login(user, user);
        verdict_of(&session.asks("room-messages", "general", json!([])).await)
    };
    assert_eq!(ask("alice").await, "ready");
    workspace
        .store
        .as_memory()
        .unwrap()
        .remove(crate::store::Collection::Rooms, "general");
    assert_eq!(ask("bob").await, "ready", "the document is known");
    workspace.room("removed", json!({"_id": "general"}));
    let again = workspace.login("c", "bob");
    let heard = again.asks("room-messages", "general", json!([])).await;
    assert_eq!(verdict_of(&heard), "not-allowed");
}
