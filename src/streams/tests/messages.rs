//! Messages: to their room, and to `__my_messages__`.

use std::time::Duration;

use serde_json::{Value, json};

use super::workspace::{Session, Workspace, until};
use crate::ejson;
use crate::services::Release::V6;
use crate::store::Collection;

async fn bot(workspace: &Workspace, id: &str, user: &str) -> Session {
    let bot = workspace.login(id, user);
    bot.sub("room-messages", "my", json!(["__my_messages__", true]))
        .await;
    bot.hears();
    bot
}

fn say(workspace: &Workspace, rid: &str, text: &str) {
    let message = json!({"_id": text, "rid": rid, "msg": text});
    workspace
        .streams
        .message(rid, &ejson::raw(message.to_string()).unwrap());
}

fn texts(session: &Session) -> Vec<String> {
    session
        .events()
        .iter()
        .map(|(_, args)| args[0]["msg"].as_str().unwrap().to_owned())
        .collect()
}

// contract: streams/my-messages, events/watch.messages
#[tokio::test(start_paused = true)]
async fn a_message_reaches_its_room_and_those_who_may_see_it() {
    let workspace = Workspace::new(V6).await;
    for granted in [
        "canAccessRoom secret alice",
        "canAccessRoom general alice",
        "canAccessRoom general bob",
        "canAccessRoom chat bob",
        "canAccessRoom chat alice",
        "canAccessRoom general ",
    ] {
        workspace.core.grant(granted);
    }
    let alice = bot(&workspace, "a", "alice").await;
    let bob = bot(&workspace, "b", "bob").await;
    let anonymous = workspace.client("n");
    anonymous
        .sub("room-messages", "my", json!(["__my_messages__"]))
        .await;
    anonymous.hears();
    let reader = workspace.login("r", "bob");
    reader.asks("room-messages", "general", json!([])).await;

    for rid in ["general", "secret", "chat", "nowhere"] {
        say(&workspace, rid, rid);
        workspace.quiet().await;
    }
    let event = |rid: &str, about: Value| {
        let message = json!({"_id": rid, "rid": rid, "msg": rid});
        ("__my_messages__".to_owned(), json!([message, about]))
    };
    let general = json!({"roomParticipant": true, "roomType": "c", "roomName": "general"});
    assert_eq!(
        alice.events(),
        [
            event("general", general.clone()),
            event(
                "secret",
                json!({"roomParticipant": true, "roomType": "p", "roomName": "secret"})
            ),
            event("chat", json!({"roomParticipant": false, "roomType": "l"})),
        ]
    );
    assert_eq!(
        bob.events(),
        [
            event("general", general),
            event("chat", json!({"roomParticipant": true, "roomType": "l"})),
        ]
    );
    let outside = json!({"roomParticipant": false, "roomType": "c", "roomName": "general"});
    assert_eq!(anonymous.events(), [event("general", outside)]);
    let message = json!({"_id": "general", "rid": "general", "msg": "general"});
    assert_eq!(reader.events(), [("general".to_owned(), json!([message]))]);
}

