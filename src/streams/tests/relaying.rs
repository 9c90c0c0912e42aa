//! What clients write reaches the other streamers, and what those relay reaches clients.

use serde_json::json;

use super::workspace::{Workspace, stream, until};
use crate::ejson;
use crate::services::Release::{Unknown, V6, V8};
use crate::store::Collection;

// contract: streams/write/form
#[tokio::test(start_paused = true)]
async fn a_write_reaches_the_mesh_in_the_form_of_its_release() {
    for (release, expected) in [
        (
            V6,
            r#"[["notify-room","general/user-activity",["alice.a",[]]]]"#,
        ),
        (
            Unknown,
            r#"[["notify-room","general/user-activity",["alice.a",[]]]]"#,
        ),
        (
            V8,
            r#"[{"stream":"notify-room","eventName":"general/user-activity","args":["alice.a",[]],"origin":"origin-1"}]"#,
        ),
    ] {
        let workspace = Workspace::new(release).await;
        let alice = workspace.login("a", "alice");
        alice
            .write(
                "notify-room",
                json!(["general/user-activity", "alice.a", []]),
            )
            .await;
        alice
            .write("notify-room", json!(["general/user-activity", "bob.b", []]))
            .await;
        until(|| !workspace.heard.lock().is_empty()).await;
        assert_eq!(*workspace.heard.lock(), [expected], "{release:?}");
    }
}

// contract: streams/write/own, events/stream
#[tokio::test(start_paused = true)]
async fn what_others_relay_is_heard_once_and_not_relayed_again() {
    let workspace = Workspace::new(V8).await;
    let bob = workspace.login("b", "bob");
    bob.sub("notify-user", "1", json!(["bob/message"])).await;
    bob.hears();
    for (data, heard) in [
        (r#"[["notify-user","bob/message",[{"a":1}]]]"#, true),
        (
            r#"[{"stream":"notify-user","eventName":"bob/message","args":[{"a":1}],"origin":"o2"}]"#,
            true,
        ),
        (
            r#"[{"stream":"notify-user","eventName":"bob/message","args":[{"a":1}],"origin":"origin-1"}]"#,
            false,
        ),
        (
            r#"[{"stream":"notify-user","eventName":"bob/message","args":{"a":1}}]"#,
            false,
        ),
    ] {
        workspace.streams.relayed(&ejson::raw(data.into()).unwrap());
        let expected = if heard {
            vec![("bob/message".to_owned(), json!([{"a": 1}]))]
        } else {
            vec![]
        };
        assert_eq!(bob.events(), expected, "{data}");
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(workspace.heard.lock().is_empty());
}

// contract: streams/notify-room-users/write
#[tokio::test(start_paused = true)]
async fn the_users_of_a_room() {
    for (release, old) in [(V6, true), (V8, false)] {
        let workspace = Workspace::new(release).await;
        workspace.put(
            Collection::Subscriptions,
            json!({"_id": "chat-visitor", "rid": "chat", "v": {"_id": "visitor"}, "servedBy": {"_id": "other"}}),
        );
        let all = workspace.client("all");
        let hub = workspace.streams.hub();
        for event_name in [
            "alice/x",
            "bob/x",
            "alice/userData",
            "bob/userData",
            "visitor/webrtc",
            "bob/webrtc",
            "alice/webrtc",
        ] {
            hub.subscribe(
                &all.client,
                event_name,
                stream("notify-user").channel(),
                event_name,
                None,
                &[],
            );
        }
        let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
        let (eve, visitor) = (workspace.login("e", "eve"), workspace.client("v"));
        for (who, event_name, expected) in [
            (&alice, "general/userData", vec!["bob/userData"]),
            (
                &alice,
                "general/x",
                if old { vec!["bob/x"] } else { vec![] },
            ),
            (&alice, "secret/userData", vec![]),
            (&eve, "general/userData", vec![]),
            (&visitor, "general/userData", vec![]),
            (
                &bob,
                "chat/webrtc",
                if old { vec!["visitor/webrtc"] } else { vec![] },
            ),
            (
                &visitor,
                "chat/webrtc",
                if old { vec!["bob/webrtc"] } else { vec![] },
            ),
            (&visitor, "general/webrtc", vec![]),
            (&alice, "general/webrtc", vec![]),
        ] {
            who.write("notify-room-users", json!([event_name, {"a": 1}, 2]))
                .await;
            let heard: Vec<_> = all.events();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|name| (name.to_owned(), json!([{"a": 1}, 2])))
                .collect();
            assert_eq!(heard, expected, "{release:?} {event_name}");
        }
        let relayed = if old { 4 } else { 1 };
        until(|| workspace.heard.lock().len() >= relayed).await;
        assert_eq!(workspace.heard.lock().len(), relayed);
        assert!(
            workspace
                .heard
                .lock()
                .iter()
                .all(|data| data.contains("notify-user"))
        );
    }
}
