//! Who may write what, and who hears it.

use serde_json::{Value, json};

use super::workspace::{Offers, Workspace, stream, until};
use crate::ddp::Code;
use crate::mesh::ServiceSpec;
use crate::services::Release::{self, Unknown, V6, V8};
use crate::store::Collection;

/// An anonymous session.
const NOBODY: &str = "";

/// What a release makes of writes: who writes what, and whether the listener hears it.
async fn writes(release: Release, rows: &[(&str, &str, &str, Value, bool)]) {
    let workspace = Workspace::new(release).await;
    workspace.set("OTR_Enable", json!(true));
    workspace.core.grant("validateAction call alice");
    for (who, name, event_name, args, expected) in rows {
        let writer = match *who {
            NOBODY => workspace.client("w"),
            user => workspace.login("w", user),
        };
        let listener = workspace.client("l");
        let channel = stream(name).channel();
        for session in [&writer, &listener] {
            let hub = workspace.streams.hub();
            hub.subscribe(&session.client, "1", channel, event_name, None, &[]);
        }
        let mut params = vec![json!(event_name)];
        params.extend(args.as_array().unwrap().iter().cloned());
        assert!(writer.write(name, Value::Array(params)).await.is_some());
        let heard = listener.events();
        let label = format!("{release:?} {who:?} {name} {event_name} {args}");
        match expected {
            true => assert_eq!(heard, [((*event_name).to_owned(), args.clone())], "{label}"),
            false => assert!(heard.is_empty(), "{label}: {heard:?}"),
        }
        assert!(
            writer.events().is_empty(),
            "{label}: the writer hears nothing"
        );
        workspace.streams.leave(&writer.client);
        workspace.streams.leave(&listener.client);
    }
}

