//! From a core's broadcast to sessions and copies: mesh, events, streams and collections joined as the app joins them.

use std::collections::BTreeSet;

use serde_json::json;

use super::random_id;
use super::stage::{Listener, Stage, packet};
use crate::ddp::Close;
use crate::services::testing::settle;
use crate::store::Collection;
use crate::streams::Stream;

/// A session that listens to `force_logout` hears of it, and only then ends.
// contract: ddp/thrown-out/logout
#[tokio::test(start_paused = true)]
async fn a_forced_logout_is_heard_before_the_end() {
    let stage = Stage::start("8.x").await;
    let params = json!(["u/force_logout"]);
    stage.raw.sub(&stage.streams, "notify-user", &params).await;
    stage.forget();
    stage.broadcast("user.forceLogout", r#"["u"]"#).await;
    assert_eq!(
        stage.raw.hears(),
        [
            r#"{"msg":"changed","collection":"stream-notify-user","id":"id","fields":{"eventName":"u/force_logout","args":[]}}"#
        ]
    );
    assert_eq!(stage.raw.closing(), Some(Close::ThrownOut));
}

// contract: ddp/thrown-out/token
#[tokio::test(start_paused = true)]
async fn a_token_that_is_gone_is_looked_up_in_the_database() {
    let stage = Stage::start("8.x").await;
    let (kept, gone) = (stage.enter("1", "kept"), stage.enter("2", "gone"));
    let user =
        json!({"_id": "kept", "services": {"resume": {"loginTokens": [{"hashedToken": "h-1"}]}}});
    stage
        .store
        .as_memory()
        .unwrap()
        .put(Collection::Users, user)
        .unwrap();
    for user in ["kept", "gone"] {
        stage
            .broadcast(
                "watch.users",
                &format!(r#"[{{"id":"{user}","clientAction":"updated","diff":{{"services.resume.loginTokens":[]}}}}]"#),
            )
            .await;
    }
    assert_eq!(
        [&kept, &gone].map(Listener::closing),
        [None, Some(Close::ThrownOut)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_is_heard_however_it_is_written() {
    let stage = Stage::start("8.x").await;
    let params = json!(["r"]);
    stage
        .raw
        .sub(&stage.streams, "room-messages", &params)
        .await;
    stage.forget();
    for (message, heard) in [
        (r#"{"_id":"1","rid":"r"}"#, true),
        (r#"{ "rid" : "r" }"#, true),
        (r#"{"\u0072id":"r","x":{"rid":"q"}}"#, true),
        (r#"{"rid":"q","rid":"r"}"#, true),
        (r#"{"rid":"q"}"#, false),
        (r#"{"rid":"q","x":{"rid":"r"}}"#, false),
    ] {
        let data = format!(r#"[{{"clientAction":"inserted","message":{message}}}]"#);
        stage.broadcast("watch.messages", &data).await;
        let frames = stage.raw.hears();
        assert_eq!(frames.len(), usize::from(heard), "{message}");
        assert!(frames.iter().all(|frame| frame.contains(message)));
    }
}

// contract: events/settings/copy, events/watch.settings
#[tokio::test(start_paused = true)]
async fn the_copy_of_settings_is_kept_fresh() {
    let stage = Stage::start("7.x").await;
    for value in [true, false] {
        stage
            .broadcast(
                "watch.settings",
                &format!(r#"[{{"clientAction":"updated","setting":{{"_id":"OTR_Enable","value":{value}}}}}]"#),
            )
            .await;
        assert_eq!(stage.settings.is_true("OTR_Enable").await.unwrap(), value);
    }
}

// contract: events/ephemeral/id
#[test]
fn two_notices_of_one_millisecond_are_two_messages() {
    let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| random_id()).collect();
    assert_eq!(ids.len(), 1000);
    for id in ids {
        assert_eq!(id.len(), 17);
        let unmistakable = |c: char| c.is_ascii_alphanumeric() && !"01IOUVl".contains(c);
        assert!(id.chars().all(unmistakable), "{id}");
    }
}

/// Something to hear of each stream that anybody may hear; presence, collections, `__my_messages__` and `rooms-changed` beside.
const EVERY_STREAM: [(&str, &str); 15] = [
    ("notify-all", "x"),
    ("notify-logged", "x"),
    ("notify-logged", "private-settings-changed"),
    ("notify-room", "r/user-activity"),
    ("notify-user", "u/message"),
    ("room-messages", "r"),
    ("room-data", "r"),
    ("roles", "roles"),
    ("importers", "progress"),
    ("apps", "apps"),
    ("canned-responses", "canned-responses"),
    ("integrationHistory", "i"),
    ("livechat-room", "l"),
    ("livechat-inquiry-queue-observer", "public"),
    ("video-conference", "c/updated"),
];
/// Streams that nobody may hear, and `stdout`, which 7.x has alone.
const NEVER: [&str; 3] = ["apps-engine", "local", "notify-room-users"];

#[test]
fn every_stream_is_listened_to() {
    let heard = EVERY_STREAM.iter().map(|(stream, _)| *stream);
    let known: BTreeSet<_> = heard
        .chain(NEVER)
        .chain(["stdout", "user-presence"])
        .collect();
    let all: BTreeSet<_> = Stream::all().map(Stream::name).collect();
    assert_eq!(known, all);
}

/// Each way of being thrown out, and an event of every stream behind it on the same connection: whoever is gone hears none
/// of them, and whoever stays hears each.
// contract: ddp/thrown-out/logout, ddp/thrown-out/token, ddp/thrown-out/held
#[tokio::test(start_paused = true)]
async fn whoever_is_thrown_out_hears_nothing_of_any_stream() {
    let tokens = r#"{"services.resume.loginTokens":1}"#;
    let user = |rest: &str| format!(r#"[{{"id":"u","clientAction":"updated",{rest}}}]"#);
    let ways = [
        ("user.forceLogout", r#"["u"]"#.to_owned(), [true, true]),
        (
            "user.forceLogout",
            r#"["u","raw"]"#.to_owned(),
            [true, false],
        ),
        // The database knows the token of the other session.
        (
            "watch.users",
            user(r#""diff":{"services.resume.loginTokens":[]}"#),
            [true, false],
        ),
        (
            "watch.users",
            user(&format!(r#""diff":{{"active":false}},"unset":{tokens}"#)),
            [true, true],
        ),
        (
            "watch.roles",
            r#"[{"clientAction":"updated","role":{"_id":"x"}}]"#.to_owned(),
            [false, false],
        ),
    ];
    for release in ["7.x", "8.x"] {
        for (event, data, gone) in &ways {
            let stage = Stage::start(release).await;
            let on = r#"[{"clientAction":"updated","setting":{"_id":"Canned_Responses_Enable","value":true}}]"#;
            stage.broadcast("watch.settings", on).await;
            let mut listened = EVERY_STREAM.to_vec();
            if release == "7.x" {
                listened.push(("stdout", "stdout"));
            }
            let names = listened
                .iter()
                .map(|(stream, name)| (stream.to_string(), name.to_string()));
            stage.listen(&names.collect()).await;
            if *gone == [true, true] {
                let user = json!({"_id": "u", "username": "una", "roles": ["user"]});
                stage
                    .store
                    .as_memory()
                    .unwrap()
                    .put(Collection::Users, user)
                    .unwrap();
            }
            let mut packets = vec![packet(event, data)];
            for (stream, name) in &listened {
                packets.push(packet("stream", &format!(r#"[["{stream}","{name}",[1]]]"#)));
            }
            for (event, data) in [
                (
                    "watch.messages",
                    r#"[{"clientAction":"inserted","message":{"_id":"m","rid":"r"}}]"#,
                ),
                (
                    "watch.rooms",
                    r#"[{"clientAction":"updated","room":{"_id":"r","t":"c"}}]"#,
                ),
                (
                    "presence.status",
                    r#"[{"user":{"_id":"w","username":"wim","status":"busy"},"previousStatus":"online"}]"#,
                ),
                (
                    "meteor.clientVersionUpdated",
                    r#"[{"_id":"web.browser","version":"v2","versionHmr":0}]"#,
                ),
            ] {
                packets.push(packet(event, data));
            }
            for packet in packets {
                stage.bus.publish("MOL.EVENT.streamer-1", packet);
            }
            settle().await;
            for (listener, gone) in [&stage.raw, &stage.sockjs].into_iter().zip(gone) {
                let label = format!("{release} {event} {data}");
                let heard = listener.hears();
                if *gone {
                    assert_eq!(heard, [""; 0], "{label}");
                    assert_eq!(listener.closing(), Some(Close::ThrownOut), "{label}");
                    continue;
                }
                assert_eq!(listener.closing(), None, "{label}");
                let all = heard.join("\n").replace('\\', "");
                for (stream, name) in &listened {
                    let frame = format!(
                        r#""collection":"stream-{stream}","id":"id","fields":{{"eventName":"{name}","args":[1]}}"#
                    );
                    assert_eq!(all.matches(&frame).count(), 1, "{label}: {frame}");
                }
                for one in [
                    "__my_messages__",
                    "u/rooms-changed",
                    "stream-user-presence",
                    "meteor_autoupdate_clientVersions",
                ] {
                    assert!(all.contains(one), "{label}: {one} in {all}");
                }
            }
        }
    }
}
