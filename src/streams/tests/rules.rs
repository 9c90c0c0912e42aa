//! Each rule: granted, refused, anonymous, and when it cannot be asked.

use serde_json::{Value, json};

use super::workspace::{Workspace, stream, verdict_of};
use crate::services::Release::{Unknown, V6, V8};

pub(super) const REFUSED: &str = "not-allowed";
pub(super) const UNASKED: &str = "500";

/// Who asks: an anonymous session, or a user.
pub(super) const NOBODY: &str = "";

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
pub(super) type Row = (
    &'static str,
    &'static str,
    &'static str,
    Value,
    &'static str,
);

pub(super) async fn walk(workspace: &Workspace, rows: Vec<Row>) {
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
            ("notify-room-users", REFUSED, REFUSED),
        ] {
            rows.push((NOBODY, stream, "x", n.clone(), anonymous));
            rows.push(("alice", stream, "x", n.clone(), user));
        }
        walk(&workspace, rows).await;
        assert!(workspace.core.asked().is_empty());
    }
}

// contract: ddp/message/twice
#[tokio::test(start_paused = true)]
async fn two_publications_of_one_event_get_two_frames() {
    let workspace = Workspace::new(V8).await;
    let alice = workspace.login("s", "alice");
    for id in ["1", "2"] {
        alice.sub("notify-all", id, json!(["license", false])).await;
    }
    alice.hears();
    workspace
        .streams
        .publish(stream("notify-all"), "license", "[7]");
    let changed = json!({"msg": "changed", "collection": "stream-notify-all", "id": "id",
        "fields": {"eventName": "license", "args": [7]}});
    assert_eq!(alice.hears(), [changed.clone(), changed.clone()]);
    workspace.streams.unsubscribe(&alice.client, "1");
    alice.hears();
    workspace
        .streams
        .publish(stream("notify-all"), "license", "[7]");
    assert_eq!(alice.hears(), [changed]);
}

// contract: streams/subscribe/event-name, streams/subscribe/refused, ddp/message/unknown-publication
#[tokio::test(start_paused = true)]
async fn unknown_publications_and_event_names() {
    let workspace = Workspace::new(V8).await;
    let alice = workspace.login("s", "alice");
    for stream in [
        "no-such",
        "stream-notify-all",
        "",
        "stdout",
        "apps-engine",
        "local",
    ] {
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
        assert_eq!(verdict_of(&alice.hears()), "invalid-event-name", "{params}");
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
            let expected = if malformed.is_empty() {
                "invalid-event-name"
            } else {
                REFUSED
            };
            assert_eq!(word, expected, "{stream} {malformed:?}");
        }
    }
}

// contract: streams/subscribe/collection
#[tokio::test(start_paused = true)]
async fn added_precedes_ready_where_it_is_wanted() {
    let workspace = Workspace::new(V6).await;
    let bot = workspace.client("s");
    bot.sub("room-messages", "1", json!(["__my_messages__", true]))
        .await;
    bot.sub("apps", "2", json!(["apps", {"useCollection": true}]))
        .await;
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

// contract: ddp/message/id-in-use, configuration/variable/DDP_MAX_SUBSCRIPTIONS, ddp/message/unsub
#[tokio::test(start_paused = true)]
async fn ids_and_limits() {
    let workspace = Workspace::new(V6).await;
    let alice = workspace.login("s", "alice");
    assert_eq!(
        verdict_of(&alice.asks("apps", "a", json!([])).await),
        "ready"
    );
    assert_eq!(
        verdict_of(&alice.asks("roles", "a", json!([])).await),
        "400"
    );
    workspace
        .streams
        .publish(super::workspace::stream("apps"), "a", "[1]");
    assert_eq!(
        alice.events(),
        [("a".to_owned(), json!([1]))],
        "the first is left alone"
    );
    for n in 1..20 {
        assert_eq!(
            verdict_of(&alice.asks("apps", &n.to_string(), json!([])).await),
            "ready"
        );
    }
    assert_eq!(
        verdict_of(&alice.asks("apps", "one more", json!([])).await),
        "429"
    );
    assert_eq!(
        verdict_of(&alice.asks("room-messages", "secret", json!([])).await),
        "429"
    );
    assert!(
        workspace.core.asked().is_empty(),
        "what has no place is not asked for"
    );
    assert!(workspace.streams.unsubscribe(&alice.client, "1"));
    assert_eq!(verdict_of(&alice.hears()), "nosub");
    assert!(!workspace.streams.unsubscribe(&alice.client, "1"));
    assert!(alice.hears().is_empty(), "silence");
}

// contract: streams/canned-responses/read, streams/integrationHistory/read
// contract: streams/livechat-inquiry-queue-observer/read, streams/stdout/read
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
                (
                    NOBODY,
                    "notify-logged",
                    "private-settings-changed",
                    n.clone(),
                    REFUSED,
                ),
                (
                    NOBODY,
                    "livechat-inquiry-queue-observer",
                    "public",
                    n.clone(),
                    REFUSED,
                ),
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
                ask(
                    "stdout",
                    "stdout",
                    if release == V6 { "ready" } else { "404" },
                ),
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
