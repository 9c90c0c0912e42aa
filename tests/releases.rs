//! What differs between the releases of a core, against a core of each: forms, questions, answers.

use serde_json::{Value, json};

use crate::support::Workspace;

/// All that differ, as `core.js --release` takes them.
const RELEASES: [&str; 6] = ["6", "7", "8", "8.8", "8.9", "9"];

async fn workspace(release: &str) -> Workspace {
    Workspace::with().core("--release", release).start().await
}

fn number(release: &str) -> f64 {
    release.parse().expect("a number")
}

// contract: events/presence.status, streams/write/form, streams/write/typing, streams/rule/roles
#[tokio::test]
async fn what_each_release_is_told_and_asked() {
    for release in RELEASES {
        let workspace = workspace(release).await;
        // Another streamer, and a service that tells other servers who types.
        workspace
            .core
            .ask(
                "services",
                json!({"add": ["streamer"], "events": {"device-management": {"add": ["room.user-activity"]}}}),
            )
            .await;
        let (mut alice, mut bob) = (workspace.login("alice").await, workspace.login("bob").await);
        for client in [&mut alice, &mut bob] {
            client.listen("notify-logged", "user-status").await;
            client
                .listen("notify-room", "private-id/user-activity")
                .await;
        }
        bob.listen("notify-user", "bob-id/userData").await;
        let (question, params) = match number(release) >= 8.0 {
            true => (
                "authorization.canAccessRoom",
                json!([{"_id": "private-id", "t": "p"}, {"_id": "bob-id", "roles": ["user"]}]),
            ),
            false => (
                "authorization.canAccessRoomId",
                json!(["private-id", "bob-id"]),
            ),
        };
        workspace.core_hears(question, params).await;

        // A status: as many elements, and as many keys, as its clients know.
        bob.so_far().await;
        alice.so_far().await;
        let answer = bob.call("setUserStatus", json!(["busy", ""])).await;
        assert_eq!(answer["result"], true, "{release}: {answer}");
        let status = alice.hears("notify-logged", "user-status").await;
        let elements = if number(release) < 8.0 { 6 } else { 8 };
        assert_eq!(
            status[0].as_array().map(Vec::len),
            Some(elements),
            "{release}"
        );
        let data = bob.hears("notify-user", "bob-id/userData").await;
        let keys: Vec<_> = data[0]["unset"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        let expected: &[&str] = match number(release) {
            old if old < 8.0 => &["statusText"],
            early if early < 8.6 => &["statusExpiresAt", "statusSource", "statusText"],
            _ => &["statusExpiresAt", "statusText"],
        };
        assert_eq!(keys, expected, "{release}: {data}");

        // Typing: to the others in the form that they understand, and to whoever tells of it.
        let params = json!(["private-id/user-activity", "bob", ["user-typing"]]);
        bob.call("stream-notify-room", params).await;
        let heard = alice.hears("notify-room", "private-id/user-activity").await;
        assert_eq!(heard, json!(["bob", ["user-typing"]]));
        let relayed = workspace.core_hears("stream", json!([])).await;
        let (name, args) = ("private-id/user-activity", json!(["bob", ["user-typing"]]));
        match number(release) >= 9.0 {
            true => {
                let event = &relayed[0];
                assert_eq!(
                    (&event["stream"], &event["eventName"], &event["args"]),
                    (&json!("notify-room"), &json!(name), &args)
                );
            }
            false => assert_eq!(relayed, json!([["notify-room", name, args]])),
        }
        let typing = json!([{"rid": "private-id", "uid": "bob-id", "activities": ["user-typing"]}]);
        let told = workspace
            .core
            .ask(
                "await",
                json!({"match": {"name": "room.user-activity", "params": typing}}),
            )
            .await;
        assert_eq!(told[0]["broadcast"], false, "{release}: {told}");
        assert_eq!(told[0]["groups"], json!(["device-management"]));
    }
}

// contract: streams/presence/not-relayed, streams/presence/collection, events/stream
#[tokio::test]
async fn nobody_writes_presence() {
    let workspace = workspace("9").await;
    let mut alice = workspace.client().await;
    alice.login("alice").await;
    let options = json!({"useCollection": true, "added": ["bob-id"]});
    alice
        .sub("stream-user-presence", json!(["", options]))
        .await;
    let added = |one: &Value| one["msg"] == "added" && one["collection"] == "stream-user-presence";
    assert!(!alice.so_far().await.iter().any(added));
    alice.listen("notify-all", "license").await;
    for data in [
        json!([["user-presence", "bob-id", [["bob", 1, ""]]]]),
        json!([{"stream": "user-presence", "eventName": "bob-id", "args": [["bob", 1, ""]], "origin": "x"}]),
    ] {
        workspace.broadcast("stream", data).await;
    }
    workspace.broadcast("license.sync", json!([])).await;
    alice.hears("notify-all", "license").await;
    assert_eq!(alice.so_far().await, [] as [Value; 0]);
}

// contract: streams/write/unasked, methods/status/answer, methods/status/unchecked
#[tokio::test]
async fn what_the_core_says_no_to() {
    let workspace = workspace("9").await;
    let mut alice = workspace.login("alice").await;
    // Nothing changes: the presence service says false, and so does the result.
    for expected in [true, false] {
        let answer = alice.call("setUserStatus", json!(["busy", "tea"])).await;
        assert_eq!(answer["result"], expected, "{answer}");
    }
    alice.call("setUserStatus", json!([])).await;
    workspace
        .core_hears("presence.setStatus", json!(["alice-id", null]))
        .await;
    alice.call("setUserStatus", json!([null, "lunch"])).await;
    workspace
        .core_hears("presence.setStatus", json!(["alice-id", null, "lunch"]))
        .await;

    let params = json!({"callId": "call-id", "uid": "bob-id", "rid": "private-id"});
    let signal = json!(["bob-id/video-conference", {"action": "call", "params": params}]);
    let valid = json!({"state": {"videoConference": {"valid": false}}});
    workspace.core.ask("set", valid).await;
    let refused = alice.call("stream-notify-user", signal.clone()).await;
    assert_eq!(refused.get("error"), None, "{refused}");
    let action = "video-conference.validateAction";
    let broken = json!({"action": action, "error": {"plain": "boom"}});
    workspace.core.ask("behave", broken).await;
    let failed = alice.call("stream-notify-user", signal).await;
    assert_eq!(failed["error"]["error"], 500, "{failed}");
}
