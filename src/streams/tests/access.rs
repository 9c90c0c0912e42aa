//! The rules of rooms, users, visitors and conferences.

use serde_json::{Value, json};

use super::rules::{NOBODY, REFUSED, UNASKED, walk};
use super::workspace::{Offers, Workspace};
use crate::services::Release::{Unknown, V6, V8};
use crate::store::Collection;

// contract: streams/notify-room/read
#[tokio::test(start_paused = true)]
async fn rooms_of_notify_room() {
    for release in [V6, V8] {
        let workspace = Workspace::new(release).await;
        // 8.x asks for it with the room and the user's roles.
        let question = if release == V6 {
            "canAccessRoomId secret alice"
        } else {
            "canAccessRoom secret alice"
        };
        workspace.core.grant(question);
        let n = Value::Null;
        let webrtc = if release == V6 { "ready" } else { REFUSED };
        walk(
            &workspace,
            vec![
                (
                    "alice",
                    "notify-room",
                    "secret/user-activity",
                    n.clone(),
                    "ready",
                ),
                (
                    "bob",
                    "notify-room",
                    "secret/user-activity",
                    n.clone(),
                    REFUSED,
                ),
                (
                    NOBODY,
                    "notify-room",
                    "secret/user-activity",
                    n.clone(),
                    REFUSED,
                ),
                (
                    "alice",
                    "notify-room",
                    "nowhere/user-activity",
                    n.clone(),
                    REFUSED,
                ),
                (NOBODY, "notify-room", "secret/webrtc", n.clone(), webrtc),
                ("bob", "notify-room", "secret/webrtc", n.clone(), webrtc),
                // Visitors.
                (
                    NOBODY,
                    "notify-room",
                    "chat/user-activity",
                    json!({"token": "vt"}),
                    "ready",
                ),
                (
                    NOBODY,
                    "notify-room",
                    "chat/user-activity",
                    json!({"token": "other"}),
                    REFUSED,
                ),
                (
                    NOBODY,
                    "notify-room",
                    "secret/user-activity",
                    json!({"token": "vt"}),
                    REFUSED,
                ),
                (
                    NOBODY,
                    "notify-room",
                    "nowhere/user-activity",
                    json!({"token": "vt"}),
                    REFUSED,
                ),
                (
                    NOBODY,
                    "notify-room",
                    "chat/user-activity",
                    json!({"token": {"$ne": ""}}),
                    REFUSED,
                ),
                (
                    NOBODY,
                    "notify-room",
                    "chat/user-activity",
                    json!({"token": ["vt"]}),
                    REFUSED,
                ),
                (
                    NOBODY,
                    "notify-room",
                    "chat/user-activity",
                    json!({"token": null}),
                    REFUSED,
                ),
                (
                    "alice",
                    "notify-room",
                    "secret/user-activity",
                    json!({"token": "other"}),
                    REFUSED,
                ),
                (
                    "alice",
                    "notify-room",
                    "secret/user-activity",
                    json!({"token": {"$ne": ""}}),
                    REFUSED,
                ),
                (
                    "alice",
                    "notify-room",
                    "secret/user-activity",
                    json!({"token": ""}),
                    "ready",
                ),
                (
                    "alice",
                    "notify-room",
                    "secret/user-activity",
                    json!("vt"),
                    "ready",
                ),
            ],
        )
        .await;
        workspace.core.fail(true);
        walk(
            &workspace,
            vec![("bob", "notify-room", "general/x", n.clone(), UNASKED)],
        )
        .await;
    }
    let workspace = Workspace::new(Unknown).await;
    let webrtc = (NOBODY, "notify-room", "secret/webrtc", Value::Null, REFUSED);
    walk(&workspace, vec![webrtc]).await;
}

#[tokio::test(start_paused = true)]
async fn a_room_without_a_token_has_no_visitor() {
    let workspace = Workspace::new(V6).await;
    for (id, room) in [
        ("l1", json!({"_id": "l1", "t": "l"})),
        ("l2", json!({"_id": "l2", "t": "l", "v": {"token": ""}})),
        ("l3", json!({"_id": "l3", "t": "l", "v": {"token": null}})),
        ("p1", json!({"_id": "p1", "t": "p", "v": {"token": "vt"}})),
    ] {
        workspace.put(Collection::Rooms, room);
        let event_name: &'static str = Box::leak(format!("{id}/x").into_boxed_str());
        let rid: &'static str = Box::leak(id.to_owned().into_boxed_str());
        for token in [
            json!("vt"),
            json!(""),
            json!(null),
            json!({"$exists": false}),
        ] {
            walk(
                &workspace,
                vec![
                    (
                        NOBODY,
                        "notify-room",
                        event_name,
                        json!({"token": token}),
                        REFUSED,
                    ),
                    (
                        NOBODY,
                        "livechat-room",
                        rid,
                        json!({"visitorToken": token}),
                        REFUSED,
                    ),
                ],
            )
            .await;
        }
    }
}

