//! Rules that are asked again: a login as somebody else, another release.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::workspace::{Workspace, stream, until};
use crate::mesh::ServiceSpec;
use crate::services::Release::{Mixed, V6, V8};

// contract: methods/login/another-user
#[tokio::test(start_paused = true)]
async fn nothing_of_the_former_user_lives_on() {
    let workspace = Workspace::new(V6).await;
    for granted in [
        "canAccessRoom secret alice",
        "canAccessRoom general alice",
        "canAccessRoom general bob",
        "canAccessRoomId secret alice",
    ] {
        workspace.core.grant(granted);
    }
    let session = workspace.login("s", "alice");
    for (name, event_name) in [
        ("notify-all", "public-settings-changed"),
        ("room-messages", "secret"),
        ("notify-user", "alice/message"),
        ("notify-user", "alice/rooms-changed"),
        ("room-messages", "general"),
        ("notify-room", "secret/user-activity"),
        ("notify-logged", "roles-change"),
    ] {
        assert_eq!(
            session.asks(name, event_name, json!([])).await[0]["msg"],
            "ready",
            "{event_name}"
        );
    }
    session
        .sub("user-presence", "presence", json!(["", {"added": ["u1"]}]))
        .await;
    session.hears();
    workspace.core.asked();
    workspace.core.slow(Duration::from_millis(100));
    session.login("bob");
    tokio::join!(workspace.streams.recheck(session.client.clone()), async {
        sleep(Duration::from_millis(50)).await;
        for (name, event_name) in [
            ("room-messages", "secret"),
            ("notify-room", "secret/user-activity"),
            ("notify-user", "alice/message"),
            ("notify-logged", "roles-change"),
        ] {
            workspace.streams.publish(stream(name), event_name, "[1]");
        }
        workspace.room(
            "updated",
            json!({"_id": "secret", "t": "p", "name": "secret"}),
        );
    });
    let refused = |id: &str| {
        json!({"msg": "nosub", "id": id, "error": {
            "isClientSafe": true, "errorType": "Meteor.Error", "error": "not-allowed", "message": "[not-allowed]"}})
    };
    let heard = session.hears();
    assert_eq!(
        heard[0]["fields"]["eventName"], "roles-change",
        "what needs no question goes on"
    );
    assert_eq!(
        heard[1..],
        [
            refused("secret"),
            refused("alice/message"),
            refused("alice/rooms-changed"),
            refused("secret/user-activity"),
        ]
    );
    assert_eq!(
        workspace.core.asked(),
        [
            "canAccessRoom secret bob",
            "canAccessRoom general bob",
            "canAccessRoomId secret bob"
        ]
    );
    assert_eq!(workspace.streams.rooms.users(), 0);
    for (name, event_name) in [
        ("room-messages", "secret"),
        ("room-messages", "general"),
        ("notify-all", "public-settings-changed"),
    ] {
        workspace.streams.publish(stream(name), event_name, "[1]");
    }
    workspace.streams.presence_changed("u1", "[[]]");
    let names: Vec<_> = session.events().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["general", "public-settings-changed", "u1"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_again_ends() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("canAccessRoom secret alice");
    let session = workspace.login("s", "alice");
    session.asks("room-messages", "secret", json!([])).await;
    session.login("bob");
    workspace.core.fail(true);
    workspace.streams.recheck(session.client.clone()).await;
    let heard = session.hears();
    assert_eq!((heard.len(), &heard[0]["error"]["error"]), (1, &json!(500)));
    assert_eq!(workspace.streams.hub().topics(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_granted_for_another_cause_stays_when_the_logins_question_fails() {
    let workspace = Workspace::new(V6).await;
    for user in ["alice", "bob"] {
        workspace
            .core
            .grant(&format!("hasPermission {user} view-l-room"));
    }
    let session = workspace.login("s", "alice");
    let name = "livechat-inquiry-queue-observer";
    session.asks(name, "public", json!([])).await;
    session.login("bob");
    workspace.core.slow(Duration::from_millis(200));
    workspace.core.fail(true);
    tokio::join!(workspace.streams.recheck(session.client.clone()), async {
        sleep(Duration::from_millis(50)).await;
        workspace.core.slow(Duration::from_millis(50));
        workspace.core.fail(false);
        workspace.streams.user_changed("bob");
        workspace.streams.user_roles_changed("bob");
    });
    workspace.streams.publish(stream(name), "public", "[1]");
    assert_eq!(session.events(), [("public".to_owned(), json!([1]))]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_is_asked_for_a_former_user() {
    let workspace = Workspace::new(V6).await;
    for user in ["alice", "bob"] {
        workspace
            .core
            .grant(&format!("canAccessRoom secret {user}"));
    }
    let session = workspace.login("s", "alice");
    session.asks("room-messages", "secret", json!([])).await;
    workspace.core.slow(Duration::from_secs(50));
    workspace.streams.role_changed();
    sleep(Duration::from_millis(50)).await;
    workspace.core.slow(Duration::ZERO);
    session.login("bob");
    workspace.streams.recheck(session.client.clone()).await;
    workspace.core.revoke("canAccessRoom secret bob");
    workspace.streams.role_changed();
    sleep(Duration::from_secs(1)).await;
    let heard = session.hears();
    assert_eq!(
        (heard.len(), &heard[0]["error"]["error"]),
        (1, &json!("not-allowed"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_that_leaves_while_it_is_asked_again() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("canAccessRoom general alice");
    workspace.core.grant("canAccessRoom general bob");
    let session = workspace.login("s", "alice");
    session.asks("room-messages", "general", json!([])).await;
    session.login("bob");
    workspace.core.slow(Duration::from_millis(100));
    tokio::join!(workspace.streams.recheck(session.client.clone()), async {
        sleep(Duration::from_millis(50)).await;
        workspace.streams.leave(&session.client);
    });
    assert!(session.hears().is_empty());
    assert_eq!(workspace.streams.hub().topics(), 0);
}

#[tokio::test(start_paused = true)]
async fn arguments_are_asked_with_again() {
    let workspace = Workspace::new(V6).await;
    let session = workspace.login("s", "alice");
    for (name, event_name) in [
        ("notify-room", "chat/user-activity"),
        ("livechat-room", "chat"),
    ] {
        let args = json!([{"token": "vt", "visitorToken": "vt"}]);
        assert_eq!(
            session.asks(name, event_name, args).await[0]["msg"],
            "ready"
        );
    }
    session.login("bob");
    workspace.streams.recheck(session.client.clone()).await;
    assert!(session.hears().is_empty());
    workspace
        .streams
        .publish(stream("livechat-room"), "chat", "[1]");
    assert_eq!(session.events().len(), 1);
}

// contract: mesh/release/changes, mesh/release/stricter
#[tokio::test(start_paused = true)]
async fn an_upgrade_ends_what_the_new_rules_refuse() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("hasPermission alice view-logs");
    workspace.core.grant("canAccessRoomId secret alice");
    let (alice, anonymous) = (workspace.login("a", "alice"), workspace.client("n"));
    for (session, name, event_name) in [
        (&alice, "stdout", "stdout"),
        (&alice, "notify-room", "secret/webrtc"),
        (&alice, "notify-user", "alice/webrtc"),
        (&alice, "notify-user", "alice/message"),
        (&anonymous, "notify-room", "secret/webrtc"),
        (&anonymous, "notify-user", "alice/webrtc"),
        (&anonymous, "notify-all", "x"),
    ] {
        assert_eq!(
            session.asks(name, event_name, json!([])).await[0]["msg"],
            "ready",
            "{event_name}"
        );
    }
    let following = workspace.streams.clone().follow_release();
    workspace.tracker.spawn({
        let cancel = workspace.cancel.clone();
        async move {
            cancel.run_until_cancelled(following).await;
        }
    });
    let mesh = workspace.streams.services.mesh().clone();
    // A second core of the new release appears: both at once.
    let config = |id: &str| {
        crate::mesh::MeshConfig::new(
            crate::mesh::NodeId::new(id).unwrap(),
            crate::mesh::Transporter::Local(workspace.bus.clone()),
        )
    };
    let meteor = vec![ServiceSpec::new("meteor").event("stream")];
    let new = crate::mesh::Mesh::start(
        config("core-2"),
        meteor,
        std::sync::Arc::new(()),
        &workspace.tracker,
        &workspace.cancel,
    )
    .unwrap();
    until(|| mesh.release() == Mixed).await;
    sleep(Duration::from_millis(100)).await;
    let ended: Vec<_> = alice
        .hears()
        .iter()
        .map(|one| (one["id"].clone(), one["error"]["error"].clone()))
        .collect();
    assert_eq!(ended, [(json!("stdout"), json!(404))]);
    let ended: Vec<_> = anonymous
        .hears()
        .iter()
        .map(|one| (one["id"].clone(), one["error"]["error"].clone()))
        .collect();
    assert_eq!(
        ended,
        [
            (json!("secret/webrtc"), json!("not-allowed")),
            (json!("alice/webrtc"), json!("not-allowed"))
        ]
    );
    workspace.core_node.leave().await;
    until(|| mesh.release() == V8).await;
    sleep(Duration::from_millis(100)).await;
    // Without the core's node nobody answers: what has to be asked for ends, the rest stays.
    let ended: Vec<_> = alice
        .hears()
        .iter()
        .map(|one| (one["id"].clone(), one["error"]["error"].clone()))
        .collect();
    assert!(ended.len() <= 1, "{ended:?}");
    workspace
        .streams
        .publish(stream("notify-user"), "alice/message", "[1]");
    assert_eq!(alice.events().len(), 1);
    drop(new);
}
