//! `rooms-changed`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::workspace::{Offers, Session, Workspace, stream, until, verdict_of};
use crate::services::Release::{V6, V8};
use crate::store::Collection;

async fn listens(workspace: &Workspace, id: &str, user: &str) -> Session {
    let session = workspace.login(id, user);
    let event_name = format!("{user}/rooms-changed");
    let heard = session.asks("notify-user", &event_name, json!([])).await;
    assert_eq!(verdict_of(&heard), "ready");
    session
}

fn told(session: &Session) -> Vec<Value> {
    session.events().into_iter().map(|(_, args)| args).collect()
}

// contract: streams/rooms-changed
#[tokio::test(start_paused = true)]
async fn rooms_of_a_user_are_told_to_the_user() {
    let workspace = Workspace::new(V6).await;
    let alice = listens(&workspace, "a", "alice").await;
    let bob = listens(&workspace, "b", "bob").await;
    let (general, secret) = (json!({"_id": "general", "n": 1}), json!({"_id": "secret"}));
    workspace.room("updated", general.clone());
    workspace.room("removed", secret.clone());
    workspace.room("updated", json!({"_id": "elsewhere"}));
    workspace.room("updated", json!({"name": "no id"}));
    assert_eq!(
        told(&alice),
        [json!(["updated", general]), json!(["removed", secret])]
    );
    assert_eq!(told(&bob), [json!(["updated", general])]);
    workspace.streams.publish(
        stream("notify-user"),
        "alice/rooms-changed",
        r#"["updated",{}]"#,
    );
    assert_eq!(
        told(&alice),
        [json!(["updated", {}])],
        "direct events as well"
    );
}

// contract: streams/rooms-changed, streams/rooms-changed/missing
#[tokio::test(start_paused = true)]
async fn the_set_follows_subscriptions() {
    let workspace = Workspace::new(V6).await;
    let bob = listens(&workspace, "b", "bob").await;
    workspace.subscription("inserted", "secret", "bob");
    workspace.subscription("inserted", "nowhere", "bob");
    // What follows waits for the room that is being read.
    workspace.room("updated", json!({"_id": "secret", "n": 1}));
    workspace.streams.publish(
        stream("notify-user"),
        "bob/rooms-changed",
        r#"["updated","direct"]"#,
    );
    workspace.quiet().await;
    assert_eq!(
        told(&bob),
        [
            json!(["inserted", {"_id": "secret", "t": "p", "name": "secret"}]),
            json!(["inserted", null]),
            json!(["updated", {"_id": "secret", "n": 1}]),
            json!(["updated", "direct"]),
        ]
    );
    workspace.subscription("removed", "secret", "bob");
    workspace.room("updated", json!({"_id": "secret"}));
    workspace.subscription("updated", "secret", "bob");
    workspace.room("updated", json!({"_id": "secret"}));
    assert!(told(&bob).is_empty());
    workspace.subscription("inserted", "secret", "alice");
    workspace.quiet().await;
    assert!(told(&bob).is_empty(), "nobody listens for alice");
}

