//! Each rule: granted, refused, anonymous, and when it cannot be asked.

use serde_json::{Value, json};

use super::workspace::{Workspace, verdict_of};
use crate::services::Release::{self, Mixed, Unknown, V6, V8};
use crate::store::Collection;

const REFUSED: &str = "not-allowed";
const UNASKED: &str = "500";

/// Who asks: an anonymous session, or a user.
const NOBODY: &str = "";

async fn verdict(
    workspace: &Workspace,
    who: &str,
    stream: &str,
    event_name: &str,
    args: Value,
) -> String {
    let session = match who {
        NOBODY => workspace.client("n"),
        user => workspace.login("s", user),
    };
    let verdict = session.verdict(stream, event_name, args).await;
    workspace.streams.leave(&session.client);
    verdict
}

/// Rows: who, stream, event name, the first rule argument, the verdict.
type Row = (&'static str, &'static str, &'static str, Value, &'static str);

async fn walk(workspace: &Workspace, rows: Vec<Row>) {
    for (who, stream, event_name, arg, expected) in rows {
        let args = match &arg {
            Value::Null => json!([]),
            arg => json!([arg]),
        };
        let found = verdict(workspace, who, stream, event_name, args).await;
        assert_eq!(found, expected, "{who:?} {stream} {event_name} {arg}");
    }
}

