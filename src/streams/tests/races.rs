//! What happens while a rule is being asked.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::workspace::{Offers, Workspace, stream, verdict_of};
use crate::services::Release::{V6, V8};
use crate::store::Collection;

const ACCESS: &str = "canAccessRoom secret alice";

async fn slow() -> Workspace {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant(ACCESS);
    workspace.core.slow(Duration::from_millis(100));
    workspace
}

// contract: streams/kick, streams/reuse/in-flight
#[tokio::test(start_paused = true)]
async fn a_kick_while_asked() {
    let workspace = slow().await;
    let alice = workspace.login("s", "alice");
    let (heard, ()) = tokio::join!(alice.asks("room-messages", "secret", json!([])), async {
        sleep(Duration::from_millis(50)).await;
        // The answer that is on its way says yes.
        sleep(Duration::from_millis(20)).await;
        workspace.core.revoke(ACCESS);
        workspace.subscription("removed", "secret", "alice");
    });
    assert_eq!(verdict_of(&heard), "not-allowed");
    assert_eq!(workspace.core.asked(), [ACCESS, ACCESS]);
    assert!(
        !workspace
            .streams
            .hub()
            .is_heard(stream("room-messages").channel(), "secret")
    );
}

// contract: streams/kick
#[tokio::test(start_paused = true)]
async fn a_kick_after_the_answer_ends_the_publication_without_a_word() {
    let workspace = slow().await;
    let (alice, bob) = (workspace.login("s", "alice"), workspace.login("b", "bob"));
    workspace.core.grant("canAccessRoom secret bob");
    workspace.core.grant("canAccessRoom general alice");
    for (session, room) in [(&alice, "secret"), (&alice, "general"), (&bob, "secret")] {
        assert_eq!(
            verdict_of(&session.asks("room-messages", room, json!([])).await),
            "ready"
        );
    }
    workspace.subscription("removed", "secret", "alice");
    assert!(alice.hears().is_empty());
    for room in ["secret", "general"] {
        workspace
            .streams
            .publish(stream("room-messages"), room, "[1]");
    }
    assert_eq!(alice.events(), [("general".to_owned(), json!([1]))]);
    assert_eq!(bob.events(), [("secret".to_owned(), json!([1]))]);
    assert!(!workspace.streams.unsubscribe(&alice.client, "secret"));
}

#[tokio::test(start_paused = true)]
async fn coming_into_a_room_while_asked() {
    let workspace = slow().await;
    workspace.core.revoke(ACCESS);
    let alice = workspace.login("s", "alice");
    let (heard, ()) = tokio::join!(alice.asks("room-messages", "secret", json!([])), async {
        sleep(Duration::from_millis(50)).await;
        workspace.core.grant(ACCESS);
        workspace.subscription("inserted", "secret", "alice");
    });
    assert_eq!(verdict_of(&heard), "ready");
}

#[tokio::test(start_paused = true)]
async fn a_logout_while_asked() {
    let workspace = slow().await;
    let alice = workspace.login("s", "alice");
    let (heard, ()) = tokio::join!(alice.asks("room-messages", "secret", json!([])), async {
        sleep(Duration::from_millis(50)).await;
        workspace.directory.identify(&alice.client, None);
    });
    assert_eq!(verdict_of(&heard), "not-allowed");
    assert_eq!(workspace.core.asked(), [ACCESS, "canAccessRoom secret "]);
}