#[tokio::test(start_paused = true)]
async fn the_order_of_a_room_and_a_user_that_waits_alone() {
    let workspace = Workspace::new(V6).await;
    for granted in [
        "canAccessRoom secret alice",
        "canAccessRoom general alice",
        "canAccessRoom general bob",
    ] {
        workspace.core.grant(granted);
    }
    let (alice, bob) = (
        bot(&workspace, "a", "alice").await,
        bot(&workspace, "b", "bob").await,
    );
    // Bob's answer is known already; alice's takes its time.
    say(&workspace, "general", "first");
    workspace.quiet().await;
    assert_eq!(
        (texts(&alice), texts(&bob)),
        (vec!["first".into()], vec!["first".into()])
    );
    workspace.streams.user_changed("alice");
    workspace.core.slow(Duration::from_secs(1));
    for text in ["1", "2", "3"] {
        say(&workspace, "general", text);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(texts(&bob), ["1", "2", "3"]);
    assert!(texts(&alice).is_empty());
    workspace.core.slow(Duration::ZERO);
    say(&workspace, "secret", "another room");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(
        texts(&alice),
        ["another room"],
        "nobody waits for another key"
    );
    workspace.quiet().await;
    assert_eq!(texts(&alice), ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn access_is_asked_once_for_a_user_and_reused() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("canAccessRoom general alice");
    let sessions = [
        bot(&workspace, "1", "alice").await,
        bot(&workspace, "2", "alice").await,
        bot(&workspace, "3", "alice").await,
    ];
    for text in ["1", "2", "3"] {
        say(&workspace, "general", text);
    }
    workspace.quiet().await;
    for session in &sessions {
        assert_eq!(texts(session), ["1", "2", "3"]);
    }
    assert_eq!(workspace.core.asked(), ["canAccessRoom general alice"]);
}

// contract: streams/kick, streams/my-messages
#[tokio::test(start_paused = true)]
async fn who_is_kicked_sees_no_more() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("canAccessRoom general alice");
    let alice = bot(&workspace, "a", "alice").await;
    say(&workspace, "general", "1");
    workspace.quiet().await;
    workspace.core.revoke("canAccessRoom general alice");
    workspace.subscription("removed", "general", "alice");
    say(&workspace, "general", "2");
    workspace.quiet().await;
    assert_eq!(texts(&alice), ["1"]);
    workspace.core.fail(true);
    say(&workspace, "general", "3");
    workspace.quiet().await;
    assert!(texts(&alice).is_empty(), "what cannot be asked is not told");
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_or_somebody_else_meanwhile_hears_nothing() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("canAccessRoom general alice");
    workspace.core.slow(Duration::from_millis(100));
    let other = bot(&workspace, "1", "alice").await;
    let unsubscribed = bot(&workspace, "2", "alice").await;
    let gone = bot(&workspace, "3", "alice").await;
    let stays = bot(&workspace, "4", "alice").await;
    stays
        .sub("room-messages", "again", json!(["__my_messages__"]))
        .await;
    stays.hears();
    say(&workspace, "general", "1");
    tokio::time::sleep(Duration::from_millis(50)).await;
    other.login("bob");
    workspace.streams.unsubscribe(&unsubscribed.client, "my");
    unsubscribed.hears();
    workspace.streams.leave(&gone.client);
    workspace.quiet().await;
    for session in [&other, &unsubscribed, &gone] {
        assert!(texts(session).is_empty());
    }
    assert_eq!(texts(&stays), ["1", "1"], "one for each publication");
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_bounded_and_counted() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("canAccessRoom general alice");
    workspace.core.slow(Duration::from_secs(5));
    let alice = bot(&workspace, "a", "alice").await;
    for n in 0..1500 {
        say(&workspace, "general", &n.to_string());
    }
    assert_eq!(workspace.streams.messages.lost(), 500);
    workspace.put(
        Collection::Rooms,
        json!({"_id": "general", "t": "c", "name": "general"}),
    );
    workspace.quiet().await;
    assert_eq!(texts(&alice).len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_flood_leaves_room_for_what_else_waits() {
    let workspace = Workspace::new(V6).await;
    let alice = bot(&workspace, "a", "alice").await;
    alice
        .asks("notify-user", "alice/rooms-changed", json!([]))
        .await;
    workspace.core.slow(Duration::from_secs(5));
    let [_, messages] = workspace.streams.queues();
    for n in 0..=messages.limits().jobs {
        say(&workspace, &n.to_string(), "x");
    }
    assert_eq!(messages.lost(), 1);
    workspace.subscription("inserted", "general", "alice");
    until(|| {
        alice
            .events()
            .iter()
            .any(|(name, _)| name == "alice/rooms-changed")
    })
    .await;
}