// contract: streams/livechat-room/read
#[tokio::test(start_paused = true)]
async fn livechat_rooms() {
    let workspace = Workspace::new(V8).await;
    walk(
        &workspace,
        vec![
            (
                NOBODY,
                "livechat-room",
                "chat",
                json!({"token": "vt", "visitorToken": "vt"}),
                "ready",
            ),
            (
                "alice",
                "livechat-room",
                "chat",
                json!({"visitorToken": "vt"}),
                "ready",
            ),
            (NOBODY, "livechat-room", "chat", Value::Null, REFUSED),
            (
                NOBODY,
                "livechat-room",
                "chat",
                json!({"token": "vt"}),
                REFUSED,
            ),
            (
                NOBODY,
                "livechat-room",
                "chat",
                json!({"visitorToken": "x"}),
                REFUSED,
            ),
            (
                NOBODY,
                "livechat-room",
                "chat",
                json!({"visitorToken": {"$gt": ""}}),
                REFUSED,
            ),
            (
                "bob",
                "livechat-room",
                "nowhere",
                json!({"visitorToken": "vt"}),
                REFUSED,
            ),
        ],
    )
    .await;
}

// contract: streams/notify-user/read
#[tokio::test(start_paused = true)]
async fn own_events_of_users() {
    for release in [V6, V8, Unknown] {
        let workspace = Workspace::new(release).await;
        let n = Value::Null;
        let old = release == V6;
        let webrtc = |otherwise: &'static str| if old { "ready" } else { otherwise };
        walk(
            &workspace,
            vec![
                ("alice", "notify-user", "alice/message", n.clone(), "ready"),
                ("alice", "notify-user", "bob/message", n.clone(), REFUSED),
                (NOBODY, "notify-user", "alice/message", n.clone(), REFUSED),
                (NOBODY, "notify-user", "/message", n.clone(), REFUSED),
                ("alice", "notify-user", "alice/webrtc", n.clone(), "ready"),
                (
                    "alice",
                    "notify-user",
                    "bob/webrtc",
                    n.clone(),
                    webrtc(REFUSED),
                ),
                (
                    NOBODY,
                    "notify-user",
                    "bob/webrtc",
                    n.clone(),
                    webrtc(REFUSED),
                ),
                ("alice", "notify-user", "bob/webrtc/x", n.clone(), REFUSED),
                ("alice", "notify-user", "bob/otr", n.clone(), REFUSED),
                (
                    "alice",
                    "notify-user",
                    "alice/otr",
                    n.clone(),
                    if release == V8 { "ready" } else { REFUSED },
                ),
            ],
        )
        .await;
        workspace.set("OTR_Enable", json!(true));
        walk(
            &workspace,
            vec![
                ("alice", "notify-user", "alice/otr", n.clone(), "ready"),
                ("alice", "notify-user", "bob/otr", n.clone(), REFUSED),
            ],
        )
        .await;
    }
}

// contract: streams/rule/anonymous
#[tokio::test(start_paused = true)]
async fn messages_of_rooms() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("canAccessRoom secret alice");
    workspace.core.grant("canAccessRoom chat ");
    let (n, visitor) = (Value::Null, json!({"token": "vt", "visitorToken": "vt"}));
    walk(
        &workspace,
        vec![
            (
                NOBODY,
                "room-messages",
                "__my_messages__",
                n.clone(),
                "ready",
            ),
            ("alice", "room-messages", "secret", n.clone(), "ready"),
            ("alice", "room-messages", "nowhere", n.clone(), REFUSED),
            ("bob", "room-messages", "secret", n.clone(), REFUSED),
            (NOBODY, "room-messages", "chat", visitor.clone(), "ready"),
            ("bob", "room-messages", "general", n.clone(), REFUSED),
            (NOBODY, "room-messages", "general", n.clone(), REFUSED),
        ],
    )
    .await;
    assert_eq!(
        workspace.core.asked(),
        [
            "canAccessRoom secret alice",
            "canAccessRoom secret bob",
            r#"canAccessRoom chat  {"token":"vt","visitorToken":"vt"}"#,
            "canAccessRoom general bob",
            "hasPermission bob preview-c-room",
            "canAccessRoom general ",
        ]
    );
    workspace.core.grant("hasPermission bob preview-c-room");
    walk(
        &workspace,
        vec![
            ("bob", "room-messages", "general", n.clone(), "ready"),
            ("bob", "room-messages", "secret", n.clone(), REFUSED),
            (
                "alice",
                "room-messages",
                "secret",
                json!({"token": {"$ne": 1}}),
                REFUSED,
            ),
            (
                "alice",
                "room-messages",
                "secret",
                json!({"$where": "1"}),
                REFUSED,
            ),
        ],
    )
    .await;
    workspace.core.fail(true);
    walk(
        &workspace,
        vec![("bob", "room-messages", "chat", n.clone(), UNASKED)],
    )
    .await;
}