// contract: streams/subscribe/left
#[tokio::test(start_paused = true)]
async fn a_session_that_left_while_asked_gets_nothing() {
    let workspace = slow().await;
    let alice = workspace.login("s", "alice");
    let (heard, ()) = tokio::join!(alice.asks("room-messages", "secret", json!([])), async {
        sleep(Duration::from_millis(50)).await;
        workspace.streams.leave(&alice.client);
    });
    assert!(heard.is_empty());
    assert_eq!(workspace.streams.hub().topics(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_dropped_takes_nobodys_question_away() {
    let workspace = slow().await;
    let (first, second) = (workspace.login("1", "alice"), workspace.login("2", "alice"));
    let gone = timeout(
        Duration::from_millis(50),
        first.asks("room-messages", "secret", json!([])),
    );
    let (gone, heard) = tokio::join!(gone, second.asks("room-messages", "secret", json!([])));
    assert!(gone.is_err());
    assert_eq!(verdict_of(&heard), "ready");
    assert_eq!(workspace.core.asked(), [ACCESS]);
    assert!(first.hears().is_empty());
}

#[tokio::test(start_paused = true)]
async fn ground_that_never_stands_still_is_refused_in_the_end() {
    let workspace = slow().await;
    let alice = workspace.login("s", "alice");
    let asked = alice.asks("room-messages", "secret", json!([]));
    let moving = async {
        loop {
            sleep(Duration::from_millis(40)).await;
            workspace.streams.user_changed("alice");
        }
    };
    tokio::select! {
        heard = asked => assert_eq!(verdict_of(&heard), "500"),
        () = moving => {}
    }
    assert_eq!(
        workspace.core.asked().len(),
        crate::streams::rules::MAX_ASKED
    );
}

#[tokio::test(start_paused = true)]
async fn a_busy_room_can_be_subscribed_to() {
    let workspace = slow().await;
    let alice = workspace.login("s", "alice");
    let asked = alice.asks("room-messages", "secret", json!([]));
    let busy = async {
        for n in 0.. {
            workspace.room("updated", json!({"_id": "secret", "t": "p", "name": "secret", "msgs": n, "lastMessage": {"msg": n}}));
            workspace.subscription("updated", "secret", "alice");
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        heard = asked => assert_eq!(verdict_of(&heard), "ready"),
        () = busy => {}
    }
    assert!(workspace.core.asked().len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_becomes_another_while_asked_is_asked_for_again() {
    let workspace = slow().await;
    let alice = workspace.login("s", "alice");
    let (heard, ()) = tokio::join!(alice.asks("room-messages", "secret", json!([])), async {
        sleep(Duration::from_millis(50)).await;
        workspace.core.revoke(ACCESS);
        workspace.room(
            "updated",
            json!({"_id": "secret", "t": "p", "name": "secret", "abacAttributes": []}),
        );
    });
    assert_eq!(verdict_of(&heard), "not-allowed");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_last_await() {
    let workspace = slow().await;
    let alice = workspace.login("s", "alice");
    let mut asked = Box::pin(alice.sub("room-messages", "1", json!(["secret", true])));
    assert!(asked.as_mut().now_or_never().is_none());
    sleep(Duration::from_millis(10)).await;
    drop(asked);
    assert!(alice.hears().is_empty());
    assert!(alice.client.publications.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_room_whose_new_type_is_read_before_it_is_told() {
    let workspace = Workspace::with(V8, Offers::ReadRoom).await;
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    for user in ["alice", "bob"] {
        workspace.core.grant(&format!("canReadRoom general {user}"));
    }
    let public = json!({"_id": "general", "t": "c", "name": "general"});
    let private = json!({"_id": "general", "t": "p", "name": "general"});
    workspace.core.slow(Duration::from_millis(100));
    let (heard, ()) = tokio::join!(alice.asks("room-messages", "general", json!([])), async {
        sleep(Duration::from_millis(50)).await;
        workspace.core.slow(Duration::ZERO);
        workspace.core.revoke("canReadRoom general alice");
        workspace.put(Collection::Rooms, private.clone());
        // A message that was written before: what was read is not reused.
        workspace.room("updated", public);
        let heard = bob.asks("room-messages", "general", json!([])).await;
        assert_eq!(verdict_of(&heard), "ready");
        workspace.room("updated", private);
    });
    assert_eq!(verdict_of(&heard), "not-allowed");
}