#[tokio::test(start_paused = true)]
async fn sets_live_as_long_as_somebody_listens() {
    let workspace = Workspace::new(V6).await;
    let first = listens(&workspace, "1", "alice").await;
    let second = listens(&workspace, "2", "alice").await;
    workspace
        .streams
        .unsubscribe(&first.client, "alice/rooms-changed");
    first.hears();
    workspace.room("updated", json!({"_id": "secret"}));
    assert_eq!((told(&first).len(), told(&second).len()), (0, 1));
    workspace.streams.leave(&second.client);
    assert_eq!(workspace.streams.rooms.users(), 0);
    workspace.room("updated", json!({"_id": "secret"}));
    let third = listens(&workspace, "3", "alice").await;
    workspace.room("updated", json!({"_id": "secret"}));
    assert_eq!(told(&third).len(), 1);
    let other = workspace.login("4", "bob");
    let heard = other
        .asks("notify-user", "alice/rooms-changed", json!([]))
        .await;
    assert_eq!(verdict_of(&heard), "not-allowed");
    other.asks("notify-user", "bob/message", json!([])).await;
    assert_eq!(workspace.streams.rooms.users(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_publication_whose_session_left_holds_nothing() {
    let workspace = Workspace::new(V6).await;
    let alice = workspace.login("a", "alice");
    workspace.streams.leave(&alice.client);
    let heard = alice
        .asks("notify-user", "alice/rooms-changed", json!([]))
        .await;
    assert!(heard.is_empty());
    assert_eq!(workspace.streams.rooms.users(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_while_the_mesh_was_away_is_read_again() {
    let workspace = Workspace::new(V6).await;
    let bob = listens(&workspace, "b", "bob").await;
    let memory = workspace.store.as_memory().unwrap();
    memory.remove(Collection::Subscriptions, "general-bob");
    let member = json!({"_id": "secret-bob", "rid": "secret", "u": {"_id": "bob"}});
    workspace.put(Collection::Subscriptions, member);
    workspace.streams.events_were_missed().await;
    for room in ["general", "secret"] {
        workspace.room("updated", json!({"_id": room, "n": 1}));
    }
    assert_eq!(told(&bob), [json!(["updated", {"_id": "secret", "n": 1}])]);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_cannot_be_read_is_tried_three_times() {
    let workspace = Workspace::new(V6).await;
    let bob = listens(&workspace, "b", "bob").await;
    let broken = &workspace.store.as_memory().unwrap().broken;
    for (room, failures, expected) in [("secret", 2, 1), ("chat", 3, 0)] {
        broken.fail("room");
        workspace.subscription("inserted", room, "bob");
        until(|| broken.failed("room") == failures).await;
        assert_eq!(broken.mend("room"), failures);
        workspace.quiet().await;
        assert_eq!(told(&bob).len(), expected, "{failures} failures");
    }
    // Nor is it for who is out again.
    broken.fail("room");
    workspace.subscription("inserted", "general", "bob");
    until(|| broken.failed("room") == 1).await;
    workspace.subscription("removed", "general", "bob");
    workspace.quiet().await;
    assert_eq!(broken.mend("room"), 2, "it was looked up once more at most");
}

// contract: mesh/outage/missed
#[tokio::test(start_paused = true)]
async fn rooms_that_cannot_be_read_after_an_outage_are_read_once_they_can() {
    let workspace = Workspace::with(V8, Offers::ReadRoom).await;
    let (bob, gone) = (
        listens(&workspace, "b", "bob").await,
        listens(&workspace, "a", "alice").await,
    );
    workspace.core.grant("canReadRoom general bob");
    bob.asks("room-messages", "general", json!([])).await;
    let memory = workspace.store.as_memory().unwrap();
    memory.remove(Collection::Subscriptions, "general-bob");
    memory.broken.fail("subscribed_rooms");
    workspace.core.revoke("canReadRoom general bob");
    workspace.streams.forget_answers();
    let told_to = async {
        until(|| memory.broken.failed("subscribed_rooms") == 4).await;
        let heard = bob.hears();
        assert_eq!(heard.len(), 1, "the rule was not kept waiting: {heard:?}");
        assert_eq!(heard[0]["msg"], "nosub");
        // What was known holds until then, and who listens no more is not read for.
        workspace.room("updated", json!({"_id": "general", "n": 1}));
        assert_eq!(told(&bob).len(), 1);
        workspace.streams.leave(&gone.client);
        until(|| memory.broken.failed("subscribed_rooms") == 5).await;
        assert_eq!(memory.broken.mend("subscribed_rooms"), 5);
    };
    tokio::join!(workspace.streams.events_were_missed(), told_to);
    workspace.room("updated", json!({"_id": "general", "n": 2}));
    assert!(told(&bob).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_room_that_comes_and_goes_before_it_is_read() {
    let workspace = Workspace::new(V6).await;
    let bob = listens(&workspace, "b", "bob").await;
    workspace.put(Collection::Rooms, json!({"_id": "brief", "t": "p"}));
    workspace.subscription("inserted", "brief", "bob");
    workspace.subscription("removed", "brief", "bob");
    workspace
        .store
        .as_memory()
        .unwrap()
        .remove(Collection::Rooms, "brief");
    workspace.quiet().await;
    workspace.room("updated", json!({"_id": "brief"}));
    sleep(Duration::from_millis(1)).await;
    assert!(told(&bob).is_empty(), "a room that is none of bob's");
    until(|| workspace.streams.queue.jobs() == 0).await;
}
