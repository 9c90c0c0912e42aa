//! Access that is lost while a publication listens.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::workspace::{Offers, Session, Workspace, stream, until, verdict_of};
use crate::services::Release::{V6, V8};

const SLOW: Duration = Duration::from_millis(100);

/// Alice hears her private room in every way, and something of her own.
async fn listening(workspace: &Workspace) -> Session {
    for question in ["canAccessRoom secret alice", "canReadRoom secret alice"] {
        workspace.core.grant(question);
    }
    let session = workspace.login("s", "alice");
    for (name, event_name) in [
        ("notify-room", "secret/user-activity"),
        ("notify-room", "secret/deleteMessage"),
        ("room-data", "secret"),
        ("notify-logged", "roles-change"),
    ] {
        let heard = session.asks(name, event_name, json!([])).await;
        assert_eq!(verdict_of(&heard), "ready", "{event_name}");
    }
    session
        .sub("room-messages", "messages", json!(["secret"]))
        .await;
    assert_eq!(verdict_of(&session.hears()), "ready");
    workspace.core.asked();
    session
}

fn tell(workspace: &Workspace, n: usize) {
    for (name, event_name) in [
        ("notify-room", "secret/user-activity"),
        ("room-data", "secret"),
        ("room-messages", "secret"),
        ("notify-logged", "roles-change"),
    ] {
        let args = json!([n]).to_string();
        workspace.streams.publish(stream(name), event_name, &args);
    }
}

/// The ids of `nosub`s, in their order of the alphabet, each with the code of its error.
fn nosubs(heard: &[Value]) -> Vec<(&str, &Value)> {
    let nosub = |one: &&Value| one["msg"] == "nosub";
    let mut all: Vec<_> = heard
        .iter()
        .filter(nosub)
        .map(|one| (one["id"].as_str().unwrap(), &one["error"]["error"]))
        .collect();
    all.sort_by_key(|(id, _)| *id);
    all
}

// contract: streams/lost/removed
#[tokio::test(start_paused = true)]
async fn who_left_a_room_hears_nothing_of_it_until_it_is_known_what_may_go_on() {
    for stays in [true, false] {
        let workspace = Workspace::with(V8, Offers::ReadRoom).await;
        let session = listening(&workspace).await;
        workspace.core.slow(SLOW);
        if !stays {
            workspace.core.revoke("canAccessRoom secret alice");
        }
        workspace.subscription("removed", "secret", "alice");
        tell(&workspace, 1);
        tell(&workspace, 2);
        sleep(SLOW / 2).await;
        let events = session.events();
        let own = |(name, _): &(String, Value)| name == "roles-change";
        assert!(events.len() == 2 && events.iter().all(own), "{events:?}");
        sleep(2 * SLOW).await;
        tell(&workspace, 3);
        let heard = session.hears();
        if stays {
            let of_room: Vec<_> = heard
                .iter()
                .filter(|one| one["fields"]["eventName"] == "secret/user-activity")
                .map(|one| one["fields"]["args"][0].as_u64().unwrap())
                .collect();
            assert_eq!(of_room, [1, 2, 3]);
            assert_eq!(nosubs(&heard), []);
        } else {
            let no = json!("not-allowed");
            let ended = ["secret", "secret/deleteMessage", "secret/user-activity"];
            assert_eq!(nosubs(&heard), ended.map(|id| (id, &no)));
            assert_eq!(heard.len(), 4, "{heard:?}");
        }
        // One question of the two publications of notify-room, one of room-data.
        let asked = workspace.core.asked();
        assert_eq!(asked.len(), 2, "{asked:?}");
    }
}