// contract: mesh/release/offers, streams/rule/anonymous
#[tokio::test(start_paused = true)]
async fn reading_rooms_where_the_core_offers_it() {
    let workspace = Workspace::with(V8, Offers::ReadRoom).await;
    workspace.core.grant("canReadRoom secret alice");
    workspace.core.grant("canReadRoom chat null");
    let n = Value::Null;
    walk(
        &workspace,
        vec![
            ("alice", "room-messages", "secret", n.clone(), "ready"),
            ("bob", "room-messages", "secret", n.clone(), REFUSED),
            (
                NOBODY,
                "room-messages",
                "chat",
                json!({"token": "vt"}),
                "ready",
            ),
            (NOBODY, "room-messages", "general", n.clone(), REFUSED),
            (
                "nobody-knows",
                "room-messages",
                "secret",
                n.clone(),
                REFUSED,
            ),
        ],
    )
    .await;
    assert_eq!(
        workspace.core.asked(),
        [
            "canReadRoom secret alice",
            "canReadRoom secret bob",
            r#"canReadRoom chat null {"token":"vt"}"#,
            "canReadRoom general null",
        ],
        "canAccessRoom is never asked, nor is a user that is gone"
    );
}

// contract: streams/room-data/read, streams/video-conference/read
#[tokio::test(start_paused = true)]
async fn data_of_rooms_and_conferences() {
    for release in [V6, V8] {
        let workspace = Workspace::new(release).await;
        workspace.core.grant("canAccessRoom secret alice");
        workspace.core.grant("canAccessRoom secret ");
        workspace.core.grant("canAccessConference call alice");
        workspace.put(
            Collection::VideoConferences,
            json!({"_id": "call", "rid": "secret", "users": []}),
        );
        let n = Value::Null;
        walk(
            &workspace,
            vec![
                ("alice", "room-data", "secret", n.clone(), "ready"),
                ("bob", "room-data", "secret", n.clone(), REFUSED),
                ("alice", "room-data", "nowhere", n.clone(), REFUSED),
                (NOBODY, "room-data", "secret", n.clone(), REFUSED),
                (
                    "alice",
                    "video-conference",
                    "call/updated",
                    n.clone(),
                    "ready",
                ),
                (
                    "bob",
                    "video-conference",
                    "call/updated",
                    n.clone(),
                    REFUSED,
                ),
                (
                    "alice",
                    "video-conference",
                    "none/updated",
                    n.clone(),
                    REFUSED,
                ),
                (
                    "alice",
                    "video-conference",
                    "call/other",
                    n.clone(),
                    REFUSED,
                ),
                (
                    NOBODY,
                    "video-conference",
                    "call/updated",
                    n.clone(),
                    REFUSED,
                ),
            ],
        )
        .await;
        workspace.streams.forget_answers();
        workspace.core.fail(true);
        walk(
            &workspace,
            vec![
                ("alice", "room-data", "secret", n.clone(), UNASKED),
                (
                    "alice",
                    "video-conference",
                    "call/updated",
                    n.clone(),
                    UNASKED,
                ),
            ],
        )
        .await;
    }
}

// contract: streams/rule/unasked
#[tokio::test(start_paused = true)]
async fn without_a_mesh_nothing_is_granted_that_must_be_asked() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("canAccessRoom secret alice");
    workspace.bus.stop();
    super::workspace::until(|| {
        !matches!(
            *workspace.core_node.state().borrow(),
            crate::mesh::MeshState::Joined
        )
    })
    .await;
    let n = Value::Null;
    walk(
        &workspace,
        vec![
            ("alice", "room-messages", "secret", n.clone(), UNASKED),
            ("alice", "notify-user", "alice/message", n.clone(), "ready"),
        ],
    )
    .await;
}