// contract: streams/write/refused, streams/write/heard
#[tokio::test(start_paused = true)]
async fn writing() {
    let conference =
        json!([{"action": "call", "params": {"callId": "c", "uid": "bob", "rid": "r"}}]);
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

// contract: streams/notify-room/write, streams/notify-user/write
#[tokio::test(start_paused = true)]
async fn real_names_and_handshakes_follow_their_settings() {
    let workspace = Workspace::new(V6).await;
    let (alice, bob) = (workspace.login("a", "alice"), workspace.client("b"));
    let hub = workspace.streams.hub();
    for (id, name, event_name) in [
        ("1", "notify-room", "general/user-activity"),
        ("2", "notify-user", "bob/otr"),
    ] {
        let channel = stream(name).channel();
        hub.subscribe(&bob.client, id, channel, event_name, None, &[]);
    }
    workspace.set("UI_Use_Real_Name", json!(true));
    for name in ["alice.a", "Alice"] {
        alice
            .write("notify-room", json!(["general/user-activity", name, []]))
            .await;
    }
    for word in ["handshake", "acknowledge"] {
        alice.write("notify-user", json!(["bob/otr", word])).await;
    }
    assert_eq!(
        bob.events(),
        [("general/user-activity".into(), json!(["Alice", []]))]
    );
    workspace.set("OTR_Enable", json!(true));
    alice
        .write("notify-user", json!(["bob/otr", "handshake"]))
        .await;
    assert_eq!(bob.events(), [("bob/otr".into(), json!(["handshake"]))]);
}

// contract: streams/notify-user/write
#[tokio::test(start_paused = true)]
async fn media_signals_are_handed_over_and_refused() {
    for release in [V6, V8] {
        let workspace = Workspace::new(release).await;
        let alice = workspace.login("a", "alice");
        for arg in [json!("signal"), json!(""), json!({"a": 1}), json!(null)] {
            alice
                .write("notify-user", json!(["alice/media-calls", arg]))
                .await;
        }
        workspace
            .client("n")
            .write("notify-user", json!(["alice/media-calls", "x"]))
            .await;
        assert_eq!(
            workspace.core.asked(),
            ["processSerializedSignal alice signal"]
        );
        assert!(workspace.heard.lock().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_of_no_stream_is_anothers() {
    let workspace = Workspace::new(V8).await;
    let alice = workspace.login("a", "alice");
    assert!(alice.write("no-such", json!(["x"])).await.is_none());
    assert!(alice.write("stdout", json!(["x"])).await.is_none());
    for malformed in [
        json!([]),
        json!(null),
        json!({}),
        json!([1]),
        json!([{"$ne": 1}]),
    ] {
        assert!(alice.write("notify-user", malformed).await.is_some());
    }
}

// contract: streams/write/unasked
#[tokio::test(start_paused = true)]
async fn a_rule_that_cannot_be_asked_is_an_error() {
    let workspace = Workspace::new(V8).await;
    let alice = workspace.login("a", "alice");
    let params = json!({"callId": "c", "uid": "bob", "rid": "r"});
    let signal = json!({"action": "call", "params": params});
    let write = async || {
        let write = json!(["bob/video-conference", signal.clone()]);
        alice.write("notify-user", write).await.unwrap()
    };
    assert!(write().await.is_ok(), "the answer is no");
    workspace.core.fail(true);
    let error = write().await.unwrap_err();
    assert_eq!(error.code, Code::Number(500));
    assert!(workspace.heard.lock().is_empty());
}

// contract: streams/rule/otr
#[tokio::test(start_paused = true)]
async fn otr_may_be_a_text() {
    let workspace = Workspace::new(V6).await;
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    for (value, is_on) in [
        (json!("true"), true),
        (json!("false"), false),
        (json!("TRUE"), false),
        (json!(true), true),
        (json!(1), false),
    ] {
        workspace.set("OTR_Enable", value.clone());
        let verdict = bob.verdict("notify-user", "bob/otr", json!([])).await;
        assert_eq!(verdict == "ready", is_on, "{value}");
        bob.asks("notify-user", "bob/otr", json!([])).await;
        alice
            .write("notify-user", json!(["bob/otr", "handshake"]))
            .await;
        assert_eq!(bob.events().len(), usize::from(is_on), "{value}");
        workspace.streams.unsubscribe(&bob.client, "bob/otr");
        bob.hears();
    }
}

// contract: streams/write/typing
#[tokio::test(start_paused = true)]
async fn typing_is_told_to_one_node_of_each_service_that_listens() {
    for release in [V6, V8] {
        let workspace = Workspace::new(release).await;
        let (alice, visitor) = (workspace.login("a", "alice"), workspace.client("v"));
        let types = async || {
            for (session, event_name, args) in [
                (
                    &alice,
                    "general/user-activity",
                    json!(["alice.a", ["user-typing"]]),
                ),
                (&alice, "general/user-activity", json!(["alice.a"])),
                (
                    &alice,
                    "general/user-activity",
                    json!(["bob.b", ["user-typing"]]),
                ),
                (
                    &visitor,
                    "chat/user-activity",
                    json!(["v", [], {"token": "vt"}]),
                ),
                (&alice, "general/webrtc", json!([1])),
            ] {
                let mut params = vec![json!(event_name)];
                params.extend(args.as_array().unwrap().iter().cloned());
                session.write("notify-room", Value::Array(params)).await;
            }
            workspace.quiet().await;
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        let mut tapped = workspace.bus.tap();
        types().await;
        let mut told = || {
            let mut all = Vec::new();
            while let Ok((subject, packet)) = tapped.try_recv() {
                let packet: Value = serde_json::from_slice(&packet).unwrap();
                if packet["event"] == "room.user-activity" && subject.starts_with("MOL.EVENT") {
                    all.push((packet["groups"].clone(), packet["data"].clone()));
                }
            }
            all
        };
        assert_eq!(told(), [], "nobody lists it");
        let mut services = workspace.core.services(release, Offers::Plain);
        for name in ["federation", "other"] {
            services.push(ServiceSpec::new(name).event("room.user-activity"));
        }
        workspace.core_node.set_services(&services);
        // Its INFO is there.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        told();
        types().await;
        let typing = |activities: Value| {
            (
                json!(["federation", "other"]),
                json!([{"rid": "general", "uid": "alice", "activities": activities}]),
            )
        };
        assert_eq!(
            told(),
            [typing(json!(["user-typing"])), typing(json!([]))],
            "{release:?}"
        );
    }
}

// contract: streams/notify-room-users/write
#[tokio::test(start_paused = true)]
async fn what_is_written_to_many_goes_as_the_mesh_takes_it() {
    let workspace = Workspace::new(V6).await;
    for n in 0..100 {
        let member =
            json!({"_id": format!("general-{n}"), "rid": "general", "u": {"_id": n.to_string()}});
        workspace.put(Collection::Subscriptions, member);
    }
    let (alice, bob) = (workspace.login("a", "alice"), workspace.login("b", "bob"));
    let mesh = workspace.streams.services.mesh().clone();
    let large = "x".repeat(64 * 1024);
    for (session, text) in [(&alice, "usual"), (&bob, &large), (&alice, &large)] {
        let params = json!(["general/whatever", text]);
        assert!(session.write("notify-room-users", params).await.is_some());
        let waits = mesh.stats().outbox_bytes;
        assert!(waits < 2 * 1024 * 1024, "{waits} bytes keep others waiting");
    }
    // Whoever leaves: it was accepted.
    workspace.streams.leave(&alice.client);
    until(|| workspace.heard.lock().len() == 3 * 101).await;
    assert_eq!(mesh.stats().events_lost_out, 0);
}