// contract: streams/lost/removed
#[tokio::test(start_paused = true)]
async fn what_is_held_is_bounded_and_a_question_that_cannot_be_asked_refuses() {
    let codes = async |bound: &str| {
        let workspace = Workspace::with(V8, Offers::ReadRoom).await;
        let session = listening(&workspace).await;
        workspace.core.slow(SLOW);
        match bound {
            "time" => workspace.core.slow(Duration::from_secs(6)),
            "unasked" => workspace.core.fail(true),
            _ => {}
        }
        workspace.subscription("removed", "secret", "alice");
        if bound == "bytes" {
            let args = json!(["x".repeat(1024)]).to_string();
            for _ in 0..64 {
                let name = stream("notify-room");
                workspace
                    .streams
                    .publish(name, "secret/user-activity", &args);
            }
        }
        sleep(Duration::from_secs(5) + SLOW).await;
        let heard = session.hears();
        nosubs(&heard)
            .into_iter()
            .map(|(id, code)| format!("{id} {code}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        codes("bytes").await,
        [r#"secret/user-activity "not-allowed""#]
    );
    let ended = |code: &str| {
        ["secret", "secret/deleteMessage", "secret/user-activity"].map(|id| format!("{id} {code}"))
    };
    assert_eq!(codes("time").await, ended("\"not-allowed\""));
    assert_eq!(codes("unasked").await, ended("500"));
}

// contract: streams/lost/type
#[tokio::test(start_paused = true)]
async fn a_room_of_another_type_is_asked_for_again() {
    let workspace = Workspace::with(V8, Offers::ReadRoom).await;
    let session = listening(&workspace).await;
    for name in ["secret", "hidden"] {
        workspace.room("updated", json!({"_id": "secret", "t": "p", "name": name}));
    }
    sleep(SLOW).await;
    assert_eq!(
        workspace.core.asked(),
        [""; 0],
        "of no message, and no name"
    );
    workspace.core.slow(SLOW);
    workspace.core.revoke("canReadRoom secret alice");
    workspace.room(
        "updated",
        json!({"_id": "secret", "t": "c", "name": "secret"}),
    );
    tell(&workspace, 1);
    sleep(SLOW / 2).await;
    assert_eq!(session.events().len(), 4, "events flow until the answer");
    sleep(2 * SLOW).await;
    let heard = session.hears();
    assert_eq!(nosubs(&heard), [("messages", &json!("not-allowed"))]);
    workspace.core.asked();
    workspace.room(
        "updated",
        json!({"_id": "secret", "t": "c", "name": "secret"}),
    );
    sleep(2 * SLOW).await;
    assert_eq!(workspace.core.asked(), [""; 0], "it is known");
}

// contract: streams/lost/permission
#[tokio::test(start_paused = true)]
async fn what_stands_on_a_permission_is_asked_for_again() {
    let workspace = Workspace::new(V8).await;
    let mut sessions = Vec::new();
    for user in ["alice", "bob"] {
        workspace
            .core
            .grant(&format!("hasPermission {user} view-l-room"));
        let session = workspace.login(user, user);
        for (name, event_name) in [
            ("livechat-inquiry-queue-observer", "public"),
            ("notify-logged", "roles-change"),
        ] {
            let heard = session.asks(name, event_name, json!([])).await;
            assert_eq!(verdict_of(&heard), "ready");
        }
        sessions.push(session);
    }
    workspace.core.asked();
    let asked = async || {
        sleep(SLOW).await;
        let mut asked = workspace.core.asked();
        asked.sort();
        asked
    };
    workspace.streams.permission_changed(Some("view-logs"));
    assert_eq!(asked().await, [""; 0]);
    let [alice, bob] = ["alice", "bob"].map(|user| format!("hasPermission {user} view-l-room"));
    workspace.streams.permission_changed(Some("view-l-room"));
    assert_eq!(asked().await, [alice.clone(), bob.clone()]);
    workspace.streams.role_changed();
    assert_eq!(asked().await, [alice.clone(), bob.clone()]);
    workspace.streams.user_changed("alice");
    workspace.streams.forget_answers();
    assert_eq!(asked().await, [""; 0]);
    workspace.streams.user_roles_changed("alice");
    assert_eq!(asked().await, std::slice::from_ref(&alice));

    workspace.core.revoke(&bob);
    workspace.streams.user_changed("bob");
    workspace.streams.user_roles_changed("bob");
    asked().await;
    let no = json!("not-allowed");
    assert_eq!(nosubs(&sessions[1].hears()), [("public", &no)]);
    assert!(sessions[0].hears().is_empty());
}

// contract: streams/lost/unasked
#[tokio::test(start_paused = true)]
async fn a_question_that_cannot_be_asked_is_asked_again_and_nothing_ends() {
    let workspace = Workspace::new(V8).await;
    workspace.core.grant("hasPermission alice view-l-room");
    let session = workspace.login("s", "alice");
    let name = "livechat-inquiry-queue-observer";
    session.asks(name, "public", json!([])).await;
    workspace.core.asked();
    workspace.core.fail(true);
    for _ in 0..3 {
        workspace.streams.role_changed();
    }
    // After 1, 2, 4, 8 seconds, whatever changes meanwhile.
    sleep(Duration::from_millis(15_500)).await;
    workspace.streams.role_changed();
    assert_eq!(workspace.core.asked().len(), 5);
    workspace.streams.publish(stream(name), "public", "[1]");
    assert_eq!(session.hears().len(), 1);
    workspace.core.fail(false);
    workspace.core.revoke("hasPermission alice view-l-room");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(
        nosubs(&session.hears()),
        [("public", &json!("not-allowed"))]
    );
    until(|| workspace.streams.doubts.is_quiet()).await;
}

// contract: streams/lost/spread
#[tokio::test(start_paused = true)]
async fn few_questions_are_away_at_a_time() {
    let workspace = Workspace::new(V6).await;
    let mut sessions = Vec::new();
    for n in 0..500 {
        let user = format!("u{n}");
        workspace
            .core
            .grant(&format!("hasPermission {user} view-l-room"));
        let session = workspace.login(&user, &user);
        session
            .asks("livechat-inquiry-queue-observer", "public", json!([]))
            .await;
        sessions.push(session);
    }
    workspace.core.asked();
    workspace.core.slow(SLOW);
    workspace.streams.role_changed();
    for asked in [200, 200, 100, 0] {
        sleep(SLOW / 2).await;
        assert_eq!(workspace.core.asked().len(), asked);
        sleep(SLOW / 2).await;
    }
    until(|| workspace.streams.doubts.is_quiet()).await;
    assert!(sessions.iter().all(|session| session.hears().is_empty()));
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_away_while_the_mesh_was_away_ends() {
    let workspace = Workspace::with(V8, Offers::ReadRoom).await;
    let session = listening(&workspace).await;
    for question in ["canAccessRoom secret alice", "canReadRoom secret alice"] {
        workspace.core.revoke(question);
    }
    workspace.streams.forget_answers();
    workspace.streams.events_were_missed().await;
    tell(&workspace, 1);
    let heard = session.hears();
    let ended = [
        "messages",
        "secret",
        "secret/deleteMessage",
        "secret/user-activity",
    ];
    let no = json!("not-allowed");
    assert_eq!(nosubs(&heard), ended.map(|id| (id, &no)));
    assert_eq!(heard.len(), 5, "and what is nobody's to take: {heard:?}");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_used_again_is_not_taken_for_what_it_was() {
    let workspace = Workspace::new(V8).await;
    let alice = workspace.login("s", "alice");
    let history = r#"hasAtLeastOnePermission alice ["manage-outgoing-integrations","manage-own-outgoing-integrations"]"#;
    let queue = "hasPermission alice view-l-room";
    for question in [history, queue] {
        workspace.core.grant(question);
    }
    let moved = || {
        workspace.streams.user_changed("alice");
        workspace.streams.user_roles_changed("alice");
    };
    alice.sub("integrationHistory", "x", json!(["i"])).await;
    assert_eq!(verdict_of(&alice.hears()), "ready");
    workspace.core.fail(true);
    moved();
    sleep(SLOW).await;
    workspace.core.fail(false);
    workspace.streams.unsubscribe(&alice.client, "x");
    alice.hears();
    alice
        .sub("livechat-inquiry-queue-observer", "x", json!(["public"]))
        .await;
    assert_eq!(verdict_of(&alice.hears()), "ready");
    workspace.core.revoke(queue);
    moved();
    sleep(SLOW).await;
    assert_eq!(nosubs(&alice.hears()), [("x", &json!("not-allowed"))]);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_fails_holds_up_no_others_after_an_outage() {
    let workspace = Workspace::with(V8, Offers::ReadRoom).await;
    let mut sessions = Vec::new();
    for n in 0..20 {
        let alice = workspace.login(&n.to_string(), "alice");
        workspace.core.grant("canAccessRoom secret alice");
        alice.asks("room-data", "secret", json!([])).await;
        alice.hears();
        sessions.push(alice);
    }
    let bob = workspace.login("bob", "bob");
    workspace.core.grant("canReadRoom secret bob");
    bob.sub("room-messages", "x", json!(["secret"])).await;
    bob.hears();
    workspace.core.fail_at("canAccessRoom", true);
    workspace.core.revoke("canReadRoom secret bob");
    workspace.streams.forget_answers();
    workspace.streams.events_were_missed().await;
    assert_eq!(nosubs(&bob.hears()), [("x", &json!("not-allowed"))]);
    workspace.core.fail_at("canAccessRoom", false);
    workspace.core.revoke("canAccessRoom secret alice");
    until(|| workspace.streams.hub().topics() == 0).await;
}