#[tokio::test(start_paused = true)]
async fn streams_without_questions() {
    let n = Value::Null;
    for release in [V6, V8, Unknown] {
        let workspace = Workspace::new(release).await;
        let mut rows = Vec::new();
        for (stream, anonymous, user) in [
            ("notify-all", "ready", "ready"),
            ("importers", "ready", "ready"),
            ("apps", "ready", "ready"),
            ("notify-logged", REFUSED, "ready"),
            ("roles", REFUSED, "ready"),
            ("user-presence", REFUSED, "ready"),
            ("apps-engine", REFUSED, REFUSED),
            ("local", REFUSED, REFUSED),
            ("notify-room-users", REFUSED, REFUSED),
        ] {
            rows.push((NOBODY, stream, "x", n.clone(), anonymous));
            rows.push(("alice", stream, "x", n.clone(), user));
        }
        walk(&workspace, rows).await;
        assert!(workspace.core.asked().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_publications_and_event_names() {
    let workspace = Workspace::new(V8).await;
    let alice = workspace.login("s", "alice");
    for stream in ["no-such", "stream-notify-all", "", "stdout"] {
        let heard = alice.asks(stream, "x", json!([])).await;
        assert_eq!(
            heard,
            [json!({"msg": "nosub", "id": "x", "error": {
                "isClientSafe": true, "errorType": "Meteor.Error", "error": 404,
                "reason": format!("Subscription 'stream-{stream}' not found"),
                "message": format!("Subscription 'stream-{stream}' not found [404]")}})]
        );
    }
    for params in [
        json!([]),
        json!({}),
        json!(null),
        json!([""]),
        json!([null]),
        json!([1]),
        json!([{"$ne": ""}]),
        json!([["a"]]),
    ] {
        alice.sub("room-messages", "1", params.clone()).await;
        assert_eq!(
            verdict_of(&alice.hears()),
            "invalid-event-name",
            "{params}"
        );
    }
    let heard = alice.asks("notify-room", "nowhere/typing", json!([])).await;
    assert_eq!(
        heard,
        [json!({"msg": "nosub", "id": "nowhere/typing", "error": {
            "isClientSafe": true, "errorType": "Meteor.Error", "error": "not-allowed", "message": "[not-allowed]"}})]
    );
    for malformed in ["", "/", "alice", "alice/", "/message"] {
        for stream in ["notify-user", "notify-room", "video-conference"] {
            let heard = alice.asks(stream, malformed, json!([])).await;
            let word = verdict_of(&heard);
            let expected = if malformed.is_empty() { "invalid-event-name" } else { REFUSED };
            assert_eq!(word, expected, "{stream} {malformed:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn added_precedes_ready_where_it_is_wanted() {
    let workspace = Workspace::new(V6).await;
    let bot = workspace.client("s");
    bot.sub("room-messages", "1", json!(["__my_messages__", true])).await;
    bot.sub("apps", "2", json!(["apps", {"useCollection": true}])).await;
    bot.sub("apps", "3", json!(["apps", false])).await;
    assert_eq!(
        bot.hears(),
        [
            json!({"msg": "added", "collection": "stream-room-messages", "id": "id", "fields": {"eventName": "__my_messages__"}}),
            json!({"msg": "ready", "subs": ["1"]}),
            json!({"msg": "added", "collection": "stream-apps", "id": "id", "fields": {"eventName": "apps"}}),
            json!({"msg": "ready", "subs": ["2"]}),
            json!({"msg": "ready", "subs": ["3"]}),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn ids_and_limits() {
    let workspace = Workspace::new(V6).await;
    let alice = workspace.login("s", "alice");
    assert_eq!(verdict_of(&alice.asks("apps", "a", json!([])).await), "ready");
    assert_eq!(verdict_of(&alice.asks("roles", "a", json!([])).await), "400");
    workspace.streams.publish(super::workspace::stream("apps"), "a", "[1]");
    assert_eq!(alice.events(), [("a".to_owned(), json!([1]))], "the first is left alone");
    for n in 1..20 {
        assert_eq!(verdict_of(&alice.asks("apps", &n.to_string(), json!([])).await), "ready");
    }
    assert_eq!(verdict_of(&alice.asks("apps", "one more", json!([])).await), "429");
    assert_eq!(verdict_of(&alice.asks("room-messages", "secret", json!([])).await), "429");
    assert!(workspace.core.asked().is_empty(), "what has no place is not asked for");
    assert!(workspace.streams.unsubscribe(&alice.client, "1"));
    assert_eq!(verdict_of(&alice.hears()), "nosub");
    assert!(!workspace.streams.unsubscribe(&alice.client, "1"));
    assert!(alice.hears().is_empty(), "silence");
}

#[tokio::test(start_paused = true)]
async fn permissions() {
    let n = Value::Null;
    for release in [V6, V8] {
        let workspace = Workspace::new(release).await;
        let ask = |stream: &'static str, event_name: &'static str, verdict: &'static str| {
            ("alice", stream, event_name, Value::Null, verdict)
        };
        walk(
            &workspace,
            vec![
                ask("notify-logged", "private-settings-changed", REFUSED),
                ask("livechat-inquiry-queue-observer", "public", REFUSED),
                ask("integrationHistory", "i", REFUSED),
                ask("canned-responses", "c", REFUSED),
                (NOBODY, "notify-logged", "private-settings-changed", n.clone(), REFUSED),
                (NOBODY, "livechat-inquiry-queue-observer", "public", n.clone(), REFUSED),
                (NOBODY, "integrationHistory", "i", n.clone(), REFUSED),
                (NOBODY, "canned-responses", "c", n.clone(), REFUSED),
            ],
        )
        .await;
        assert_eq!(
            workspace.core.asked(),
            [
                r#"hasAtLeastOnePermission alice ["view-privileged-setting","edit-privileged-setting","manage-selected-settings"]"#,
                "hasPermission alice view-l-room",
                r#"hasAtLeastOnePermission alice ["manage-outgoing-integrations","manage-own-outgoing-integrations"]"#,
            ],
            "canned responses are off: nobody needs to be asked"
        );
        for granted in [
            r#"hasAtLeastOnePermission alice ["view-privileged-setting","edit-privileged-setting","manage-selected-settings"]"#,
            "hasPermission alice view-l-room",
            r#"hasAtLeastOnePermission alice ["manage-outgoing-integrations","manage-own-outgoing-integrations"]"#,
            "hasPermission alice view-canned-responses",
            "hasPermission alice view-logs",
        ] {
            workspace.core.grant(granted);
        }
        walk(
            &workspace,
            vec![
                ask("notify-logged", "private-settings-changed", "ready"),
                ask("livechat-inquiry-queue-observer", "public", "ready"),
                ask("integrationHistory", "i", "ready"),
                ask("canned-responses", "c", REFUSED),
                ask("stdout", "stdout", if release == V6 { "ready" } else { "404" }),
            ],
        )
        .await;
        workspace.set("Canned_Responses_Enable", json!(true));
        walk(&workspace, vec![ask("canned-responses", "c", "ready")]).await;
        workspace.set("Canned_Responses_Enable", json!(true));
        workspace.core.fail(true);
        walk(
            &workspace,
            vec![
                ask("notify-logged", "private-settings-changed", UNASKED),
                ask("notify-logged", "Users:Deleted", "ready"),
                ask("livechat-inquiry-queue-observer", "public", UNASKED),
                ask("integrationHistory", "i", UNASKED),
                ask("canned-responses", "c", UNASKED),
            ],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn rooms_of_notify_room() {
    for release in [V6, V8] {
        let workspace = Workspace::new(release).await;
        workspace.core.grant("canAccessRoomId secret alice");
        let n = Value::Null;
        let webrtc = if release == V6 { "ready" } else { REFUSED };
        walk(
            &workspace,
            vec![
                ("alice", "notify-room", "secret/user-activity", n.clone(), "ready"),
                ("bob", "notify-room", "secret/user-activity", n.clone(), REFUSED),
                (NOBODY, "notify-room", "secret/user-activity", n.clone(), REFUSED),
                ("alice", "notify-room", "nowhere/user-activity", n.clone(), REFUSED),
                (NOBODY, "notify-room", "secret/webrtc", n.clone(), webrtc),
                ("bob", "notify-room", "secret/webrtc", n.clone(), webrtc),
                // Visitors.
                (NOBODY, "notify-room", "chat/user-activity", json!({"token": "vt"}), "ready"),
                (NOBODY, "notify-room", "chat/user-activity", json!({"token": "other"}), REFUSED),
                (NOBODY, "notify-room", "secret/user-activity", json!({"token": "vt"}), REFUSED),
                (NOBODY, "notify-room", "nowhere/user-activity", json!({"token": "vt"}), REFUSED),
                (NOBODY, "notify-room", "chat/user-activity", json!({"token": {"$ne": ""}}), REFUSED),
                (NOBODY, "notify-room", "chat/user-activity", json!({"token": ["vt"]}), REFUSED),
                (NOBODY, "notify-room", "chat/user-activity", json!({"token": null}), REFUSED),
                ("alice", "notify-room", "secret/user-activity", json!({"token": "other"}), REFUSED),
                ("alice", "notify-room", "secret/user-activity", json!({"token": {"$ne": ""}}), REFUSED),
                ("alice", "notify-room", "secret/user-activity", json!({"token": ""}), "ready"),
                ("alice", "notify-room", "secret/user-activity", json!("vt"), "ready"),
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
    for release in [Unknown, Mixed] {
        // No node says both at once here: the stricter rule is that of 8.x in either case.
        if release == Mixed {
            continue;
        }
        let workspace = Workspace::new(release).await;
        walk(
            &workspace,
            vec![(NOBODY, "notify-room", "secret/webrtc", Value::Null, REFUSED)],
        )
        .await;
    }
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
        for token in [json!("vt"), json!(""), json!(null), json!({"$exists": false})] {
            walk(
                &workspace,
                vec![
                    (NOBODY, "notify-room", event_name, json!({"token": token}), REFUSED),
                    (NOBODY, "livechat-room", rid, json!({"visitorToken": token}), REFUSED),
                ],
            )
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn livechat_rooms() {
    let workspace = Workspace::new(V8).await;
    walk(
        &workspace,
        vec![
            (NOBODY, "livechat-room", "chat", json!({"token": "vt", "visitorToken": "vt"}), "ready"),
            ("alice", "livechat-room", "chat", json!({"visitorToken": "vt"}), "ready"),
            (NOBODY, "livechat-room", "chat", Value::Null, REFUSED),
            (NOBODY, "livechat-room", "chat", json!({"token": "vt"}), REFUSED),
            (NOBODY, "livechat-room", "chat", json!({"visitorToken": "x"}), REFUSED),
            (NOBODY, "livechat-room", "chat", json!({"visitorToken": {"$gt": ""}}), REFUSED),
            ("bob", "livechat-room", "nowhere", json!({"visitorToken": "vt"}), REFUSED),
        ],
    )
    .await;
}

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
                ("alice", "notify-user", "bob/webrtc", n.clone(), webrtc(REFUSED)),
                (NOBODY, "notify-user", "bob/webrtc", n.clone(), webrtc(REFUSED)),
                ("alice", "notify-user", "bob/webrtc/x", n.clone(), REFUSED),
                ("alice", "notify-user", "bob/otr", n.clone(), REFUSED),
                ("alice", "notify-user", "alice/otr", n.clone(), if release == V8 { "ready" } else { REFUSED }),
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

#[tokio::test(start_paused = true)]
async fn messages_of_rooms() {
    let workspace = Workspace::new(V6).await;
    workspace.core.grant("canAccessRoom secret alice");
    workspace.core.grant("canAccessRoom chat ");
    let (n, visitor) = (Value::Null, json!({"token": "vt", "visitorToken": "vt"}));
    walk(
        &workspace,
        vec![
            (NOBODY, "room-messages", "__my_messages__", n.clone(), "ready"),
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
            ("alice", "room-messages", "secret", json!({"token": {"$ne": 1}}), REFUSED),
            ("alice", "room-messages", "secret", json!({"$where": "1"}), REFUSED),
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

#[tokio::test(start_paused = true)]
async fn reading_rooms_where_the_core_offers_it() {
    let workspace = Workspace::with(V8, true).await;
    workspace.core.grant("canReadRoom secret alice");
    workspace.core.grant("canReadRoom chat null");
    let n = Value::Null;
    walk(
        &workspace,
        vec![
            ("alice", "room-messages", "secret", n.clone(), "ready"),
            ("bob", "room-messages", "secret", n.clone(), REFUSED),
            (NOBODY, "room-messages", "chat", json!({"token": "vt"}), "ready"),
            (NOBODY, "room-messages", "general", n.clone(), REFUSED),
            ("nobody-knows", "room-messages", "secret", n.clone(), REFUSED),
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
                ("alice", "video-conference", "call/updated", n.clone(), "ready"),
                ("bob", "video-conference", "call/updated", n.clone(), REFUSED),
                ("alice", "video-conference", "none/updated", n.clone(), REFUSED),
                ("alice", "video-conference", "call/other", n.clone(), REFUSED),
                (NOBODY, "video-conference", "call/updated", n.clone(), REFUSED),
            ],
        )
        .await;
        workspace.streams.permission_changed();
        workspace.core.fail(true);
        walk(
            &workspace,
            vec![
                ("alice", "room-data", "secret", n.clone(), UNASKED),
                ("alice", "video-conference", "call/updated", n.clone(), UNASKED),
            ],
        )
        .await;
    }
}

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

/// What a release makes of writes: who writes what, and whether the listener hears it.
async fn writes(release: Release, rows: &[(&str, &str, &str, Value, bool)]) {
    let workspace = Workspace::new(release).await;
    workspace.set("OTR_Enable", json!(true));
    workspace.core.grant("validateAction call alice");
    for (who, stream, event_name, args, expected) in rows {
        let writer = match *who {
            NOBODY => workspace.client("w"),
            user => workspace.login("w", user),
        };
        let listener = workspace.client("l");
        let channel = super::workspace::stream(stream).channel();
        for session in [&writer, &listener] {
            let hub = workspace.streams.hub();
            hub.subscribe(&session.client, "1", channel, event_name, None, &[]);
        }
        let mut params = vec![json!(event_name)];
        params.extend(args.as_array().unwrap().iter().cloned());
        assert!(writer.write(stream, Value::Array(params)).await.is_some());
        let heard = listener.events();
        let label = format!("{release:?} {who:?} {stream} {event_name} {args}");
        match expected {
            true => assert_eq!(heard, [((*event_name).to_owned(), args.clone())], "{label}"),
            false => assert!(heard.is_empty(), "{label}: {heard:?}"),
        }
        assert!(writer.events().is_empty(), "{label}: the writer hears nothing");
        workspace.streams.leave(&writer.client);
        workspace.streams.leave(&listener.client);
    }
}

#[tokio::test(start_paused = true)]
async fn writing() {
    let conference = json!([{"action": "call", "params": {"callId": "c", "uid": "bob", "rid": "r"}}]);
    for (release, old) in [(V6, true), (V8, false), (Unknown, false)] {
        writes(
            release,
            &[
                ("alice", "notify-all", "x", json!([1]), false),
                ("alice", "room-messages", "general", json!([{}]), false),
                ("alice", "user-presence", "alice", json!([1]), false),
                ("alice", "notify-room", "general/user-activity", json!(["alice.a", ["user-typing"]]), true),
                ("alice", "notify-room", "general/user-activity", json!(["bob.b", ["user-typing"]]), false),
                ("alice", "notify-room", "general/user-activity", json!(["Alice", []]), false),
                ("alice", "notify-room", "general/user-activity", json!([{"$ne": ""}, []]), false),
                ("alice", "notify-room", "general/user-activity", json!([]), false),
                ("alice", "notify-room", "general/typing", json!(["alice.a", true]), false),
                (NOBODY, "notify-room", "general/user-activity", json!(["alice.a", []]), false),
                (NOBODY, "notify-room", "chat/user-activity", json!(["v", [], {"token": "vt"}]), true),
                (NOBODY, "notify-room", "chat/user-activity", json!(["v", [], {"token": {"$ne": 1}}]), false),
                (NOBODY, "notify-room", "general/user-activity", json!(["v", [], {"token": "vt"}]), false),
                ("alice", "notify-room", "chat/user-activity", json!(["alice.a", [], {"token": "x"}]), false),
                (NOBODY, "notify-room", "general/webrtc", json!([1]), old),
                (NOBODY, "notify-user", "bob/webrtc", json!([1]), old),
                ("alice", "notify-user", "bob/otr", json!(["handshake", {}]), old),
                ("alice", "notify-user", "bob/whatever", json!([1]), old),
                (NOBODY, "notify-user", "bob/whatever", json!([1]), false),
                (NOBODY, "notify-user", "bob/otr", json!(["handshake"]), false),
                ("alice", "notify-user", "bob/video-conference", conference.clone(), true),
                ("bob", "notify-user", "alice/video-conference", conference.clone(), false),
                (NOBODY, "notify-user", "bob/video-conference", conference.clone(), false),
                ("alice", "notify-user", "bob/video-conference", json!([{"action": "call", "params": {"callId": {"$ne": 1}, "uid": "bob", "rid": "r"}}]), false),
                ("alice", "notify-user", "bob/video-conference", json!([{"action": "call"}]), false),
                ("alice", "notify-user", "bob/media-calls", json!(["signal"]), false),
            ],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn real_names_and_handshakes_follow_their_settings() {
    let workspace = Workspace::new(V6).await;
    let (alice, bob) = (workspace.login("a", "alice"), workspace.client("b"));
    let hub = workspace.streams.hub();
    for (id, stream, event_name) in [
        ("1", "notify-room", "general/user-activity"),
        ("2", "notify-user", "bob/otr"),
    ] {
        let channel = super::workspace::stream(stream).channel();
        hub.subscribe(&bob.client, id, channel, event_name, None, &[]);
    }
    workspace.set("UI_Use_Real_Name", json!(true));
    for name in ["alice.a", "Alice"] {
        alice.write("notify-room", json!(["general/user-activity", name, []])).await;
    }
    for word in ["handshake", "acknowledge"] {
        alice.write("notify-user", json!(["bob/otr", word])).await;
    }
    assert_eq!(bob.events(), [("general/user-activity".into(), json!(["Alice", []]))]);
    workspace.set("OTR_Enable", json!(true));
    alice.write("notify-user", json!(["bob/otr", "handshake"])).await;
    assert_eq!(bob.events(), [("bob/otr".into(), json!(["handshake"]))]);
}

#[tokio::test(start_paused = true)]
async fn media_signals_are_handed_over_and_refused() {
    for release in [V6, V8] {
        let workspace = Workspace::new(release).await;
        let alice = workspace.login("a", "alice");
        for arg in [json!("signal"), json!(""), json!({"a": 1}), json!(null)] {
            alice.write("notify-user", json!(["alice/media-calls", arg])).await;
        }
        workspace.client("n").write("notify-user", json!(["alice/media-calls", "x"])).await;
        assert_eq!(workspace.core.asked(), ["processSerializedSignal alice signal"]);
        assert!(workspace.heard.lock().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_of_no_stream_is_anothers() {
    let workspace = Workspace::new(V8).await;
    let alice = workspace.login("a", "alice");
    assert!(alice.write("no-such", json!(["x"])).await.is_none());
    assert!(alice.write("stdout", json!(["x"])).await.is_none());
    for malformed in [json!([]), json!(null), json!({}), json!([1]), json!([{"$ne": 1}])] {
        assert!(alice.write("notify-user", malformed).await.is_some());
    }
}
